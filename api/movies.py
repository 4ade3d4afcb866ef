"""`/movies`: taking movies in and looking them up."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from flask import Response, g, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Discriminator, Field, RootModel, ValidationInfo, field_validator
from pydantic import Tag as Form

from api.answers import AcceptedAnswer, AcceptedMovie, MovieAnswer, MoviesAnswer, movie_answer, notices
from api.errors import FieldError, InvalidRequest, problem_responses
from api.fields import (
    Cursor,
    GenreQuery,
    Genres,
    ImdbId,
    JsonId,
    JsonYear,
    Limit,
    MovieId,
    PosterUrl,
    Query,
    Title,
)
from api.limiting import demand_room
from api.services import catalog, served, services
from catalog.entries import NewMovie, Reason, State
from workers.enqueue import add_movies

MAX_MOVIES = 500  # of one request; reliability.md section 10
RETRY_AFTER_S = 1  # a poster is usually embedded within seconds
POSTER_AGE_S = {True: 60, False: 86_400}  # a title card makes way for a real poster when one arrives

routes = APIBlueprint("movies", __name__, abp_tags=[Tag(name="movies")], abp_responses=problem_responses(400, 500, 503))


class MovieGiven(BaseModel, extra="forbid"):
    """A movie to be taken in: the same one again changes nothing.

    It is recognised by movie_id, else imdb_id, else tmdb_id; without any it is a new movie with an id from 2^30 on.
    """

    title: Title
    movie_id: JsonId | None = None
    year: JsonYear | None = None
    imdb_id: ImdbId | None = Field(default=None, description="tt and at least seven digits.")
    tmdb_id: JsonId | None = None
    genres: Genres = []
    poster_url: PosterUrl | None = Field(
        default=None, description="Where its poster is; hosts that may be asked are a setting of the server."
    )


def _form(body: Any) -> str | None:
    return "object" if isinstance(body, dict | MovieGiven) else "array" if isinstance(body, list) else None


class MoviesGiven(RootModel[Any]):
    """One movie or a list of 1 to 500."""

    model_config = ConfigDict(json_schema_extra={"example": {"title": "The Iron Giant", "year": 1999}})
    root: Annotated[
        Annotated[MovieGiven, Form("object")]
        | Annotated[list[MovieGiven], Field(min_length=1, max_length=MAX_MOVIES), Form("array")],
        Discriminator(_form, custom_error_type="form", custom_error_message="must be a movie or a list of movies"),
    ]


class MoviesQuery(BaseModel, extra="forbid"):
    """Which movies: all conditions hold."""

    q: Query = Field(default="", description="Part of a title, without regard to case and accents.")
    genre: GenreQuery = Field(default="", description="A whole genre, such as Comedy.")
    state: State | None = Field(default=None, description="Of the poster.")
    reason: Reason | None = Field(default=None, description="Why it failed; goes with state=failed or alone.")
    cursor: Cursor = Field(default="", description="The next_cursor of the page before.")
    limit: Limit = 50

    @field_validator("reason")
    @classmethod
    def _only_failed_have_one(cls, reason: Reason | None, info: ValidationInfo) -> Reason | None:
        if reason is not None and info.data.get("state") not in (None, State.FAILED):
            raise ValueError("goes with state=failed only: nothing else has a reason")
        return reason


class MoviePath(BaseModel):
    """One movie."""

    movie_id: MovieId


@routes.post("/movies", responses={202: AcceptedAnswer, **problem_responses(409, 413, 415)})
def add(body: MoviesGiven) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Take movies in; their posters are found and embedded by the workers."""
    given = body.root if isinstance(body.root, list) else [body.root]
    _demand_allowed_hosts(body.root)
    here = services()
    demand_room(len(given), here.counts.waiting)
    job_id, movie_ids = add_movies(here.catalog, here.bell, [_new(movie) for movie in given], g.get("request_id"))
    return accepted(job_id, movie_ids)


@routes.get("/movies", responses={200: MoviesAnswer})
def find(query: MoviesQuery) -> dict[str, Any]:
    """Movies by title or genre: best match first, then most-rated first."""
    page = catalog().movies.page(query.q, query.genre, query.cursor, query.limit, query.state, query.reason)
    items = [movie_answer(movie, served()) for movie in page.items]
    return MoviesAnswer(items=items, next_cursor=page.next_cursor, notices=notices(items)).model_dump(mode="json")


@routes.get("/movies/<movie_id>", responses={200: MovieAnswer, **problem_responses(404)})
def show(path: MoviePath) -> dict[str, Any]:
    """One movie with the state of its poster."""
    return movie_answer(catalog().movies.get(path.movie_id), served()).model_dump(mode="json")


_IMAGE = {"schema": {"type": "string", "format": "binary"}}
_POSTER = {
    "description": "The picture; X-Poster-Source says where it is from.",
    "content": dict.fromkeys(("image/jpeg", "image/png", "image/webp"), _IMAGE),
}


@routes.get("/movies/<movie_id>/poster", responses={200: _POSTER, 304: None, **problem_responses(404, 409)})
def poster(path: MoviePath) -> Response:
    """The movie's poster as an image."""
    file, content = catalog().posters.image(path.movie_id)
    response = Response(content, content_type=file.media_type)
    response.set_etag(file.sha256)
    response.headers["Cache-Control"] = f"public, max-age={POSTER_AGE_S[file.generated]}"
    response.headers["X-Poster-Source"] = file.source
    response.make_conditional(request)
    return response


def accepted(job_id: str, movie_ids: Sequence[int]) -> tuple[dict[str, Any], int, dict[str, str]]:
    """The answer that names the job which follows these movies."""
    movies = [
        AcceptedMovie(movie_id=movie.movie_id, title=movie.title, year=movie.year, state=movie.state)
        for movie in catalog().movies.many(movie_ids)
    ]
    headers = {"Location": f"/jobs/{job_id}", "Retry-After": str(RETRY_AFTER_S)}
    return AcceptedAnswer(job_id=job_id, accepted=movies).model_dump(mode="json"), HTTPStatus.ACCEPTED, headers


def _demand_allowed_hosts(given: MovieGiven | list[MovieGiven]) -> None:
    listed = isinstance(given, list)
    errors = [
        FieldError(field=f"[{position}].poster_url" if listed else "poster_url", why=why)
        for position, movie in enumerate(given if isinstance(given, list) else [given])
        if (why := _host_refused(movie.poster_url))
    ]
    if errors:
        raise InvalidRequest(*errors)


def _host_refused(address: str | None) -> str:
    host = (urlsplit(address or "").hostname or "").rstrip(".")
    if address is None or host in services().poster_hosts:
        return ""
    return f"the host {host[:100]} is not allowed; POSTERITY_POSTER_URL_HOSTS lists those that are"


def _new(movie: MovieGiven) -> NewMovie:
    return NewMovie(
        title=movie.title,
        movie_id=movie.movie_id,
        year=movie.year,
        genres=tuple(movie.genres),
        imdb_id=movie.imdb_id,
        tmdb_id=movie.tmdb_id,
        poster_url=movie.poster_url,
    )
