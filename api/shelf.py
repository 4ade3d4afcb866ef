"""All movies in memory: titles and filters without a question to the database."""

import logging
import threading
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from api.shelf_columns import Shared, ShelfMovie, columns_of, joined, merged, shelf_movie
from api.shelf_view import Base, ShelfView, Titles, Wish
from catalog.catalog import Catalog
from catalog.changes import Changed, MovieLine
from catalog.entries import MAX_ID

MOST_APART = 1000  # changed movies that are kept beside the columns; more are merged into new ones
TOLD_EVERY = 100_000  # movies between two lines of the log while loading

log = logging.getLogger(__name__)


class CatalogShelf:
    """The same questions asked of the catalog, for the seconds that a large shelf takes to fill."""

    revision = 0

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def movie(self, movie_id: int) -> ShelfMovie | None:
        """See `Titles`."""
        found = self.movies((movie_id,))
        return found[0] if found else None

    def movies(self, movie_ids: Sequence[int]) -> list[ShelfMovie]:
        """See `Titles`; one query."""
        return [shelf_movie(movie) for movie in self._catalog.movies.many(movie_ids)]

    def genres(self) -> tuple[str, ...]:
        """See `Titles`; reads all movies, 0.3 s for a million."""
        return self._catalog.movies.genres()

    def mask(self, movie_ids: NDArray[np.int64], wish: Wish) -> NDArray[np.bool_]:
        """See `Titles`; reads all movies, a second for a million."""
        numbers = map(_stored, (wish.year_from, wish.year_to, wish.min_ratings))
        found = self._catalog.movies.matching(wish.genre, *numbers)
        wanted = np.isin(movie_ids, np.array(found, np.int64))
        wanted.setflags(write=False)
        return wanted


class Shelf:
    """The movies of one catalog, kept in memory; think of a copy that is told what changed.

    Memory: 36 bytes a movie and its title. Readers take `view()` and need no lock; `load` and `take` may be called by
    any thread, one after the other.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._from_catalog = CatalogShelf(catalog)
        self._view: ShelfView | None = None
        self._lock = threading.Lock()

    @property
    def loaded(self) -> bool:
        """True when the movies are in memory; before that views ask the catalog."""
        return self._view is not None

    def view(self) -> Titles:
        """The movies as they are now."""
        return self._view or self._from_catalog

    def load(self) -> ShelfView:
        """Reads all movies: 0.1 s for 10,000, 6 s for a million. Take a mark of `catalog.changes` before.

        Raises:
            CatalogBusy: the database does not answer; what was there before stays.
        """
        with self._lock:
            began, shared, parts, count = time.monotonic(), Shared.new(), [], 0
            for run in self._catalog.changes.all():
                parts.append(columns_of(run, shared))
                count += len(run)
                if count % TOLD_EVERY < len(run):
                    log.info("%s movies read into memory", f"{count:,}")
            base = Base(joined(parts), shared)
            self._view = ShelfView(base, self._next)
            log.info("%s movies in memory, %.1f s", f"{count:,}", time.monotonic() - began)
            return self._view

    def take(self, changed: Changed) -> bool:
        """Follows what changed; True when something of it is visible."""
        with self._lock:
            before = self._view
            if before is None:
                return False
            known = dict(zip((line.movie_id for line in changed.lines), changed.lines, strict=True))
            new = {movie_id: line for movie_id, line in known.items() if _shows_more(before, line)}
            gone = {movie_id for movie_id in changed.deleted if before.movie(movie_id) is not None} - known.keys()
            if not new and not gone:
                return False
            self._view = _settled(before, self._next, new, gone)
            return True

    @property
    def _next(self) -> int:
        return 1 if self._view is None else self._view.revision + 1


def _stored(number: int | None) -> int | None:
    """The number as a database can compare it; no movie's lies outside."""
    return None if number is None else max(-MAX_ID, min(number, MAX_ID))


def _shows_more(before: ShelfView, line: MovieLine) -> bool:
    return before.movie(line.movie_id) != shelf_movie(line)


def _settled(before: ShelfView, revision: int, new: dict[int, MovieLine], gone: set[int]) -> ShelfView:
    """The view after these changes, with columns of its own once too much stands apart from the old ones."""
    apart = {movie_id: line for movie_id, line in (before.apart | new).items() if movie_id not in gone}
    left = (before.gone | gone) - new.keys()
    if len(apart) + len(left) <= MOST_APART:
        return ShelfView(before.base, revision, apart, left)
    shared = before.base.shared
    fresh = columns_of([apart[movie_id] for movie_id in sorted(apart)], shared)
    return ShelfView(Base(merged(before.base.columns, fresh, left), shared), revision)
