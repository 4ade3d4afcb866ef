"""What the routes answer, once: the same models make the JSON and the OpenAPI document."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal, Protocol

from pydantic import BaseModel, Field

from catalog.entries import Movie, State
from index.snapshot import Snapshot
from index.versions import VersionInfo

By = Literal["poster", "ratings"]
SPACES: tuple[By, ...] = ("poster", "ratings")
NEXT_CURSOR = "Give it back as cursor for the next page; null on the last one."
NOTICES = "What has to be said where the posters of these items are shown, each once."


class Attributed(Protocol):
    """Something shown with a poster."""

    @property
    def attribution(self) -> str | None:
        """What has to be said where the poster is shown."""


class Shown(Protocol):
    """What a list shows of a movie: one of the catalog, or one of the shelf."""

    @property
    def movie_id(self) -> int:
        """Its id."""

    @property
    def title(self) -> str:
        """Without the year."""

    @property
    def year(self) -> int | None:
        """None where nobody knows."""

    @property
    def genres(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def poster_source(self) -> str | None:
        """None without a poster."""

    @property
    def poster_attribution(self) -> str | None:
        """What has to be said where the poster is shown."""


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
    poster_fetched_at: datetime | None
    poster_expires_at: datetime | None = Field(description="When it must be fetched anew; null when it may be kept.")
    attribution: str | None = Field(description="What has to be said where the poster is shown.")
    renewing: bool = Field(description="True while a newer poster is on its way; the old one counts until it is there.")
    similar_by: list[By] = Field(description="What GET /similar can answer for this movie now.")


class MoviesAnswer(BaseModel):
    """One page of movies."""

    items: list[MovieAnswer]
    next_cursor: str | None = Field(description=NEXT_CURSOR)
    notices: list[str] = Field(description=NOTICES)


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
    attribution: str | None = Field(description="What has to be said where the poster is shown.")


class SimilarAnswer(BaseModel):
    """The neighbours of one movie, best first, without the movie itself."""

    movie_id: int
    by: By
    index_version: int
    exact: bool = Field(description="True when every movie was looked at for this answer, as exact=true asks for.")
    items: list[SimilarMovie]
    notices: list[str] = Field(description=f"{NOTICES} Where filters leave no movie, one says so.")


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


def poster_url(movie: Shown) -> str | None:
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
        poster_fetched_at=moment_or_none(movie.poster_fetched_at),
        poster_expires_at=moment_or_none(movie.poster_expires_at),
        attribution=movie.poster_attribution,
        renewing=movie.renewing,
        similar_by=similar_by(movie.movie_id, snapshot),
    )


def notices(items: Iterable[Attributed]) -> list[str]:
    """What has to be said about the posters of these, each once."""
    return list(dict.fromkeys(item.attribution for item in items if item.attribution))


def similar_by(movie_id: int, snapshot: Snapshot | None) -> list[By]:
    """The kinds of evidence that this snapshot holds for the movie."""
    return [by for by in SPACES if snapshot is not None and snapshot.has(by, movie_id)]


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


def moment(seconds: float) -> datetime:
    """The time in UTC of seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def moment_or_none(seconds: float | None) -> datetime | None:
    """The same, or None for None."""
    return None if seconds is None else moment(seconds)
