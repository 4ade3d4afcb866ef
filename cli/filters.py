"""The options of a search that say among which movies to look."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click
import numpy as np

from api.shelf import Shelf
from api.shelf_view import Wish
from catalog.catalog import Catalog
from index.filtering import Among
from index.snapshot import Snapshot
from index.spaces import SpaceName

MOST_EXCLUDED = 500  # as of GET /similar
FIRST_YEAR, LAST_YEAR = 1800, 2200
MAX_ID = 2**31 - 1
ANY = Wish()

F = TypeVar("F", bound=Callable[..., Any])


class Ids(click.ParamType[tuple[int, ...]]):
    """Ids of movies with commas between them."""

    name = "ids"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The ids, each once; the call ends with an explanation where they are none."""
        if isinstance(value, tuple):
            return value
        parts = str(value).split(",")
        if not all(part.isascii() and part.isdigit() and 1 <= int(part[:11]) <= MAX_ID for part in parts):
            self.fail(f"{value[:60]!r} is no list of movie ids: write 6,16,32", param, ctx)
        ids = tuple(dict.fromkeys(map(int, parts)))
        if len(ids) > MOST_EXCLUDED:
            self.fail(f"{len(ids)} movies are too many: {MOST_EXCLUDED} may be left out", param, ctx)
        return ids


@dataclass(frozen=True, slots=True)
class Filters:
    """What is wished for; `exclude` are ids of movies that may not answer, `exact` looks at every movie."""

    wish: Wish = ANY
    exclude: tuple[int, ...] = ()
    exact: bool = False

    @property
    def any_set(self) -> bool:
        """Whether some movies may not answer."""
        return self.wish != ANY or bool(self.exclude)

    def among(self, catalog: Catalog, snapshot: Snapshot, by: SpaceName) -> Among:
        """The same for the index; the movies are read from the catalog where something is wished for.

        Raises:
            click.UsageError: no movie has the genre; the message lists those there are.
            NoSuchSpace: the snapshot was published without that kind.
        """
        rows = None
        if self.wish != ANY:
            shelf = Shelf(catalog).load()
            _demand_genre(shelf.genres(), self.wish.genre)
            rows = shelf.mask(snapshot.space(by).movie_ids, self.wish)
        return Among(rows, np.array(self.exclude, np.int64) if self.exclude else None, self.exact)


def filter_options(command: F) -> F:
    """Adds --genre, --year-from, --year-to, --min-ratings, --exclude and --exact."""
    year = click.IntRange(FIRST_YEAR, LAST_YEAR)
    for option in (
        click.option("--exact", is_flag=True, help="Look at every movie, however long it takes."),
        click.option("--exclude", type=Ids(), metavar="IDS", default=None, help="Not these: ids such as 6,16,32."),
        click.option("--min-ratings", type=click.IntRange(0, MAX_ID), help="Only movies with so many ratings or more."),
        click.option("--year-to", type=year, help="Only movies of this year or before."),
        click.option("--year-from", type=year, help="Only movies of this year or later."),
        click.option("--genre", help="Only movies of this genre, such as comedy."),
    ):
        command = option(command)
    return command


def filters_of(given: dict[str, Any]) -> Filters:
    """What the options of `filter_options` said.

    Raises:
        click.UsageError: the years exclude each other.
    """
    wish = Wish(given["genre"], given["year_from"], given["year_to"], given["min_ratings"])
    if wish.year_from is not None and wish.year_to is not None and wish.year_to < wish.year_from:
        raise click.UsageError(f"--year-to {wish.year_to} is before --year-from {wish.year_from}")
    return Filters(wish, given["exclude"] or (), given["exact"])


def _demand_genre(names: tuple[str, ...], genre: str | None) -> None:
    if genre is not None and genre.casefold() not in {name.casefold() for name in names}:
        raise click.UsageError(f"no movie is of genre {genre[:60]!r}; there are {', '.join(names) or 'none'}")
