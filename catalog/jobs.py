"""Jobs: movies taken in (`add`), `train` and `rebuild`, with the same claim protocol as the posters."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, case, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from catalog.database import Database
from catalog.entries import MAX_ATTEMPTS, Job, Reason, State
from catalog.errors import JobRunning, LeaseLost, UnknownJob
from catalog.job_rows import DONE, job_of
from catalog.schema import job_movies, jobs

BUILD_KINDS = ("train", "rebuild")
MOST_ASKING, MOST_ASKED_ABOUT = 20, 500  # jobs named in one log line, and movies looked up for it


def open_job(connection: Connection, kind: str, now: float, lease_s: float = 0.0, request_id: str | None = None) -> str:
    """Inserts a waiting job in the caller's transaction; with a lease it belongs to the caller at once."""
    job_id = secrets.token_hex(8)
    values: dict[str, Any] = {
        "job_id": job_id,
        "kind": kind,
        "state": State.PENDING,
        "created_at": now,
        "changed_at": now,
        "request_id": request_id,
    }
    if lease_s:
        values |= {"attempt": 1, "started_at": now, "token": secrets.token_hex(16), "lease_until": now + lease_s}
    connection.execute(insert(jobs).values(values))
    return job_id


@dataclass(frozen=True, slots=True)
class Asking:
    """The jobs, and the HTTP requests behind them, that some movies belong to; newest first, twenty at most."""

    job_ids: tuple[str, ...]
    request_ids: tuple[str, ...]


