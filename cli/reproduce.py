"""`posterity reproduce`: the article from start to end, as a page to look at and figures to check."""

import contextlib
import json
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from catalog.entries import NewMovie
from catalog.movielens import read_movies
from cli import charts
from cli.evaluation_data import EvaluationData, evaluation_data
from cli.poster_rows import PosterRows, poster_rows
from cli.progress import Bar
from cli.report import PACKAGES, Report
from cli.report_rows import HEAT, TOY_STORY, Facts, Figures, seeds_words
from cli.rows import Row, exit_code, verdict, versions
from cli.session import bundled_data
from config.loading import load_settings
from ratings import reproducing, side_by_side
from ratings.matrix import RatingsMatrix
from ratings.reproducing import Effort

PAGE, NUMBERS = "report.html", "report.json"
WIDTH = 150  # columns, where there is no terminal to ask


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were given."""

    out: Path
    data: Path | None
    posters: Path | None
    quick: bool
    as_json: bool


@click.command("reproduce")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("posterity-report"),
    show_default=True,
    help="Folder of the report.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Another MovieLens folder than the bundled one.")
@click.option(
    "--posters",
    type=click.Path(path_type=Path),
    help="Folder of pictures called by movie id (1.jpg) or IMDb id, instead of the published posters.",
)
@click.option("--quick", is_flag=True, help="One seed and fewer epochs; figures are marked as quick.")
@click.option("--json", "as_json", is_flag=True, help="Print report.json instead of the table.")
def reproduce_command(**given: Any) -> None:
    """Repeat the article's experiments, show why they come out so, and what to do instead.

    Writes report.html, one page that needs nothing else, and report.json, all figures. With posters at hand the page
    has the article's rows of pictures too.

    Example: posterity reproduce --out posterity-report
    """
    asked = Asked(**given)
    _demand_writable(asked.out)
    report = _reproduced(asked)
    page, numbers = report.as_html(*charts.draw(report.figures)), json.dumps(report.as_json(), indent=1)
    _write(asked.out, {PAGE: page, NUMBERS: numbers + "\n"})
    if asked.as_json:
        click.echo(numbers)
    else:
        _console().print(picture(report))
    click.echo(f"wrote {asked.out / PAGE} and {asked.out / NUMBERS}", err=True)
    sys.exit(exit_code(report.rows))


def picture(report: Report) -> RenderableType:
    """The figures as a table, with what they were made by."""
    figures = report.figures
    counts = f"{figures.facts.ratings:,} ratings of {figures.facts.movies:,} movies by {figures.facts.users:,} users"
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("what", "value", "bar", ""):
        table.add_column(name, justify="right" if name == "value" else "left")
    table.add_column("beside it", style="dim")
    for row in report.rows:
        table.add_row(row.what, row.value, row.bar, _verdict(row), row.quality)
    notes = [
        f"{seeds_words(figures.effort)}; {report.seconds:.0f} s, {report.cpu_seconds:.0f} s of processor; "
        f"{versions(PACKAGES)}",
        f"posters: {report.posters.note or f'{len(report.posters.rows)} rows ({report.posters.source})'}",
        *(["Quick: one seed and fewer epochs; no bar is met by these figures."] if figures.effort.quick else []),
    ]
    title = Text(f"The article, reproduced: {counts} ({figures.facts.source})", style="bold")
    return Group(title, Text(), table, Text(), *(Text(note, "dim") for note in notes))


def _verdict(row: Row) -> Text:
    return Text(verdict(row), style="" if row.passed is None else "green" if row.passed else "red")


def _reproduced(asked: Asked) -> Report:
    folder = bundled_data(asked.data)
    data = evaluation_data(folder)
    movies = {it.movie_id: it for it in read_movies(folder).movies if it.movie_id is not None}
    posters = _posters(asked.posters, movies, data.matrix)  # first: what is wrong with them is then said at once
    began, cpu_began = time.monotonic(), time.process_time()
    figures = _figures(data, Effort.shortened() if asked.quick else Effort())
    return Report(figures, movies, posters, time.monotonic() - began, time.process_time() - cpu_began)


def _figures(data: EvaluationData, effort: Effort) -> Figures:
    errors_steps, lists_steps = reproducing.steps(effort), side_by_side.steps()
    with Bar("reproducing") as bar:

        def after(before: int) -> reproducing.Progress:
            return lambda what, done, of: bar.update(what, before + done, errors_steps + lists_steps)

        errors = reproducing.reproduce_errors(data.matrix, effort, after(0))
        lists = side_by_side.compare(data.matrix, (HEAT, TOY_STORY), data.genres, effort, after(errors_steps))
    return Figures(Facts.of(data.matrix, data.source), effort, errors, lists)


def _posters(folder: Path | None, movies: Mapping[int, NewMovie], matrix: RatingsMatrix) -> PosterRows:
    counts = dict(zip(matrix.movie_ids.tolist(), matrix.n_ratings.tolist(), strict=True))
    by_fame = sorted(movies, key=lambda movie_id: (-counts.get(movie_id, 0), movie_id))
    return poster_rows(folder, movies, by_fame, load_settings().weights)


def _demand_writable(folder: Path) -> None:
    """Makes the folder and tries it, so that nobody waits for minutes to be told.

    Raises:
        click.ClickException: nothing can be written there.
    """
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{secrets.token_hex(8)}"
        probe.touch(exist_ok=False)
        probe.unlink()


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    """Puts whole files in place of those of the same names; whatever else is in the folder stays."""
    for name, text in texts.items():
        aside = folder / f".{name}.{secrets.token_hex(4)}"
        with _told(folder):
            try:
                aside.write_text(text, encoding="utf-8")
                aside.replace(folder / name)
            finally:
                aside.unlink(missing_ok=True)


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        why = err.strerror or str(err)
        raise click.ClickException(f"{folder}: the report cannot be written there ({why}); name another --out") from err


def _console() -> Console:
    """As wide as the terminal; wide enough for the table elsewhere."""
    return Console() if sys.stdout.isatty() else Console(width=WIDTH)
