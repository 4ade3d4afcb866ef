"""From errors to answers: the one table, and RFC 9457 `application/problem+json` for everything in it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn

from flask import Flask, Response, current_app, g, render_template, request
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails
from werkzeug.exceptions import HTTPException

from api.refusals import (
    NoPredictions,
    NoRatingsOf,
    NoTaste,
    NotAuthorised,
    NotEmbedded,
    NotFailed,
    NotPublished,
    NotRated,
    NotReady,
)
from catalog.errors import (
    CatalogBusy,
    ConflictingMovie,
    JobRunning,
    NoPoster,
    UnknownJob,
    UnknownMovie,
    UnknownMovies,
)
from index.errors import IndexNotReady, NoSpace, NoSuchSnapshot, PublishBusy, SnapshotError
from ratings.errors import BadFile

log = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"
MAX_ERRORS = 20  # shown of one request: a list of 500 movies may hold thousands
RETRY_SOON_S, RETRY_LATER_S = 1, 5
NOWHERE = {
    404: "nothing is at this address; /docs lists what there is",
    405: "this address does not answer to this method; /docs lists what there is",
}
# In place of pydantic's words for what goes wrong most: they name Python's types.
WORDS = {
    "extra_forbidden": "is not known here; /docs lists what is",
    "missing": "is missing",
    "int_type": "must be a whole number, without quotes and without a point",
    "float_type": "must be a number, without quotes",
    "string_type": "must be a text in quotes",
    "too_long": "must have at most {max_length} entries, not {actual_length}",
    "too_short": "must have at least {min_length} of them",
}
INTERNAL = "this is a bug of Posterity; its log has the details under this request_id"


class FieldError(BaseModel):
    """One field of a request and what is wrong with it."""

    field: str
    why: str


class Problem(BaseModel):
    """What every error looks like (RFC 9457); some carry more members, such as `state` or `job_id`."""

    type: str = Field(description="Always about:blank; `code` tells errors apart.")
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="One line for people: what is wrong and where.")
    code: str = Field(description="One word for programs, such as unknown_movie.")
    request_id: str = Field(description="The same as the header X-Request-ID.")
    errors: list[FieldError] = Field(description="The fields of the request that are wrong; often empty.")


class InvalidRequest(Exception):
    """A field of the request is unknown, missing or bad."""

    def __init__(self, *errors: FieldError) -> None:
        first = errors[0]
        super().__init__(f"{first.field}: {first.why}" if first.field else first.why)
        self.errors = errors[:MAX_ERRORS]


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind of error is answered.

    `members` are attributes of the error that the answer carries too; `says` stands for a message that names files or
    addresses of the server.
    """

    status: int
    code: str
    retry_after_s: int | None = None
    members: Sequence[str] = ()
    says: str = ""


RULES: dict[type[Exception], Rule] = {
    InvalidRequest: Rule(400, "invalid_request"),
    NotAuthorised: Rule(401, "not_authorised"),
    UnknownMovie: Rule(404, "unknown_movie", members=("movie_id",)),
    UnknownMovies: Rule(404, "unknown_movie", members=("movie_ids",)),
    NoRatingsOf: Rule(404, "unknown_user", members=("user_id",)),
    UnknownJob: Rule(404, "unknown_job"),
    NoSuchSnapshot: Rule(404, "unknown_snapshot"),
    NoPoster: Rule(409, "no_poster", members=("movie_id", "state")),
    NotEmbedded: Rule(409, "not_embedded", members=("movie_id", "state", "reason")),
    NotFailed: Rule(409, "not_failed", members=("movie_id", "state")),
    NotRated: Rule(409, "not_rated", members=("movie_id",)),
    NotPublished: Rule(409, "not_in_snapshot", RETRY_LATER_S, members=("movie_id", "state", "generation")),
    NoTaste: Rule(409, "no_taste", members=("known_ratings", "generation")),
    NoPredictions: Rule(409, "no_predictions", members=("generation",)),
    ConflictingMovie: Rule(409, "conflicting_movie", members=("position",)),
    JobRunning: Rule(409, "job_running", members=("job_id",)),
    PublishBusy: Rule(409, "publication_running", RETRY_LATER_S, says="another rebuild or rollback runs: wait for it"),
    SnapshotError: Rule(409, "snapshot_unusable"),
    CatalogBusy: Rule(503, "catalog_busy", RETRY_SOON_S, says="the catalog did not answer in time: try again"),
    BadFile: Rule(503, "ratings_unreadable", says="the imported ratings cannot be read: import them again"),
    IndexNotReady: Rule(503, "index_not_ready", RETRY_LATER_S, says="no snapshot can be served yet; see /readyz"),
    NotReady: Rule(503, "not_ready", RETRY_LATER_S, members=("checks",)),
    NoSpace: Rule(507, "no_space"),
}