class Jobs:
    """The jobs of one catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, kind: str, lease_s: float = 0.0, request_id: str | None = None) -> Job:
        """A new train or rebuild; with `lease_s` it is claimed by the caller at once.

        Raises:
            JobRunning: one of this kind is waiting or running; the message names it.
        """
        try:
            with self._database.write() as connection:
                job_id = open_job(connection, kind, time.time(), lease_s, request_id)
        except IntegrityError as err:
            running = self._open_of(kind)
            raise JobRunning(kind, running.job_id if running else "that has just ended: try again") from err
        return self.get(job_id)

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            UnknownJob: there is none of this id.
        """
        with self._database.read() as connection:
            row = connection.execute(select(jobs).where(jobs.c.job_id == job_id)).first()
            if row is None:
                raise UnknownJob(job_id)
            return job_of(connection, row)

    def newest(self, limit: int = 50, before: str = "", kind: str = "") -> list[Job]:
        """The newest jobs, newest first.

        Args:
            before: id of a job; only older ones. kind: only jobs of this kind.

        Raises:
            UnknownJob: there is no job `before`.
        """
        query = select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.job_id).limit(limit)
        if kind:
            query = query.where(jobs.c.kind == kind)
        with self._database.read() as connection:
            if before:
                query = query.where(_older(connection, before))
            return [job_of(connection, row) for row in connection.execute(query).all()]

    def asking(self, movie_ids: Sequence[int]) -> Asking:
        """Who asked for these movies' posters."""
        query = (
            select(jobs.c.job_id, jobs.c.request_id, jobs.c.created_at)
            .join(job_movies, job_movies.c.job_id == jobs.c.job_id)
            .where(job_movies.c.movie_id.in_(movie_ids[:MOST_ASKED_ABOUT]))
            .distinct()
            .order_by(jobs.c.created_at.desc())
            .limit(MOST_ASKING)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return Asking(tuple(row.job_id for row in rows), tuple(row.request_id for row in rows if row.request_id))

    def movies_of(self, job_id: str) -> Sequence[int]:
        """The movies that an `add` job follows."""
        query = select(job_movies.c.movie_id).where(job_movies.c.job_id == job_id).order_by(job_movies.c.movie_id)
        with self._database.read() as connection:
            return connection.execute(query).scalars().all()

    def last_done(self, kind: str) -> Job | None:
        """The newest job of this kind that ended well, or None."""
        query = select(jobs).where(jobs.c.kind == kind, jobs.c.state == DONE).order_by(jobs.c.created_at.desc())
        return self._first(query)

    def due(self) -> bool:
        """True when a train or rebuild waits, or one was lost by its worker."""
        with self._database.read() as connection:
            return connection.execute(select(jobs.c.job_id).where(_due(time.time())).limit(1)).first() is not None

    def claim(self, lease_s: float) -> Job | None:
        """The oldest due train or rebuild, now belonging to the caller; None when there is none."""
        now, token = time.time(), secrets.token_hex(16)
        oldest = (
            select(jobs.c.job_id)
            .where(_due(now))
            .order_by(jobs.c.created_at)
            .limit(1)
            .with_for_update(skip_locked=True)
            .cte("oldest")  # as in catalog.claiming: run once, whatever PostgreSQL plans
        )
        lost = case((jobs.c.lease_until.is_not(None), 1), else_=0)
        values = {
            "attempt": jobs.c.attempt + 1,
            "lost": jobs.c.lost + lost,
            "token": token,
            "lease_until": now + lease_s,
            "changed_at": now,
            "started_at": func.coalesce(jobs.c.started_at, now),
        }
        with self._database.write() as connection:
            claimed = update(jobs).where(jobs.c.job_id.in_(select(oldest.c.job_id))).values(values).returning(jobs)
            row = connection.execute(claimed).first()
            return None if row is None else job_of(connection, row)

    def keep(self, job: Job, lease_s: float, progress: Mapping[str, Any]) -> None:
        """Extends the lease and stores how far the job is.

        Raises:
            LeaseLost: the job belongs to another worker by now.
        """
        now = time.time()
        self._own(job, {"lease_until": now + lease_s, "progress": dict(progress), "changed_at": now})

    def finish(self, job: Job, result: Mapping[str, Any]) -> None:
        """Ends a job well.

        Raises:
            LeaseLost: the job belongs to another worker by now.
        """
        self._end(job, {"state": DONE, "result": dict(result)})

    def fail(self, job: Job, reason: Reason, detail: str) -> None:
        """Ends a job with a reason.

        Raises:
            LeaseLost: the job belongs to another worker by now.
        """
        self._end(job, {"state": State.FAILED, "reason": reason, "detail": detail})

    def release(self, job: Job) -> None:
        """Gives a job back unfinished, its attempt returned."""
        self._own(job, {"attempt": jobs.c.attempt - 1, "lease_until": None, "token": None, "changed_at": time.time()})

    def sweep(self) -> int:
        """Ends the jobs whose workers died three times; returns how many."""
        now = time.time()
        exhausted = and_(jobs.c.state == State.PENDING, jobs.c.attempt >= MAX_ATTEMPTS, jobs.c.lease_until < now)
        detail = f"its worker died {MAX_ATTEMPTS} times while it ran"
        values = {
            "state": State.FAILED,
            "reason": Reason.WORKER_LOST,
            "detail": detail,
            "token": None,
            "lease_until": None,
            "finished_at": now,
        }
        with self._database.write() as connection:
            return connection.execute(update(jobs).where(exhausted).values(values)).rowcount

    def _open_of(self, kind: str) -> Job | None:
        return self._first(select(jobs).where(jobs.c.kind == kind, jobs.c.state == State.PENDING))

    def _first(self, query: Any) -> Job | None:
        with self._database.read() as connection:
            row = connection.execute(query.limit(1)).first()
            return None if row is None else job_of(connection, row)

    def _end(self, job: Job, values: dict[str, Any]) -> None:
        now = time.time()
        self._own(job, {**values, "token": None, "lease_until": None, "changed_at": now, "finished_at": now})

    def _own(self, job: Job, values: dict[str, Any]) -> None:
        with self._database.write() as connection:
            mine = and_(jobs.c.job_id == job.job_id, jobs.c.token == job.token)
            if connection.execute(update(jobs).where(mine).values(values)).rowcount != 1:
                raise LeaseLost(f"{job.kind} {job.job_id}")


def _due(now: float) -> Any:
    free = or_(jobs.c.lease_until.is_(None), jobs.c.lease_until < now)
    return and_(jobs.c.kind.in_(BUILD_KINDS), jobs.c.state == State.PENDING, jobs.c.attempt < MAX_ATTEMPTS, free)


def _older(connection: Connection, job_id: str) -> Any:
    row = connection.execute(select(jobs.c.created_at).where(jobs.c.job_id == job_id)).first()
    if row is None:
        raise UnknownJob(job_id)
    same = and_(jobs.c.created_at == row.created_at, jobs.c.job_id > job_id)
    return or_(jobs.c.created_at < row.created_at, same)
