"""What an operator wants to know about one catalog, read in one short transaction."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, text

from catalog.claiming import OPEN, WAITING
from catalog.database import Database
from catalog.entries import Kind, State
from catalog.schema import jobs, movies, poster_files, poster_vectors, poster_work

LATELY_S = 60.0  # over which the rate of embedding is counted


@dataclass(frozen=True, slots=True)
class Queue:
    """One kind of work: rows that wait, those in a worker's hands, and seconds since the oldest waiting one changed."""

    waiting: int
    in_hand: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """Numbers of one moment.

    Attributes:
        movies: by the state of their poster, `none` included. queues: by kind of work.
        failures: movies by the reason of their failure. embedded_lately: vectors stored within the last minute.
        jobs: by kind and state, trains and rebuilds only. database_bytes: of the database.
        poster_bytes: of all posters, each counted for every movie that has it.
    """

    movies: Mapping[State, int]
    queues: Mapping[Kind, Queue]
    failures: Mapping[str, int]
    embedded_lately: int
    jobs: Mapping[tuple[str, str], int]
    database_bytes: int
    poster_bytes: int

    @property
    def embedded_per_s(self) -> float:
        """Posters embedded a second, over the last minute."""
        return self.embedded_lately / LATELY_S


def read_statistics(database: Database) -> Statistics:
    """All of them; a few grouped counts over the work rows, about 50 ms at 60,000 movies.

    Raises:
        CatalogBusy: the database does not answer.
    """
    now = time.time()
    with database.read() as connection:
        states = _counted(connection, select(poster_work.c.state, func.count()).group_by(poster_work.c.state))
        everything = int(connection.execute(select(func.count()).select_from(movies)).scalar_one())
        failed = select(poster_work.c.reason, func.count()).where(poster_work.c.state == State.FAILED)
        lately = select(func.count()).where(poster_vectors.c.embedded_at >= now - LATELY_S)
        size = select(func.coalesce(func.sum(poster_files.c.size_bytes), 0))
        return Statistics(
            movies={state: states.get(state, 0) for state in State if state != State.NONE}
            | {State.NONE: everything - sum(states.values())},
            queues={**_poster_queues(connection, now), Kind.BUILD: _build_queue(connection, now)},
            failures=_counted(connection, failed.group_by(poster_work.c.reason)),
            embedded_lately=int(connection.execute(lately).scalar_one()),
            jobs=_jobs(connection),
            database_bytes=_size(connection, database.is_sqlite),
            poster_bytes=int(connection.execute(size).scalar_one()),
        )


def _counted(connection: Connection, query: Select[Any]) -> dict[str, int]:
    return {str(row[0]): int(row[1]) for row in connection.execute(query)}


def _poster_queues(connection: Connection, now: float) -> dict[Kind, Queue]:
    query = (
        select(poster_work.c.state, func.count(), func.count(poster_work.c.token), func.min(poster_work.c.changed_at))
        .where(poster_work.c.state.in_(OPEN))
        .group_by(poster_work.c.state)
    )
    found: dict[str, Row[Any]] = {row[0]: row for row in connection.execute(query)}
    return {kind: _queue(found.get(state), now) for kind, state in WAITING.items()}


def _build_queue(connection: Connection, now: float) -> Queue:
    waiting = jobs.c.state == State.PENDING, jobs.c.kind != "add"
    query = select(func.count(), func.count(), func.count(jobs.c.token), func.min(jobs.c.changed_at)).where(*waiting)
    return _queue(connection.execute(query).first(), now)


def _queue(row: Row[Any] | None, now: float) -> Queue:
    """Of a row of (anything, rows in all, rows in hand, time of the oldest change)."""
    if row is None:
        return Queue(0, 0, 0.0)
    _, of, in_hand, oldest = tuple(row)
    return Queue(of - in_hand, in_hand, max(0.0, now - oldest) if of else 0.0)


def _jobs(connection: Connection) -> dict[tuple[str, str], int]:
    query = select(jobs.c.kind, jobs.c.state, func.count()).where(jobs.c.kind != "add")
    return {(row[0], row[1]): row[2] for row in connection.execute(query.group_by(jobs.c.kind, jobs.c.state))}


def _size(connection: Connection, is_sqlite: bool) -> int:
    if is_sqlite:
        pages, size = (connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("page_count", "page_size"))
        return int(pages) * int(size)
    return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
