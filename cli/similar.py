"""`posterity similar MOVIE`: neighbours from the published snapshot, as a table."""

import json
from dataclasses import dataclass
from typing import Any, Literal, cast

import click
from rich.console import Console
from rich.table import Table

from catalog.entries import Movie
from catalog.errors import CatalogError
from cli.filters import Filters, filter_options, filters_of
from cli.finding import find_movie
from cli.knobs import Debias
from cli.session import Session, session
from index.errors import NoSuchSpace, NotInIndex
from index.live import LiveSnapshot
from ratings.tastes import SIMILAR_DEBIAS


class NoNeighbours(CatalogError):
    """The movie is known, but the snapshot cannot answer for it; the message says why and what to do."""


@click.command("similar")
@click.argument("movie", nargs=-1, required=True)
@click.option("--by", type=click.Choice(["poster", "ratings"]), default="poster", show_default=True)
@click.option("-k", type=click.IntRange(1, 100), default=10, show_default=True, help="How many neighbours.")
@click.option(
    "--debias",
    type=Debias(),
    help="With --by ratings: 0 favours neighbours that many people rated, 1 those that few did.  "
    f"[default: {SIMILAR_DEBIAS:g}]",
)
@filter_options
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def similar_command(
    movie: tuple[str, ...], by: str, k: int, debias: float | None, as_json: bool, **filters: Any
) -> None:
    """Show the movies most similar to MOVIE, a title or an id.

    Example: posterity similar "kung fu panda" --by poster

    Example: posterity similar heat --by ratings --debias 0.5

    Example: posterity similar heat --genre thriller --year-from 1990
    """
    if by == "poster" and debias is not None:
        raise click.UsageError("--debias goes with --by ratings only")
    wanted = filters_of(filters)
    with session() as opened:
        asked, others = find_movie(opened.catalog, " ".join(movie))
        kind = cast(Literal["poster", "ratings"], by)
        question = _Question(kind, k, SIMILAR_DEBIAS if debias is None else debias, wanted)
        generation, rows = _neighbours(opened, asked, question)
    if as_json:
        items = [{"movie_id": m.movie_id, "title": m.title, "year": m.year, "score": score} for m, score in rows]
        answer = {"movie_id": asked.movie_id, "by": by, "index_version": generation, "exact": wanted.exact}
        click.echo(json.dumps({**answer, "items": items}))
        return
    if others:
        click.echo(f"also: {', '.join(f'{m.label} [{m.movie_id}]' for m in others)}", err=True)
    if wanted.any_set and not rows:
        click.echo("no movie matches these filters: ask for other years, another genre, or fewer ratings")
        return
    verb = "look like" if by == "poster" else "are liked like"
    click.echo(f"Movies that {verb} {asked.label}:")
    table = Table("title", "year", "score", box=None, header_style="bold")
    for found, score in rows:
        mark = " (title card)" if by == "poster" and found.poster_generated else ""
        table.add_row(found.title + mark, str(found.year or ""), f"{score:.3f}")
    Console().print(table)


@dataclass(frozen=True, slots=True)
class _Question:
    by: Literal["poster", "ratings"]
    k: int
    debias: float
    filters: Filters


def _neighbours(opened: Session, asked: Movie, question: _Question) -> tuple[int, list[tuple[Movie, float]]]:
    snapshot = LiveSnapshot(opened.settings.index_dir).get()
    debias = question.debias if question.by == "ratings" else 0.0
    try:
        among = question.filters.among(opened.catalog, snapshot, question.by)
        found = snapshot.similar(question.by, asked.movie_id, question.k, debias=debias, among=among)
    except (NotInIndex, NoSuchSpace) as err:
        raise NoNeighbours(_why_not(asked, question.by)) from err
    movies = {movie.movie_id: movie for movie in opened.catalog.movies.many([near.movie_id for near in found])}
    return snapshot.generation, [(movies[near.movie_id], near.score) for near in found if near.movie_id in movies]


def _why_not(asked: Movie, by: str) -> str:
    name = f"{asked.label} [{asked.movie_id}]"
    if by == "ratings":
        why = (
            "nobody has rated it"
            if asked.n_ratings == 0
            else "no trained model knows it yet: posterity train, then rebuild"
        )
        return f"{name} has no neighbours by ratings: {why}"
    if asked.state == "embedded":
        return f"{name} was embedded after the last snapshot: posterity rebuild"
    reason = f" ({asked.reason}: {asked.detail})" if asked.reason else ""
    step = ": posterity embed" if asked.state == "none" else ""
    return f"{name} has no embedded poster, its state is {asked.state}{reason}{step}"
