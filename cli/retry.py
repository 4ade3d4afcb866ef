"""`posterity retry`: sends failed movies back to the start."""

import json
from collections.abc import Sequence

import click

from catalog.catalog import Catalog
from catalog.entries import MAX_ID, Reason, State
from cli.session import session


@click.command("retry")
@click.option(
    "--reason", type=click.Choice([str(reason) for reason in Reason]), help="Only movies that failed for this."
)
@click.option(
    "--movie", "movie_ids", type=click.IntRange(1, MAX_ID), multiple=True, help="Only this movie; repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def retry_command(reason: str | None, movie_ids: tuple[int, ...], as_json: bool) -> None:
    """Queue failed movies again, for instance after posters were added to the folder.

    Example: posterity retry --reason no_poster && posterity embed --wait
    """
    with session() as opened:
        catalog = opened.catalog
        if movie_ids:
            again = catalog.work.retry_movies(_failed_for(catalog, movie_ids, reason))
        else:
            again = catalog.work.retry(Reason(reason) if reason else None)
    click.echo(json.dumps({"queued": again}) if as_json else f"{again:,} movies queued again")


def _failed_for(catalog: Catalog, movie_ids: Sequence[int], reason: str | None) -> list[int]:
    """Those of the movies that failed, for this reason if one is given.

    Raises:
        UnknownMovie: one of them is not in the catalog.
    """
    movies = [catalog.movies.get(movie_id) for movie_id in movie_ids]
    failed = [movie for movie in movies if movie.state == State.FAILED]
    return [movie.movie_id for movie in failed if reason in (None, movie.reason)]
