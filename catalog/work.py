"""Poster work: `pending -> fetched -> embedded | failed(reason)`, claimed under leases with fencing tokens.

Every change of a claimed row names the token of the claim; a worker whose lease ran out changes nothing
(reliability.md section 4). Times are seconds since 1970.
"""

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, and_, case, delete, func, insert, literal, or_, select, update

from catalog.database import Database
from catalog.entries import MAX_ATTEMPTS, Claim, Kind, PosterFile, Reason, State
from catalog.movies import chunks
from catalog.schema import movies, poster_files, poster_vectors, poster_work

BACKOFF_S, MAX_BACKOFF_S = 5.0, 300.0  # min(2^n * 5 s, 300 s): reliability.md section 4.5
# Fetched posters that may wait for the encoder: enough to keep several encoders busy, and no more pictures on the disk
# than are needed soon.
MOST_FETCHED_AHEAD = 512
WAITING = {Kind.FETCH: State.PENDING, Kind.EMBED: State.FETCHED}
OPEN = (State.PENDING, State.FETCHED)
RELEASED: dict[str, Any] = {"lease_until": None, "token": None}
ADVANCED: dict[str, Any] = {
    **RELEASED,
    "attempt": 0,
    "lost": 0,
    "next_attempt_at": None,
    "reason": None,
    "detail": None,
}


@dataclass(frozen=True, slots=True)
class Embedded:
    """A finished vector: `record` is the compact form of 25088 numbers made under `fingerprint`."""

    movie_id: int
    sha256: str
    fingerprint: str
    record: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one poster cannot be had or used."""

    movie_id: int
    reason: Reason
    detail: str


class PosterWork:
    """The work rows of one catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enqueue_all(self) -> int:
        """Queues every movie without a work row, the most-rated first in line; returns how many."""
        now = time.time()
        missing = (
            select(movies.c.movie_id, movies.c.n_ratings, literal(State.PENDING), literal(now))
            .outerjoin(poster_work, poster_work.c.movie_id == movies.c.movie_id)
            .where(poster_work.c.movie_id.is_(None))
        )
        columns = ["movie_id", "priority", "state", "changed_at"]
        with self._database.write() as connection:
            return connection.execute(insert(poster_work).from_select(columns, missing)).rowcount

    def retry(self, reason: Reason | None = None) -> int:
        """Sends failed movies back to the start, all or those of one reason; returns how many."""
        failed = poster_work.c.state == State.FAILED
        wanted = failed if reason is None else and_(failed, poster_work.c.reason == reason)
        values = {**ADVANCED, "state": State.PENDING, "changed_at": time.time()}
        with self._database.write() as connection:
            return connection.execute(update(poster_work).where(wanted).values(values)).rowcount

    def due(self, kind: Kind) -> bool:
        """True when a row of this kind can be claimed now."""
        with self._database.read() as connection:
            query = select(poster_work.c.movie_id).where(_due(kind, time.time())).limit(1)
            return connection.execute(query).first() is not None

    def claim(self, kind: Kind, limit: int, lease_s: float) -> Claim:
        """Up to `limit` due rows, most-rated first, their attempt counted before the work starts.

        A row that a worker lost is claimed alone, so that one poisoned poster cannot use up the attempts of its
        batch; among those the least lost come first, so that an accident does not hit the same row three times.
        """
        now, token = time.time(), secrets.token_hex(16)
        suspect = or_(poster_work.c.lost > 0, poster_work.c.lease_until.is_not(None))
        with self._database.write() as connection:
            alone = _take(connection, and_(_due(kind, now), suspect), 1, token, now + lease_s)
            return Claim(token, alone or _take(connection, _due(kind, now), limit, token, now + lease_s))

    def fetched(self, claim: Claim, files: Sequence[PosterFile]) -> set[int]:
        """Records posters and moves their rows to `fetched`; returns the movies that were still ours."""
        with self._database.write() as connection:
            ours = _advance(connection, claim, [file.movie_id for file in files], {**ADVANCED, "state": State.FETCHED})
            kept = [asdict(file) for file in files if file.movie_id in ours]
            if kept:
                connection.execute(delete(poster_files).where(poster_files.c.movie_id.in_(ours)))
                connection.execute(insert(poster_files), kept)
        return ours

    def embedded(self, claim: Claim, vectors: Sequence[Embedded]) -> set[int]:
        """Stores vectors and moves their rows to `embedded`, in one transaction; returns those still ours."""
        now = time.time()
        with self._database.write() as connection:
            ours = _advance(
                connection, claim, [vector.movie_id for vector in vectors], {**ADVANCED, "state": State.EMBEDDED}
            )
            kept = [{**asdict(vector), "embedded_at": now} for vector in vectors if vector.movie_id in ours]
            if kept:
                connection.execute(delete(poster_vectors).where(poster_vectors.c.movie_id.in_(ours)))
                connection.execute(insert(poster_vectors), kept)
        return ours

    def failed(self, claim: Claim, failures: Iterable[Failure]) -> set[int]:
        """Ends rows for good, each with its reason; returns those still ours."""
        ours: set[int] = set()
        with self._database.write() as connection:
            for failure in failures:
                values = {**RELEASED, "state": State.FAILED, "reason": failure.reason, "detail": failure.detail}
                ours |= _advance(connection, claim, [failure.movie_id], values)
        return ours

    def postponed(self, claim: Claim, failures: Iterable[Failure]) -> None:
        """Trouble of single posters: tried again after a back-off, ended after the last attempt."""
        now = time.time()
        with self._database.write() as connection:
            for failure in failures:
                mine = _mine(claim, [failure.movie_id])
                row = connection.execute(select(poster_work.c.attempt).where(mine)).first()
                if row is None:
                    continue
                due = now + min(2**row.attempt * BACKOFF_S, MAX_BACKOFF_S)
                values = {**RELEASED, "next_attempt_at": due, "reason": failure.reason, "detail": failure.detail}
                if row.attempt >= MAX_ATTEMPTS:
                    values["state"] = State.FAILED
                connection.execute(update(poster_work).where(mine).values({**values, "changed_at": now}))

    def released(self, claim: Claim, movie_ids: Sequence[int]) -> None:
        """Gives rows back that did not get their turn; the attempt is returned."""
        with self._database.write() as connection:
            _advance(connection, claim, movie_ids, {**RELEASED, "attempt": poster_work.c.attempt - 1})

    def fetch_again(self, claim: Claim, movie_ids: Sequence[int]) -> None:
        """Sends rows back to `pending` whose poster file is gone."""
        with self._database.write() as connection:
            _advance(connection, claim, movie_ids, {**ADVANCED, "state": State.PENDING})

    def sweep(self) -> int:
        """Ends the rows whose workers died at every attempt; returns how many."""
        now = time.time()
        exhausted = and_(
            poster_work.c.state.in_(OPEN), poster_work.c.attempt >= MAX_ATTEMPTS, poster_work.c.lease_until < now
        )
        detail = f"the worker died {MAX_ATTEMPTS} times while it had this poster in hand"
        values = {**RELEASED, "state": State.FAILED, "reason": Reason.WORKER_LOST, "detail": detail, "changed_at": now}
        with self._database.write() as connection:
            return connection.execute(update(poster_work).where(exhausted).values(values)).rowcount

    def counts(self) -> dict[State, int]:
        """How many movies are in each state; movies that nobody queued are `none`."""
        query = select(poster_work.c.state, func.count()).group_by(poster_work.c.state)
        with self._database.read() as connection:
            counted = {State(state): number for state, number in connection.execute(query)}
            all_movies = connection.execute(select(func.count()).select_from(movies)).scalar_one()
        return {state: counted.get(state, 0) for state in State if state != State.NONE} | {
            State.NONE: all_movies - sum(counted.values())
        }

    def failures_by_reason(self) -> Mapping[str, int]:
        """How many movies failed for each reason, most first."""
        number = func.count()
        failed = select(poster_work.c.reason, number).where(poster_work.c.state == State.FAILED)
        with self._database.read() as connection:
            rows = connection.execute(failed.group_by(poster_work.c.reason).order_by(number.desc())).all()
        return {row[0]: row[1] for row in rows}

    def leased_until(self) -> float | None:
        """When the last running lease ends, or None when no row is in hand."""
        query = select(func.max(poster_work.c.lease_until)).where(poster_work.c.state.in_(OPEN))
        with self._database.read() as connection:
            return connection.execute(query).scalar()