def install(app: Flask) -> None:
    """Makes every error of this app a problem."""
    for kind in RULES:
        app.register_error_handler(kind, _named)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _bug)


def refuse(err: ValidationError) -> NoReturn:
    """Turns what pydantic found wrong with a request into one error.

    Raises:
        InvalidRequest: always; it names the fields.
    """
    found = err.errors(include_url=False, include_input=False)
    raise InvalidRequest(*(FieldError(field=_path(e["loc"]), why=_why(e)) for e in found)) from err


def problem_responses(*statuses: int) -> dict[str | int | HTTPStatus, Any]:
    """How a route declares its errors in the OpenAPI document."""
    schema = {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}
    return {
        str(status): {"description": HTTPStatus(status).phrase, "content": {PROBLEM_TYPE: schema}}
        for status in statuses
    }


def _named(err: Exception) -> Response:
    rule = RULES[next(kind for kind in type(err).__mro__ if kind in RULES)]
    members = {name: getattr(err, name) for name in rule.members}
    if rule.says:
        log.warning("request %s: %s", g.get("request_id"), err)
    response = _answer(rule.status, rule.code, rule.says or str(err), getattr(err, "errors", ()), members)
    if rule.retry_after_s is not None:
        response.headers["Retry-After"] = str(rule.retry_after_s)
    if isinstance(err, NotAuthorised):
        response.headers["WWW-Authenticate"] = err.challenge
    return response


def _http(err: HTTPException) -> Any:
    if err.code is None or err.code < HTTPStatus.BAD_REQUEST:
        return err  # a redirect
    if err.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _answer(err.code, "internal_error", INTERNAL)
    phrase = HTTPStatus(err.code).phrase
    detail = _too_long() if err.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else NOWHERE.get(err.code, err.description)
    detail = detail or phrase
    response = _answer(err.code, phrase.lower().replace(" ", "_").replace("-", "_"), detail)
    response.headers.extend(header for header in err.get_headers() if header[0] in ("Allow", "Retry-After"))
    return response


def _too_long() -> str:
    limit = request.max_content_length
    return f"too much at once: this address takes {limit:,} bytes" if limit else "too much at once"


def _bug(err: Exception) -> Response:
    log.error("request %s: %s %s", g.get("request_id"), request.method, request.path, exc_info=err)
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", INTERNAL)


def _answer(
    status: int, code: str, detail: str, errors: Sequence[FieldError] = (), members: Mapping[str, Any] | None = None
) -> Response:
    title = HTTPStatus(status).phrase
    if request.path == "/" or request.path.startswith("/app/"):
        return Response(render_template("error.html", status=status, title=title, detail=detail), status)
    problem = Problem(
        type="about:blank",
        title=title,
        status=status,
        detail=detail,
        code=code,
        request_id=g.get("request_id", ""),
        errors=list(errors),
    )
    body = current_app.json.dumps({**problem.model_dump(), **(members or {})})
    return Response(body, status, content_type=PROBLEM_TYPE)


def _path(loc: Sequence[int | str]) -> str:
    """("array", 0, "title") -> "[0].title": the first word only says which form of body was given."""
    parts = loc[1:] if loc and loc[0] in ("object", "array") else loc
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")[:200]


def _why(found: ErrorDetails) -> str:
    words = WORDS.get(found["type"])
    if words is not None:
        return words.format(**found.get("ctx", {}))
    return found["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
