"""What changed since: movies, deletions and posters, for whoever keeps them in memory.

Single changes are found by their times, changes of whole sets (an import, a training) by a counter. A time is set
before its transaction commits, and by the clock of another machine: the last `OVERLAP_S` seconds are looked at again
each time, and what was seen before is told apart by (movie, time).
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, select, union_all, update

from catalog.database import Database
from catalog.entries import State
from catalog.movies import chunks
from catalog.posters import counting_vectors
from catalog.schema import deleted_movies, movies, poster_files, poster_vectors, poster_work, set_changes

OVERLAP_S = 30.0  # over the wait for a lock (5 s), a short transaction, and clocks of machines that are kept in time
LINES_PER_READ = 20_000  # movies of one read: some 0.1 s
MOST_SINGLE = 20_000  # changes beyond which reading everything again is cheaper
MOVIES = "movies"  # the set whose changes are counted


class MovieLine(NamedTuple):
    """What a list of movies shows of one; `genres` as stored: |Comedy|Drama|, or nothing.

    `poster_source` is None without a poster.
    """

    movie_id: int
    title: str
    year: int | None
    genres: str
    n_ratings: int
    poster_source: str | None
    poster_attribution: str | None


Stamp = tuple[int, float]  # a movie and when it changed


@dataclass(frozen=True, slots=True)
class Mark:
    """How far somebody has read.

    Attributes:
        read_at: when, in seconds since 1970. number: of set changes by then.
        seen, gone: changes and deletions of the overlap that were handed out already.
    """

    read_at: float
    number: int
    seen: frozenset[Stamp] = frozenset()
    gone: frozenset[Stamp] = frozenset()


@dataclass(frozen=True, slots=True)
class Changed:
    """What is new since a mark.

    Attributes:
        everything: many movies changed: read all of them and all deletions again; the rest is empty then.
        lines: movies that are new or may look different now. deleted: ids of movies that are gone.
        mark: to ask with the next time.
    """

    everything: bool
    lines: tuple[MovieLine, ...]
    deleted: frozenset[int]
    mark: Mark


@dataclass(frozen=True, slots=True)
class EmbeddedVector:
    """One embedded poster with the time of it, in seconds since 1970."""

    movie_id: int
    record: bytes = field(repr=False)
    generated: bool
    embedded_at: float


class Changes:
    """What changed in one catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self) -> Mark:
        """Now, for one who is about to read everything: what changes while reading is found by `since` afterwards."""
        now = time.time()
        with self._database.read() as connection:
            return Mark(now, _number(connection))

    def all(self) -> Iterator[list[MovieLine]]:
        """Every movie, by id, in runs of 20,000; each run is one short read."""
        last = 0
        while run := self._behind(last):
            yield run
            last = run[-1].movie_id

    def since(self, mark: Mark) -> Changed:
        """What became visible since the mark; a movie may come again that did not change.

        Cost: four look-ups in indexes when nothing changed, about 1 ms.
        """
        now = time.time()
        low = min(mark.read_at, now) - OVERLAP_S
        with self._database.read() as connection:
            number = _number(connection)
            seen = _stamps(connection, _touched(low))
            gone = _stamps(connection, _deleted(low))
            new = sorted({movie_id for movie_id, _ in seen - mark.seen})
            after = Mark(now, number, seen, gone)
            if number != mark.number or len(new) > MOST_SINGLE:
                return Changed(True, (), frozenset(), after)
            lines = _lines(connection, new)
        return Changed(False, lines, frozenset(movie_id for movie_id, _ in gone - mark.gone), after)

    def deleted(self) -> frozenset[int]:
        """The ids of all movies that were ever deleted and are not back."""
        with self._database.read() as connection:
            return frozenset(connection.execute(select(deleted_movies.c.movie_id)).scalars())

    def embedded_since(self, since: float, fingerprint: str, limit: int) -> list[Stamp]:
        """Which posters of one encoder were embedded after `since` (seconds since 1970), and when; the newest first."""
        time_of = poster_vectors.c.embedded_at
        query = (
            select(poster_vectors.c.movie_id, time_of)
            .where(time_of > since, poster_vectors.c.fingerprint == fingerprint, counting_vectors())
            .order_by(time_of.desc(), poster_vectors.c.movie_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [(row.movie_id, row.embedded_at) for row in connection.execute(query)]

    def vectors(self, movie_ids: Sequence[int], fingerprint: str) -> Iterator[list[EmbeddedVector]]:
        """The posters of these movies that this encoder embedded, in runs of 500 ids; each run is one short read."""
        columns = (poster_vectors.c[name] for name in ("movie_id", "record", "generated", "embedded_at"))
        query = select(*columns).where(poster_vectors.c.fingerprint == fingerprint, counting_vectors())
        for chunk in chunks(movie_ids):
            with self._database.read() as connection:
                rows = connection.execute(query.where(poster_vectors.c.movie_id.in_(chunk))).all()
            yield [EmbeddedVector(row.movie_id, row.record, bool(row.generated), row.embedded_at) for row in rows]

    def _behind(self, last: int) -> list[MovieLine]:
        query = _shown().where(movies.c.movie_id > last).order_by(movies.c.movie_id).limit(LINES_PER_READ)
        with self._database.read() as connection:
            return [MovieLine._make(row) for row in connection.execute(query)]


def note_set_change(connection: Connection) -> None:
    """Says, at the end of the caller's transaction, that many movies changed in it."""
    counter = update(set_changes).where(set_changes.c.name == MOVIES)
    connection.execute(counter.values(number=set_changes.c.number + 1))


def _number(connection: Connection) -> int:
    return connection.execute(select(set_changes.c.number).where(set_changes.c.name == MOVIES)).scalar() or 0


def _stamps(connection: Connection, query: Any) -> frozenset[Stamp]:
    return frozenset((row[0], row[1]) for row in connection.execute(query))


def _touched(low: float) -> Any:
    """Movies that changed, and those whose poster came; waiting rows are many at times and have nothing new to show."""
    work = poster_work.c.changed_at > low, poster_work.c.state != State.PENDING
    return union_all(
        select(movies.c.movie_id, movies.c.changed_at).where(movies.c.changed_at > low),
        select(poster_work.c.movie_id, poster_work.c.changed_at).where(*work),
    )


def _deleted(low: float) -> Any:
    return select(deleted_movies.c.movie_id, deleted_movies.c.deleted_at).where(deleted_movies.c.deleted_at > low)


def _shown() -> Select[Any]:
    """The columns of `MovieLine`, in its order."""
    return select(
        movies.c.movie_id,
        movies.c.title,
        movies.c.year,
        movies.c.genres,
        movies.c.n_ratings,
        poster_files.c.source,
        poster_files.c.attribution,
    ).outerjoin_from(movies, poster_files)


def _lines(connection: Connection, movie_ids: Sequence[int]) -> tuple[MovieLine, ...]:
    found = (connection.execute(_shown().where(movies.c.movie_id.in_(chunk))) for chunk in chunks(movie_ids))
    return tuple(MovieLine._make(row) for rows in found for row in rows)
