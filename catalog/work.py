"""Poster work: `pending -> fetched -> embedded | failed(reason)`, claimed under leases with fencing tokens.

Every change of a claimed row names the token of the claim; a worker whose lease ran out changes nothing
(reliability.md section 4). Times are seconds since 1970.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, not_, select, update

from catalog.claiming import ADVANCED, OPEN, RELEASED, advance, due, ended, exhausted, mine, suspect, take
from catalog.database import Database
from catalog.entries import MAX_ATTEMPTS, Claim, Kind, PosterFile, Reason, State
from catalog.misses import remember
from catalog.queueing import PosterQueue
from catalog.schema import movies, poster_files, poster_vectors, poster_work
from faults.points import reached

Misses = Mapping[str, str]  # source name -> what it said when it had no poster
MOVIE_ID = attrgetter("movie_id")
NO_MISSES: Mapping[int, Misses] = MappingProxyType({})

BACKOFF_S, MAX_BACKOFF_S = 5.0, 300.0  # min(2^n * 5 s, 300 s): reliability.md section 4.5
# A source's trouble costs no attempt, yet must end some time: with one request in four going wrong, ten times in a row
# is one poster in a million. The first pause is short, since the next request usually goes through.
MAX_TROUBLES, TROUBLE_BACKOFF_S = 10, 0.5


@dataclass(frozen=True, slots=True)
class Embedded:
    """A finished vector: `record` is the compact form of 25088 numbers made under `fingerprint`."""

    movie_id: int
    sha256: str
    fingerprint: str
    record: bytes
    generated: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one poster cannot be had or used."""

    movie_id: int
    reason: Reason
    detail: str
    misses: Misses = field(default_factory=dict)


