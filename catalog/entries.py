"""The plain values that the catalog hands out and takes in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

FIRST_LOCAL_ID = 2**30  # ids of movies that came without one start here, far above MovieLens' own
MAX_ID = 2**31 - 1
MAX_ATTEMPTS = 3  # claims of one row in one state; reliability.md section 4


class State(StrEnum):
    """State of a movie's poster work."""

    NONE = "none"  # nobody asked for its poster yet: there is no work row
    PENDING = "pending"
    FETCHED = "fetched"
    EMBEDDED = "embedded"
    FAILED = "failed"


class Kind(StrEnum):
    """Kinds of work; also the names of the queues."""

    FETCH = "fetch"
    EMBED = "embed"
    BUILD = "build"


class Reason(StrEnum):
    """Why a poster or a job failed: a closed list, so that it can be counted."""

    NO_POSTER = "no_poster"
    IMAGE_INVALID = "image_invalid"
    IMAGE_TRUNCATED = "image_truncated"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_CMYK = "image_cmyk"
    ADDRESS_REFUSED = "address_refused"  # a poster_url that may not be asked
    SOURCE_UNAVAILABLE = "source_unavailable"
    DEGENERATE_VECTOR = "degenerate_vector"
    GPU_OOM = "gpu_oom"
    WORKER_LOST = "worker_lost"
    INTERNAL_ERROR = "internal_error"  # a bug: the worker's log has the traceback
    JOB_ERROR = "job_error"  # a train or rebuild that ended with a named error


@dataclass(frozen=True, slots=True)
class Movie:
    """One movie of the catalog with the state of its poster.

    `mean_rating` is in stars (0.5 to 5) and None without ratings; `poster_source` is None without a poster. Times are
    seconds since 1970. `renewing`: a newer poster is on its way, and what is there counts until it comes.
    """

    movie_id: int
    title: str
    year: int | None
    genres: tuple[str, ...]
    imdb_id: str | None
    tmdb_id: int | None
    n_ratings: int
    mean_rating: float | None
    state: State
    reason: str | None
    detail: str | None
    poster_source: str | None
    poster_generated: bool
    poster_attribution: str | None = None
    poster_fetched_at: float | None = None
    poster_expires_at: float | None = None
    renewing: bool = False

    @property
    def label(self) -> str:
        """Title and year as one reads them: "The Matrix (1999)"."""
        return self.title if self.year is None else f"{self.title} ({self.year})"


@dataclass(frozen=True, slots=True)
class NewMovie:
    """A movie to be taken in; `movie_id` None gives it a local id from 2^30 on."""

    title: str
    movie_id: int | None = None
    year: int | None = None
    genres: tuple[str, ...] = ()
    imdb_id: str | None = None
    tmdb_id: int | None = None
    poster_url: str | None = None


@dataclass(frozen=True, slots=True)
class PosterFile:
    """What is stored about one poster; its bytes lie in the content store under `sha256`."""

    movie_id: int
    sha256: str
    media_type: str
    width: int
    height: int
    size_bytes: int
    source: str
    origin: str
    generated: bool
    attribution: str | None
    fetched_at: float
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows that belong to the holder of `token` until the lease ends.

    `alone` marks a row that its last worker died with: nothing else may be in hand beside it.
    """

    token: str
    movie_ids: tuple[int, ...] = ()
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One job: `add` (movies taken in), `train` or `rebuild`; times in seconds since 1970."""

    job_id: str
    kind: str
    state: str  # pending, done or failed
    running: bool
    attempt: int
    reason: str | None
    detail: str | None
    progress: Mapping[str, Any]
    result: Mapping[str, Any]
    created_at: float
    finished_at: float | None
    token: str | None = None
    started_at: float | None = None
    request_id: str | None = None
    rate_per_s: float | None = None  # movies, or units of `progress`, a second; None when nothing can be said
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of the rows of one imported file: `rows == used + sum(rejected.values())`."""

    path: str
    rows: int
    used: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)
