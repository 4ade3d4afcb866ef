"""`/movies`: taking movies in and looking them up."""

from http import HTTPStatus
from typing import Annotated, Any

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Discriminator, Field, RootModel
from pydantic import Tag as Form

from api.answers import AcceptedAnswer, AcceptedMovie, MovieAnswer, MoviesAnswer, movie_answer
from api.errors import problem_responses
from api.fields import (
    Cursor,
    GenreQuery,
    Genres,
    ImdbId,
    JsonId,
    JsonYear,
    Limit,
    MovieId,
    Query,
    Title,
)
from api.services import catalog, served, services
from catalog.entries import NewMovie
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
    """Which movies."""

    q: Query = Field(default="", description="Part of a title, without regard to case and accents.")
    genre: GenreQuery = Field(default="", description="A whole genre, such as Comedy.")
    cursor: Cursor = Field(default="", description="The next_cursor of the page before.")
    limit: Limit = 50


class MoviePath(BaseModel):
    """One movie."""

    movie_id: MovieId


@routes.post("/movies", responses={202: AcceptedAnswer, **problem_responses(409, 413, 415)})
def add(body: MoviesGiven) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Take movies in; their posters are found and embedded by the workers."""
    given = body.root if isinstance(body.root, list) else [body.root]
    here = services()
    job_id, movie_ids = add_movies(here.catalog, here.bell, [_new(movie) for movie in given])
    accepted = [
        AcceptedMovie(movie_id=movie.movie_id, title=movie.title, year=movie.year, state=movie.state)
        for movie in here.catalog.movies.many(movie_ids)
    ]
    headers = {"Location": f"/jobs/{job_id}", "Retry-After": str(RETRY_AFTER_S)}
    return AcceptedAnswer(job_id=job_id, accepted=accepted).model_dump(mode="json"), HTTPStatus.ACCEPTED, headers


@routes.get("/movies", responses={200: MoviesAnswer})
def find(query: MoviesQuery) -> dict[str, Any]:
    """Movies by title or genre: best match first, then most-rated first."""
    page = catalog().movies.page(query.q, query.genre, query.cursor, query.limit)
    items = [movie_answer(movie, served()) for movie in page.items]
    return MoviesAnswer(items=items, next_cursor=page.next_cursor).model_dump(mode="json")


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


def _new(movie: MovieGiven) -> NewMovie:
    return NewMovie(
        title=movie.title,
        movie_id=movie.movie_id,
        year=movie.year,
        genres=tuple(movie.genres),
        imdb_id=movie.imdb_id,
        tmdb_id=movie.tmdb_id,
    )
