"""Remembered misses: which outside source said of which movie that it has no poster."""

import time
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select

from catalog.database import Database
from catalog.movies import chunks
from catalog.schema import poster_misses

# After this a source is asked again: posters of new movies come within weeks, and the catalogue's size in requests a
# month is small against any budget.
REMEMBERED_S = 30 * 86_400.0


class Misses:
    """What the sources of one catalog do not have."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, movie_ids: Sequence[int]) -> dict[int, dict[str, str]]:
        """What is still remembered: movie_id -> source name -> what the source said."""
        since = time.time() - REMEMBERED_S
        found: dict[int, dict[str, str]] = {}
        with self._database.read() as connection:
            for chunk in chunks(movie_ids):
                fresh = poster_misses.c.movie_id.in_(chunk) & (poster_misses.c.missed_at > since)
                for row in connection.execute(select(poster_misses).where(fresh)):
                    found.setdefault(row.movie_id, {})[row.source] = row.why
        return found


def remember(connection: Connection, misses: Mapping[int, Mapping[str, str]]) -> None:
    """Stores what the sources said now, in the caller's transaction, which must see every movie named."""
    now = time.time()
    rows = [
        {"movie_id": movie_id, "source": source, "missed_at": now, "why": why}
        for movie_id, by_source in misses.items()
        for source, why in by_source.items()
    ]
    for row in rows:
        same = (poster_misses.c.movie_id == row["movie_id"]) & (poster_misses.c.source == row["source"])
        connection.execute(delete(poster_misses).where(same))
    if rows:
        connection.execute(insert(poster_misses), rows)


def forget(connection: Connection, movie_ids: Sequence[int] | None = None) -> None:
    """Lets the sources be asked again about these movies, or about all."""
    if movie_ids is None:
        connection.execute(delete(poster_misses))
        return
    for chunk in chunks(movie_ids):
        connection.execute(delete(poster_misses).where(poster_misses.c.movie_id.in_(chunk)))
