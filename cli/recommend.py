"""`posterity recommend USER`, or for somebody without an id: `posterity recommend --rated "Toy Story=5"`."""

import json
import re
from collections.abc import Sequence
from typing import cast

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from api.fields import LEAST_STARS, MOST_STARS
from api.histories import Histories, History, history_of
from api.recommending import MIN_RATINGS, RankedBy, Wanted, recommended
from api.user_answers import RecommendedMovie
from catalog.catalog import Catalog
from catalog.entries import MAX_ID
from catalog.errors import CatalogError
from cli.finding import find_movie
from cli.knobs import Debias
from cli.session import session
from index.live import LiveSnapshot
from ratings.tastes import RECOMMEND_DEBIAS

RATED = re.compile(r"(?P<movie>.*\S)\s*=\s*(?P<stars>[0-9](\.[0-9]+)?)", re.DOTALL)


class NothingRated(CatalogError):
    """The user has no ratings; the message says how to name some."""


@click.command("recommend")
@click.argument("user", type=click.IntRange(1, MAX_ID), required=False)
@click.option("--rated", multiple=True, metavar="MOVIE=STARS", help="A rating of somebody without an id; repeat it.")
@click.option("-k", type=click.IntRange(1, 100), default=10, show_default=True, help="How many movies.")
@click.option(
    "--by",
    type=click.Choice(["affinity", "rating"]),
    default="affinity",
    show_default=True,
    help="Ranked by what the user is drawn to, or by the stars expected.",
)
@click.option(
    "--debias",
    type=Debias(),
    help=f"With --by affinity: 0 favours what many people like, 1 what few do.  [default: {RECOMMEND_DEBIAS:g}]",
)
@click.option(
    "--min-ratings",
    type=click.IntRange(0, MAX_ID),
    help=f"Leave out movies with fewer.  [default: {MIN_RATINGS['rating']} with --by rating, else 0]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def recommend_command(
    user: int | None,
    rated: tuple[str, ...],
    k: int,
    by: str,
    debias: float | None,
    min_ratings: int | None,
    as_json: bool,
) -> None:
    """Show what the user with the id USER would like, without what he has rated.

    Example: posterity recommend 15

    Example: posterity recommend --rated "Toy Story=5" --rated "Heat=4"
    """
    if (user is None) == (not rated):
        raise click.UsageError("name a user by his id, or ratings with --rated MOVIE=STARS, and not both")
    if by == "rating" and debias is not None:
        raise click.UsageError("--debias goes with --by affinity only")
    wanted = Wanted(k, cast(RankedBy, by), RECOMMEND_DEBIAS if debias is None else debias, min_ratings)
    with session() as opened:
        history = _rated(opened.catalog, rated) if user is None else _history(opened.catalog, user)
        snapshot = LiveSnapshot(opened.settings.index_dir).get()
        items = recommended(opened.catalog, snapshot, history, wanted)
    if as_json:
        about = {"user_id": user, "by": by, "known_ratings": len(history), "index_version": snapshot.generation}
        click.echo(json.dumps({**about, "items": [item.model_dump(mode="json") for item in items]}))
        return
    if not items:
        click.echo("nothing is left to recommend: all that qualifies has been rated; try a smaller --min-ratings")
        return
    whom = "you" if user is None else f"user {user}"
    click.echo(f"For {whom}, from {len(history)} rated movie{'' if len(history) == 1 else 's'}:")
    Console().print(_table(items))


def _history(catalog: Catalog, user_id: int) -> History:
    history = Histories(catalog).of(user_id)
    if not len(history):
        raise NothingRated(
            f"user {user_id} has rated nothing yet: POST /ratings, or name ratings here, as in --rated 'Toy Story=5'"
        )
    return history


def _rated(catalog: Catalog, rated: Sequence[str]) -> History:
    """The history that the options spell; a movie given twice counts as it was given last."""
    movie_ids, stars = [], []
    for text in rated:
        spelt = RATED.fullmatch(text)
        if spelt is None or not LEAST_STARS <= float(spelt["stars"]) <= MOST_STARS:
            raise click.BadParameter(
                f"{text!r} is not MOVIE=STARS with {LEAST_STARS:g} to {MOST_STARS:g} stars, such as 'Toy Story=5'",
                param_hint="--rated",
            )
        movie, others = find_movie(catalog, spelt["movie"].strip())
        if others or spelt["movie"].strip().isdigit():  # a number may be meant as a title: 300, 21, 1984
            click.echo(f"{spelt['movie'].strip()!r} is taken for {movie.label} [{movie.movie_id}]", err=True)
        movie_ids.append(movie.movie_id)
        stars.append(float(spelt["stars"]))
    return history_of(np.array(movie_ids, np.int64), np.array(stars, np.float32))


def _table(items: Sequence[RecommendedMovie]) -> Table:
    table = Table("title", "year", "stars", "because of", box=None, header_style="bold")
    for item in items:
        stars = "" if item.predicted_rating is None else f"{item.predicted_rating:.1f}"
        because = ", ".join(reason.title for reason in item.because)
        table.add_row(item.title, str(item.year or ""), stars, because)
    return table