def _due(kind: Kind, now: float) -> Any:
    free = or_(poster_work.c.lease_until.is_(None), poster_work.c.lease_until < now)
    in_time = or_(poster_work.c.next_attempt_at.is_(None), poster_work.c.next_attempt_at <= now)
    waiting = and_(poster_work.c.state == WAITING[kind], poster_work.c.attempt < MAX_ATTEMPTS, free, in_time)
    return and_(waiting, _encoder_can_follow()) if kind == Kind.FETCH else waiting


def _encoder_can_follow() -> Any:
    other = poster_work.alias("other")
    ahead = select(other.c.movie_id).where(other.c.state == State.FETCHED).limit(MOST_FETCHED_AHEAD).subquery()
    return select(func.count()).select_from(ahead).scalar_subquery() < MOST_FETCHED_AHEAD


def _take(connection: Connection, due: Any, limit: int, token: str, lease_until: float) -> tuple[int, ...]:
    first = poster_work.c.lost, poster_work.c.priority.desc(), poster_work.c.movie_id
    chosen = select(poster_work.c.movie_id).where(due).order_by(*first).limit(limit).with_for_update(skip_locked=True)
    values = {
        "attempt": poster_work.c.attempt + 1,
        "lost": poster_work.c.lost + case((poster_work.c.lease_until.is_not(None), 1), else_=0),
        "token": token,
        "lease_until": lease_until,
    }
    taken = update(poster_work).where(poster_work.c.movie_id.in_(chosen)).values(values)
    rows = connection.execute(taken.returning(poster_work.c.movie_id, poster_work.c.priority)).all()
    return tuple(row.movie_id for row in sorted(rows, key=lambda row: (-row.priority, row.movie_id)))


def _mine(claim: Claim, movie_ids: Sequence[int]) -> Any:
    return and_(poster_work.c.movie_id.in_(movie_ids), poster_work.c.token == claim.token)


def _advance(connection: Connection, claim: Claim, movie_ids: Sequence[int], values: dict[str, Any]) -> set[int]:
    """Changes the rows that still carry the claim's token; the others were taken over and stay as they are."""
    ours: set[int] = set()
    for chunk in chunks(movie_ids):
        changed = update(poster_work).where(_mine(claim, chunk)).values({**values, "changed_at": time.time()})
        ours.update(connection.execute(changed.returning(poster_work.c.movie_id)).scalars())
    return ours