class PosterWork(PosterQueue):
    """The work rows of one catalog: what may be asked for is above, what workers do with it is here."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)

    def due(self, kind: Kind) -> bool:
        """True when a row of this kind can be claimed now."""
        with self._database.read() as connection:
            query = select(poster_work.c.movie_id).where(due(kind, time.time())).limit(1)
            return connection.execute(query).first() is not None

    def next_attempt(self) -> float | None:
        """When the next row that was put off can be claimed, in seconds since 1970; None when none was."""
        later = and_(poster_work.c.state.in_(OPEN), poster_work.c.next_attempt_at > time.time())
        with self._database.read() as connection:
            return connection.execute(select(func.min(poster_work.c.next_attempt_at)).where(later)).scalar()

    def suspect_due(self, kind: Kind) -> bool:
        """True when a row that a worker lost can be claimed now: it wants to be alone."""
        with self._database.read() as connection:
            query = select(poster_work.c.movie_id).where(due(kind, time.time()), suspect()).limit(1)
            return connection.execute(query).first() is not None

    def claim(self, kind: Kind, limit: int, lease_s: float, in_company: bool = False) -> Claim:
        """Up to `limit` due rows, most-rated first, their attempt counted before the work starts.

        A row that a worker lost is claimed alone, so that one poisoned poster cannot use up the attempts of its
        batch; among those the least lost come first. An attempt that was lost in company is given back: only deaths
        with one poster in hand count against it.

        Args:
            in_company: other rows are in the caller's hands, so none that must be alone is given out.
        """
        now = time.time()
        with self._database.write() as connection:
            if not in_company:
                alone = take(connection, and_(due(kind, now), suspect()), 1, now + lease_s)
                if alone.movie_ids:
                    return replace(alone, alone=True)
            return take(connection, and_(due(kind, now), not_(suspect())), limit, now + lease_s, in_company)

    def fetched(self, claim: Claim, files: Sequence[PosterFile], misses: Mapping[int, Misses] = NO_MISSES) -> set[int]:
        """Records posters and moves their rows to `fetched`; returns the movies that were still ours.

        Args:
            misses: by movie, what the sources said that were asked before and have no poster; remembered.
        """
        with self._database.write() as connection:
            ours = advance(connection, claim, [file.movie_id for file in files], {**ADVANCED, "state": State.FETCHED})
            remember(connection, {movie_id: said for movie_id, said in misses.items() if movie_id in ours})
            kept = [asdict(file) for file in files if file.movie_id in ours]
            if kept:
                connection.execute(delete(poster_files).where(poster_files.c.movie_id.in_(ours)))
                connection.execute(insert(poster_files), kept)
            reached("fetch.recording")
        return ours

    def embedded(self, claim: Claim, vectors: Sequence[Embedded]) -> set[int]:
        """Stores vectors and moves their rows to `embedded`, in one transaction; returns those still ours."""
        now = time.time()
        with self._database.write() as connection:
            values = {**ADVANCED, "state": State.EMBEDDED, "renewing": False}
            ours = advance(connection, claim, [vector.movie_id for vector in vectors], values)
            kept = [{**asdict(vector), "embedded_at": now} for vector in vectors if vector.movie_id in ours]
            if kept:
                connection.execute(delete(poster_vectors).where(poster_vectors.c.movie_id.in_(ours)))
                connection.execute(insert(poster_vectors), kept)
            reached("embed.storing")
        return ours

    def failed(self, claim: Claim, failures: Iterable[Failure]) -> set[int]:
        """Ends rows for good, each with its reason; returns those still ours.

        A row that was being renewed goes back to `embedded` with what it had, unless that is out of date.
        """
        ours: set[int] = set()
        now = time.time()
        with self._database.write() as connection:
            for failure in sorted(failures, key=MOVIE_ID):  # the order of `hold`
                values = ended(failure.reason, failure.detail, now)
                mine_now = advance(connection, claim, [failure.movie_id], values)
                remember(connection, dict.fromkeys(mine_now, failure.misses))
                ours |= mine_now
        return ours

    def postponed(self, claim: Claim, failures: Iterable[Failure]) -> None:
        """Trouble of single posters: tried again after a back-off, ended after the last attempt."""
        with self._database.write() as connection:
            for failure in sorted(failures, key=MOVIE_ID):  # the order of `hold`
                row = self._row(connection, claim, failure.movie_id)
                if row is not None:
                    pause_s = min(2**row.attempt * BACKOFF_S, MAX_BACKOFF_S)
                    _again(connection, claim, failure, pause_s, row.attempt >= MAX_ATTEMPTS)

    def troubled(self, claim: Claim, failures: Iterable[Failure], pause_s: Mapping[int, float]) -> None:
        """Trouble of a shared source: no attempt is used, and the pause is short.

        Args:
            pause_s: by movie, the least seconds that the source asked for.
        """
        with self._database.write() as connection:
            for failure in sorted(failures, key=MOVIE_ID):  # the order of `hold`
                row = self._row(connection, claim, failure.movie_id)
                if row is not None:
                    wanted = min(2**row.troubles * TROUBLE_BACKOFF_S, MAX_BACKOFF_S)
                    pause = max(wanted, pause_s.get(failure.movie_id, 0.0))
                    values = {"attempt": poster_work.c.attempt - 1, "troubles": row.troubles + 1}
                    connection.execute(update(poster_work).where(mine(claim, [failure.movie_id])).values(values))
                    _again(connection, claim, failure, pause, row.troubles + 1 >= MAX_TROUBLES)

    def put_off(self, claim: Claim, movie_ids: Sequence[int], until: float, why: str) -> None:
        """A source is not asked before `until`: the rows wait for it with all their attempts."""
        values = {**RELEASED, "attempt": poster_work.c.attempt - 1, "next_attempt_at": until}
        values |= {"reason": Reason.SOURCE_UNAVAILABLE, "detail": why}
        with self._database.write() as connection:
            advance(connection, claim, movie_ids, values)

    @staticmethod
    def _row(connection: Connection, claim: Claim, movie_id: int) -> Any:
        columns = poster_work.c.attempt, poster_work.c.troubles
        return connection.execute(select(*columns).where(mine(claim, [movie_id]))).first()

    def released(self, claim: Claim, movie_ids: Sequence[int]) -> None:
        """Gives rows back that did not get their turn; the attempt is returned."""
        with self._database.write() as connection:
            advance(connection, claim, movie_ids, {**RELEASED, "attempt": poster_work.c.attempt - 1})

    def fetch_again(self, claim: Claim, movie_ids: Sequence[int]) -> None:
        """Sends rows back to `pending` whose poster file is gone."""
        with self._database.write() as connection:
            advance(connection, claim, movie_ids, {**ADVANCED, "state": State.PENDING})

    def sweep(self) -> int:
        """Ends the rows whose workers died at every attempt; returns how many."""
        now = time.time()
        detail = f"the worker died {MAX_ATTEMPTS} times while it had this poster in hand"
        values = {**ended(Reason.WORKER_LOST, detail, now), "changed_at": now}
        with self._database.write() as connection:
            return connection.execute(update(poster_work).where(exhausted(now)).values(values)).rowcount

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


def _again(connection: Connection, claim: Claim, failure: Failure, pause_s: float, enough: bool) -> None:
    """Puts a row back for `pause_s` seconds, or ends it."""
    now = time.time()
    values = {**RELEASED, "next_attempt_at": now + pause_s, "reason": failure.reason, "detail": failure.detail}
    values |= ended(failure.reason, failure.detail, now) if enough else {}
    connection.execute(update(poster_work).where(mine(claim, [failure.movie_id])).values({**values, "changed_at": now}))
