"""From a row of the table `jobs` to a job: how far it is, how fast it goes, how long it will take."""

import time
from typing import Any

from sqlalchemy import Connection, Row, func, select

from catalog.entries import Job, State
from catalog.pace import Pace, pace_of
from catalog.schema import job_movies, poster_work

DONE = "done"
LATELY_S = 60.0  # over which the rate of an `add` job is taken


def job_of(connection: Connection, row: Row[Any]) -> Job:
    """The job of a row of `jobs`; that of an `add` is as far as its movies are."""
    state, progress = row.state, row.progress or {}
    pace = Pace(None, None)
    if row.kind == "add":
        progress = _states_of(connection, row.job_id)
        waiting = progress.get(State.PENDING, 0) + progress.get(State.FETCHED, 0)
        state = State.PENDING if waiting else DONE
        if waiting:
            pace = pace_of(_ended_lately(connection, row), min(LATELY_S, time.time() - row.created_at), waiting)
    elif row.token is not None and row.started_at is not None and progress.get("of"):
        done = int(progress.get("done", 0))
        pace = pace_of(done, time.time() - row.started_at, int(progress["of"]) - done)
    return Job(
        job_id=row.job_id,
        kind=row.kind,
        state=state,
        running=row.token is not None,
        attempt=row.attempt,
        reason=row.reason,
        detail=row.detail,
        progress=progress,
        result=row.result or {},
        created_at=row.created_at,
        finished_at=row.finished_at,
        token=row.token,
        started_at=row.started_at,
        request_id=row.request_id,
        rate_per_s=pace.rate_per_s,
        seconds_left=pace.seconds_left,
    )


def _ended_lately(connection: Connection, row: Row[Any]) -> int:
    """How many movies of an `add` job came to their end within the last minute."""
    ended = (
        select(func.count())
        .select_from(poster_work)
        .join(job_movies, job_movies.c.movie_id == poster_work.c.movie_id)
        .where(job_movies.c.job_id == row.job_id, poster_work.c.state.in_((State.EMBEDDED, State.FAILED)))
        .where(poster_work.c.changed_at >= max(row.created_at, time.time() - LATELY_S))
    )
    return int(connection.execute(ended).scalar_one())


def _states_of(connection: Connection, job_id: str) -> dict[str, int]:
    query = (
        select(poster_work.c.state, func.count())
        .join(job_movies, job_movies.c.movie_id == poster_work.c.movie_id)
        .where(job_movies.c.job_id == job_id)
        .group_by(poster_work.c.state)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
