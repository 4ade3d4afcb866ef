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

    Doing it again changes only what differs. Nothing is stored when a file is missing or broken.

    Example: posterity import movielens data/ml-latest-small
    """
    with session() as opened, Bar("reading ratings") as bar:
        report = import_movielens(
            opened.catalog, folder, lambda done, of: bar.update("reading ratings (bytes)", done, of)
        )
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        show(report)


def show(report: ImportReport) -> None:
    """Prints the report: rows read = used + rejected, by file."""
    table = Table("file", "rows read", "used", "rejected", box=None, header_style="bold")
    for file in report.files:
        table.add_row(Path(file.path).name, f"{file.rows:,}", f"{file.used:,}", _rejected(file))
    Console().print(table)
    ratings = "ratings replaced" if report.ratings_changed else "ratings unchanged"
    click.echo(f"{report.movies_changed:,} movies new or changed, {ratings}")


def _rejected(file: FileReport) -> str:
    if not file.rejected:
        return "0"
    return "; ".join(f"{count:,} {reason} ({file.examples.get(reason, '')})" for reason, count in file.rejected.items())
