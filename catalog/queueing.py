"""What may be asked for about posters: a first one, another try, a newer one."""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, exists, func, insert, literal, or_, select, update

from catalog.claiming import ADVANCED, hold
from catalog.database import Database, Lock, alone
from catalog.entries import Reason, State
from catalog.misses import REMEMBERED_S, forget
from catalog.movies import chunks
from catalog.schema import given_posters, movies, poster_files, poster_misses, poster_vectors, poster_work

RENEWED_AT_ONCE = 500  # rows of one short transaction


class PosterQueue:
    """The way into the poster work of one catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enqueue_all(self) -> int:
        """Queues every movie without a work row, the most-rated first in line; returns how many."""
        with self._database.write() as connection:
            return _enqueue(connection, literal(True))

    def retry(self, reason: Reason | None = None) -> int:
        """Sends failed movies back to the start, all or those of one reason; returns how many."""
        failed = poster_work.c.state == State.FAILED
        return self._retry(failed if reason is None else and_(failed, poster_work.c.reason == reason))

    def retry_movies(self, movie_ids: Sequence[int]) -> int:
        """Sends the failed ones among these movies back to the start; returns how many."""
        failed = poster_work.c.state == State.FAILED
        return sum(self._retry(and_(failed, poster_work.c.movie_id.in_(chunk))) for chunk in chunks(movie_ids))

    def renew(self, movie_ids: Sequence[int]) -> int:
        """Has the posters of these movies fetched again, whatever their state; returns how many movies there are.

        What is embedded keeps counting until the new poster is. Sources that had none are asked again.
        """
        with self._database.write() as connection:
            return renew(connection, movie_ids)

    def refresh(self, outside: Sequence[str]) -> int:
        """Has posters fetched anew whose time is over, and title cards that a source may replace; returns how many.

        Args:
            outside: names of the sources that stand before the title cards and remember what they do not have.
        """
        total, run = 0, RENEWED_AT_ONCE
        while run == RENEWED_AT_ONCE:
            with self._database.write() as connection:
                ids = connection.execute(_outdated(outside, time.time()).limit(RENEWED_AT_ONCE)).scalars().all()
                hold(connection, ids)
                run = _renew(connection, poster_work.c.movie_id.in_(ids)) if ids else 0
                total += run
        return total

    def wake(self) -> int:
        """Lets movies that wait for a source be tried at once; returns how many."""
        waiting = and_(
            poster_work.c.state == State.PENDING,
            poster_work.c.reason == Reason.SOURCE_UNAVAILABLE,
            poster_work.c.next_attempt_at.is_not(None),
        )
        with self._database.write() as connection:
            return connection.execute(update(poster_work).where(waiting).values(next_attempt_at=None)).rowcount

    def _retry(self, wanted: Any) -> int:
        with self._database.write() as connection:
            ids = connection.execute(select(poster_work.c.movie_id).where(wanted)).scalars().all()
            hold(connection, ids)
            forget(connection, ids)
            values = {**ADVANCED, "state": State.PENDING, "changed_at": time.time()}
            return connection.execute(update(poster_work).where(wanted).values(values)).rowcount


def renew(connection: Connection, movie_ids: Sequence[int]) -> int:
    """`PosterQueue.renew` in the caller's transaction."""
    found = 0
    alone(connection, Lock.MOVIES)
    hold(connection, movie_ids)
    forget(connection, movie_ids)
    for chunk in chunks(movie_ids):
        _enqueue(connection, movies.c.movie_id.in_(chunk))
        found += _renew(connection, poster_work.c.movie_id.in_(chunk))
    return found


def _enqueue(connection: Connection, which: Any) -> int:
    alone(connection, Lock.MOVIES)
    missing = (
        select(movies.c.movie_id, movies.c.n_ratings, literal(State.PENDING), literal(time.time()))
        .outerjoin(poster_work, poster_work.c.movie_id == movies.c.movie_id)
        .where(poster_work.c.movie_id.is_(None), which)
    )
    columns = ["movie_id", "priority", "state", "changed_at"]
    queued = insert(poster_work).from_select(columns, missing).returning(poster_work.c.movie_id)
    return len(connection.execute(queued).all())  # PostgreSQL's driver does not count the rows of such an INSERT


def _renew(connection: Connection, which: Any) -> int:
    """Back to `pending`; a worker that has such a row in hand loses it."""
    has_vector = exists().where(poster_vectors.c.movie_id == poster_work.c.movie_id)
    counts = or_(poster_work.c.state == State.EMBEDDED, poster_work.c.renewing)
    values = {**ADVANCED, "state": State.PENDING, "renewing": and_(counts, has_vector), "changed_at": time.time()}
    return connection.execute(update(poster_work).where(which).values(values)).rowcount


def _outdated(outside: Sequence[str], now: float) -> Any:
    """Ids of movies at rest whose poster is too old, or stands in for one that a source has not been asked for."""
    over = and_(poster_work.c.state == State.EMBEDDED, poster_files.c.expires_at <= now)
    stands_in = and_(poster_work.c.state == State.EMBEDDED, poster_files.c.generated, _not_refused_lately(now))
    has_none = and_(poster_work.c.state == State.FAILED, poster_work.c.reason == Reason.NO_POSTER)
    asked = (
        select(func.count())
        .select_from(poster_misses)
        .where(
            poster_misses.c.movie_id == poster_work.c.movie_id,
            poster_misses.c.source.in_(outside),
            poster_misses.c.missed_at > now - REMEMBERED_S,
        )
        .scalar_subquery()
    )
    chosen = exists().where(given_posters.c.movie_id == poster_work.c.movie_id, given_posters.c.sha256.is_not(None))
    could_have_one = and_(or_(stands_in, has_none), asked < len(outside), ~chosen)
    return (
        select(poster_work.c.movie_id)
        .outerjoin(poster_files, poster_files.c.movie_id == poster_work.c.movie_id)
        .where(or_(over, could_have_one))
    )


def _not_refused_lately(now: float) -> Any:
    """A renewal that failed leaves its reason on the row: it is not tried again at every look."""
    return or_(poster_work.c.reason.is_(None), poster_work.c.changed_at < now - REMEMBERED_S)
