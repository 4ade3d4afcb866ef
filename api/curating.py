"""Changing single movies, for whoever has the admin token: correct, take out, try again, give another poster."""

from http import HTTPStatus
from typing import Any, Literal

from flask import g, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.file import FileStorage
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from api.answers import AcceptedAnswer, MovieAnswer, movie_answer
from api.errors import FieldError, InvalidRequest, problem_responses, refuse
from api.fields import Genres, ImdbId, JsonId, JsonYear, Title
from api.movies import MoviePath, accepted
from api.pictures import MAX_PICTURE_BYTES, MAX_UPLOAD_BYTES, picture_type
from api.refusals import NotFailed
from api.services import catalog, served, services
from api.tokens import ADMIN_SCHEME, Tokens, guard
from catalog.editing import MovieChanges
from catalog.entries import State
from workers.enqueue import renew_poster, retry_movie

UPLOAD = "new_poster"  # the route whose bodies may be longer than others


class MovieEdit(BaseModel, extra="forbid"):
    """What is to be corrected; what is left out stays as it is."""

    title: Title | None = None
    year: JsonYear | None = None
    genres: Genres | None = None
    imdb_id: ImdbId | None = Field(default=None, description="tt and at least seven digits.")
    tmdb_id: JsonId | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _no_null(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("must not be null: leave it out to keep what is there")
        return value

    @model_validator(mode="after")
    def _something(self) -> "MovieEdit":
        if not self.model_fields_set:
            raise ValueError("the body names nothing to change")
        return self


class PosterGiven(BaseModel, extra="forbid"):
    """Another poster; without a body the poster sources are asked again."""

    image: FileStorage | None = Field(default=None, description="A JPEG, PNG or WebP picture of at most 10 MiB.")

    @field_validator("image")
    @classmethod
    def _is_file(cls, image: Any) -> Any:
        if not hasattr(image, "read"):
            raise ValueError("must be a file, not text")
        return image


class AskAgain(BaseModel, extra="forbid"):
    """The body, as JSON, that stands for no body."""

    source: Literal["again"] = "again"


def curating_routes(tokens: Tokens) -> APIBlueprint:
    """The routes behind the admin token; an app without a token does not register them at all."""
    routes = APIBlueprint(
        "curating",
        __name__,
        abp_tags=[Tag(name="movies")],
        abp_security=[{ADMIN_SCHEME: []}],
        abp_responses=problem_responses(400, 401, 404, 500, 503),
    )
    routes.before_request(guard(tokens))
    routes.before_request(_let_pictures_in)
    body = problem_responses(409, 413, 415)
    routes.patch("/movies/<movie_id>", responses={200: MovieAnswer, **body})(edit)
    routes.delete("/movies/<movie_id>", responses={204: None})(delete)
    routes.post("/movies/<movie_id>/retry", responses={202: MovieAnswer, **problem_responses(409)})(retry)
    routes.post("/movies/<movie_id>/poster", endpoint=UPLOAD, responses={202: AcceptedAnswer, **body})(new_poster)
    upload = routes.paths["/movies/{movie_id}/poster"].post
    upload.requestBody.required = False  # flask-openapi3 demands every form
    return routes


def edit(path: MoviePath, body: MovieEdit) -> dict[str, Any]:
    """Correct a movie; a title card is drawn anew."""
    here = services()
    changes = MovieChanges(
        title=body.title,
        year=body.year,
        genres=None if body.genres is None else tuple(body.genres),
        imdb_id=body.imdb_id,
        tmdb_id=body.tmdb_id,
    )
    shows_other = here.catalog.editing.edit(path.movie_id, changes)
    findable = bool(body.model_fields_set & {"imdb_id", "tmdb_id"})  # a source may have a poster where there was a card
    movie = here.catalog.movies.get(path.movie_id)
    # A worker may be drawing the card of a pending movie from the old title just now: it loses the row.
    if (shows_other or findable) and (movie.poster_generated or movie.state == State.PENDING):
        renew_poster(here.catalog, here.bell, path.movie_id, g.get("request_id"))
    return movie_answer(here.catalog.movies.get(path.movie_id), served()).model_dump(mode="json")


def delete(path: MoviePath) -> tuple[str, int]:
    """Take a movie out of everything; its id is never given to another one."""
    catalog().editing.delete(path.movie_id)
    return "", HTTPStatus.NO_CONTENT


def retry(path: MoviePath) -> tuple[dict[str, Any], int]:
    """Try again to find and embed the poster of a movie that failed."""
    here = services()
    again = retry_movie(here.catalog, here.bell, path.movie_id)
    movie = here.catalog.movies.get(path.movie_id)
    if not again:
        raise NotFailed(movie.movie_id, movie.state)
    return movie_answer(movie, served()).model_dump(mode="json"), HTTPStatus.ACCEPTED


def new_poster(path: MoviePath, form: PosterGiven) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Give a movie another poster, or have the sources asked again; the old one counts until the new one is embedded.

    A worker looks into the picture: one that cannot be used leaves the old poster, and its reason on the movie.
    """
    here = services()
    here.catalog.movies.get(path.movie_id)
    if form.image is not None:
        content = form.image.read()
        here.catalog.given.set_file(path.movie_id, content, _demand_picture(content))
    else:
        _demand_again()
        here.catalog.given.forget_file(path.movie_id)
    job_id = renew_poster(here.catalog, here.bell, path.movie_id, g.get("request_id"))
    return accepted(job_id, [path.movie_id])


def _let_pictures_in() -> None:
    if request.endpoint == f"curating.{UPLOAD}":
        request.max_content_length = MAX_UPLOAD_BYTES


def _demand_picture(content: bytes) -> str:
    if not content:
        raise InvalidRequest(FieldError(field="image", why="is empty"))
    if len(content) > MAX_PICTURE_BYTES:
        raise RequestEntityTooLarge("image: a picture may have at most 10 MiB")
    media_type = picture_type(content)
    if media_type is None:
        raise UnsupportedMediaType("image: it is not a JPEG, PNG or WebP picture")
    return media_type


def _demand_again() -> None:
    """A body without a picture says nothing, or the one thing there is to say."""
    if request.mimetype == "multipart/form-data":
        raise InvalidRequest(FieldError(field="image", why="is missing"))
    body = request.get_json()
    if body is None:
        return
    try:
        AskAgain.model_validate(body)
    except ValidationError as err:
        refuse(err)
