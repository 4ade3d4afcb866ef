"""What the routes answer, once: the same models make the JSON and the OpenAPI document."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from catalog.entries import Job, Movie, State
from catalog.presence import Worker
from index.snapshot import Snapshot
from index.versions import VersionInfo

By = Literal["poster", "ratings"]
SPACES: tuple[By, ...] = ("poster", "ratings")


class MovieAnswer(BaseModel):
    """One movie of the catalog with the state of its poster."""

    movie_id: int
    title: str
    year: int | None
    genres: list[str]
    imdb_id: str | None
    tmdb_id: int | None
    n_ratings: int
    mean_rating: float | None = Field(description="In stars, 0.5 to 5; null without ratings.")
    state: State = Field(description="Of its poster: none, pending, fetched, embedded or failed.")
    reason: str | None = Field(description="Why it failed, as one word.")
    detail: str | None = Field(description="Why it failed, in words.")
    poster_source: str | None
    poster_generated: bool = Field(description="True for a title card, drawn from the title.")
    poster_url: str | None
    similar_by: list[By] = Field(description="What GET /similar can answer for this movie now.")


class MoviesAnswer(BaseModel):
    """One page of movies."""

    items: list[MovieAnswer]
    next_cursor: str | None = Field(description="Give it back as cursor for the next page; null on the last one.")


class AcceptedMovie(BaseModel):
    """A movie that was taken in, or was there already."""

    movie_id: int
    title: str
    year: int | None
    state: State


class AcceptedAnswer(BaseModel):
    """The movies taken in, in the order given, and the job that follows their posters."""

    job_id: str
    accepted: list[AcceptedMovie]


class SimilarMovie(BaseModel):
    """One neighbour."""

    movie_id: int
    title: str
    year: int | None
    genres: list[str]
    score: float = Field(description="What the list is ordered by: the score of the space asked for.")
    poster_score: float | None = Field(description="Cosine of the posters' features, 0 to 1.")
    rating_score: float | None = Field(description="Score of the rating vectors, as the index states its metric.")
    poster_source: str | None
    poster_url: str | None


class SimilarAnswer(BaseModel):
    """The neighbours of one movie, best first, without the movie itself."""

    movie_id: int
    by: By
    index_version: int
    items: list[SimilarMovie]


class FailedMovie(BaseModel):
    """A movie whose poster could not be had or used."""

    movie_id: int
    title: str
    reason: str | None
    detail: str | None


class JobAnswer(BaseModel):
    """One job; `add` follows the posters of movies taken in, `train` and `rebuild` are runs of a worker."""

    job_id: str
    kind: str
    state: Literal["pending", "done", "failed"]
    running: bool
    attempt: int
    reason: str | None
    detail: str | None
    progress: dict[str, Any] = Field(description="train, rebuild: phase, done, of. add: empty, see counts.")
    counts: dict[str, int] = Field(description="add: movies by the state of their poster; else empty.")
    result: dict[str, Any]
    created_at: datetime
    finished_at: datetime | None


class JobWithFailures(JobAnswer):
    """One job, and the movies of an `add` that failed."""

    failures: list[FailedMovie]


class JobsAnswer(BaseModel):
    """The newest jobs, newest first."""

    items: list[JobAnswer]


class SnapshotAnswer(BaseModel):
    """One published snapshot that is still kept."""

    generation: int
    created_at: datetime | None
    current: bool = Field(description="Whether it is the published one.")
    spaces: dict[str, int] = Field(description="Vectors by kind of evidence.")
    size_bytes: int
    valid: bool = Field(description="Whether its files are there in their sizes; rolling back compares the content.")
    why: str | None = Field(description="What is wrong with it.")


class SnapshotsAnswer(BaseModel):
    """The snapshots that are kept, newest first."""

    items: list[SnapshotAnswer]


class WorkerSeen(BaseModel):
    """One worker that said so lately."""

    worker_id: str
    kinds: list[str]
    seen_at: datetime


def poster_url(movie: Movie) -> str | None:
    """Where the movie's poster is, or None when it has none."""
    return None if movie.poster_source is None else f"/movies/{movie.movie_id}/poster"


def movie_answer(movie: Movie, snapshot: Snapshot | None) -> MovieAnswer:
    """The movie as the API shows it; `snapshot` is the one being served."""
    return MovieAnswer(
        movie_id=movie.movie_id,
        title=movie.title,
        year=movie.year,
        genres=list(movie.genres),
        imdb_id=movie.imdb_id,
        tmdb_id=movie.tmdb_id,
        n_ratings=movie.n_ratings,
        mean_rating=None if movie.mean_rating is None else round(movie.mean_rating, 3),
        state=movie.state,
        reason=movie.reason,
        detail=movie.detail,
        poster_source=movie.poster_source,
        poster_generated=movie.poster_generated,
        poster_url=poster_url(movie),
        similar_by=similar_by(movie.movie_id, snapshot),
    )


def similar_by(movie_id: int, snapshot: Snapshot | None) -> list[By]:
    """The kinds of evidence that this snapshot holds for the movie."""
    return [by for by in SPACES if snapshot is not None and snapshot.has(by, movie_id)]


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
    is_add = job.kind == "add"
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "state": job.state,
        "running": job.running,
        "attempt": job.attempt,
        "reason": job.reason,
        "detail": job.detail,
        "progress": {} if is_add else dict(job.progress),
        "counts": dict(job.progress) if is_add else {},
        "result": dict(job.result),
        "created_at": moment(job.created_at),
        "finished_at": None if job.finished_at is None else moment(job.finished_at),
    }


def snapshot_answer(version: VersionInfo) -> SnapshotAnswer:
    """The published version as the API shows it."""
    return SnapshotAnswer(
        generation=version.generation,
        created_at=version.created_at,
        current=version.current,
        spaces={space.name: space.count for space in version.spaces},
        size_bytes=version.size_bytes,
        valid=version.valid,
        why=version.why,
    )


def worker_seen(worker: Worker) -> WorkerSeen:
    """The worker as the API shows it."""
    return WorkerSeen(worker_id=worker.worker_id, kinds=list(worker.kinds), seen_at=moment(worker.seen_at))


def moment(seconds: float) -> datetime:
    """The time in UTC of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
