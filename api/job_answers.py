"""What `/jobs` answers: how far the things are that somebody asked for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from api.answers import NEXT_CURSOR, moment, moment_or_none
from catalog.entries import Job, Movie, State

JobKind = Literal["add", "train", "rebuild"]


class FailedMovie(BaseModel):
    """A movie whose poster could not be had or used."""

    movie_id: int
    title: str
    reason: str | None
    detail: str | None


class JobProgress(BaseModel):
    """How far a job is; `done` and `of` are null while nobody can say."""

    done: int | None
    of: int | None
    label: str = Field(description="What is being done, in words.")


class JobCounts(BaseModel):
    """The movies of an `add` job by the state of their poster."""

    waiting: int
    fetched: int
    embedded: int
    failed: int
    of: int


class JobAnswer(BaseModel):
    """One job; `add` follows the posters of movies taken in, `train` and `rebuild` are runs of a worker."""

    job_id: str
    kind: JobKind
    state: Literal["pending", "done", "failed"]
    running: bool
    attempt: int
    reason: str | None
    detail: str | None
    progress: JobProgress
    counts: JobCounts | None = Field(description="Only of an add.")
    rate_per_s: float | None = Field(description="Movies, or units of progress, a second; null when unknown.")
    seconds_left: float | None = Field(description="At that rate; null when unknown.")
    result: dict[str, Any]
    request_id: str | None = Field(description="Of the request that asked for it.")
    created_at: datetime
    started_at: datetime | None = Field(description="When a worker first took it; null for an add.")
    finished_at: datetime | None


class JobWithFailures(JobAnswer):
    """One job, and the movies of an `add` that failed."""

    failures: list[FailedMovie]


class JobsAnswer(BaseModel):
    """The newest jobs, newest first."""

    items: list[JobAnswer]
    next_cursor: str | None = Field(description=NEXT_CURSOR)


def job_answer(job: Job) -> JobAnswer:
    """The job as the API shows it: never the token of its claim."""
    return JobAnswer(**_job_fields(job))


def job_with_failures(job: Job, failed: Sequence[Movie]) -> JobWithFailures:
    """The job with the movies that failed in it."""
    return JobWithFailures(
        **_job_fields(job),
        failures=[
            FailedMovie(movie_id=movie.movie_id, title=movie.label, reason=movie.reason, detail=movie.detail)
            for movie in failed
        ],
    )


def _job_fields(job: Job) -> dict[str, Any]:
    counts = _counts(job.progress) if job.kind == "add" else None
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "state": job.state,
        "running": job.running,
        "attempt": job.attempt,
        "reason": job.reason,
        "detail": job.detail,
        "progress": _progress(job.progress) if counts is None else _added(counts),
        "counts": counts,
        "rate_per_s": job.rate_per_s,
        "seconds_left": job.seconds_left,
        "result": dict(job.result),
        "request_id": job.request_id,
        "created_at": moment(job.created_at),
        "started_at": moment_or_none(job.started_at),
        "finished_at": moment_or_none(job.finished_at),
    }


def _counts(states: Mapping[str, int]) -> JobCounts:
    of = sum(states.values())
    fetched, embedded, failed = (states.get(state, 0) for state in (State.FETCHED, State.EMBEDDED, State.FAILED))
    return JobCounts(waiting=of - fetched - embedded - failed, fetched=fetched, embedded=embedded, failed=failed, of=of)


def _added(counts: JobCounts) -> JobProgress:
    return JobProgress(done=counts.embedded + counts.failed, of=counts.of, label="finding and embedding posters")


def _progress(told: Mapping[str, Any]) -> JobProgress:
    return JobProgress(done=told.get("done"), of=told.get("of") or None, label=str(told.get("phase") or "waiting"))
