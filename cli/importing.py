"""`posterity import movielens DIR`: takes a MovieLens folder into the catalog."""

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from catalog.entries import FileReport
from cli.progress import Bar
from cli.session import session
from workers.importing import ImportReport, import_movielens


@click.group("import")
def import_command() -> None:
    """Take movies and ratings into the catalog.

    Example: posterity import movielens data/ml-latest-small
    """


@import_command.command("movielens")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def movielens(folder: Path, as_json: bool) -> None:
    """Take in movies.csv, links.csv and ratings.csv of an unpacked MovieLens folder.

    Each file may also be there as .gz; the last two may be missing. Doing it again changes only what differs. Nothing
    is stored when a file is broken.

    Example: posterity import movielens data/ml-latest-small
    """
    with session() as opened, Bar("reading movies", in_bytes=True) as bar:
        report = import_movielens(opened.catalog, folder, bar.update)
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        show(report)


def show(report: ImportReport) -> None:
    """Prints the report: rows read = used + rejected, by file; then what became of the movies and ratings."""
    table = Table("file", "rows read", "used", "rejected", box=None, header_style="bold")
    for file in report.files:
        table.add_row(Path(file.path).name, f"{file.rows:,}", f"{file.used:,}", _rejected(file))
    Console().print(table)
    for note in report.notes:
        click.echo(f"note: {note}")
    movies = f"{report.movies_new:,} new, {report.movies_changed:,} changed, {report.movies_unchanged:,} unchanged"
    deleted = f", {report.movies_deleted_here:,} deleted here" if report.movies_deleted_here else ""
    click.echo(f"movies: {movies}{deleted}; ratings: {'replaced' if report.ratings_changed else 'unchanged'}")


def _rejected(file: FileReport) -> str:
    if not file.rejected:
        return "0"
    return "; ".join(f"{count:,} {reason} ({file.examples.get(reason, '')})" for reason, count in file.rejected.items())
