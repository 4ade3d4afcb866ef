"""What addresses say behind their question mark: read once, each name once, checked by one model."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache, wraps
from typing import Any, TypeVar, get_type_hints

from flask import request
from pydantic import BaseModel, ValidationError

from api.errors import FieldError, InvalidRequest, refuse

MAX_NAME = 200  # characters of a name that an error repeats

R = TypeVar("R")


class Parameters(BaseModel, extra="forbid"):
    """What an address may say, and nothing else.

    flask-openapi3 asks for the schema at every request; making it anew took 1.1 of the 2.2 ms of a `/similar`.
    """

    @classmethod
    def model_json_schema(cls, *given: Any, **named: Any) -> dict[str, Any]:
        """The JSON schema; the plain one is made once and must not be changed."""
        return super().model_json_schema(*given, **named) if given or named else _plain_schema(cls)


@cache
def _plain_schema(model: type[Parameters]) -> dict[str, Any]:
    return super(Parameters, model).model_json_schema()


def reads_query(view: Callable[..., R]) -> Callable[..., R]:
    """A view whose `query` is made here: flask-openapi3 documents it, but reads it eight times as slowly.

    Raises, when called:
        InvalidRequest: the address says something else than the model of `query` allows.
    """
    model: type[BaseModel] = get_type_hints(view)["query"]

    @wraps(view)
    def reading(**path: Any) -> R:
        try:
            query = model.model_validate(given())
        except ValidationError as err:
            refuse(err)
        return view(query=query, **path)

    vars(reading)["__delay_validate_request__"] = True  # as flask_openapi3.validate_request says it
    return reading


def given() -> dict[str, str]:
    """What the address says by name, each name once."""
    query = request.query_string.decode("latin-1")
    return plain_parameters(query) if _is_plain(query) else request.args.to_dict()


def plain_parameters(query: str) -> dict[str, str]:
    """What stands behind the question mark, by name, where every character stands for itself.

    Raises:
        ValueError: some do not, or a name stands there twice.
    """
    if not _is_plain(query):
        raise ValueError("escapes are for werkzeug to read")
    pairs = [_pair(part) for part in query.split("&") if part]
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice")
    return found


def refuse_doubled() -> None:
    """Before a request: what is given twice means nothing.

    Raises:
        InvalidRequest: a name stands there twice.
    """
    with suppress(ValueError):
        plain_parameters(request.query_string.decode("latin-1"))
        return
    doubled = [name for name, values in request.args.lists() if len(values) > 1]
    if doubled:
        raise InvalidRequest(*(FieldError(field=name[:MAX_NAME], why="is given more than once") for name in doubled))


def _is_plain(query: str) -> bool:
    """Whether its characters stand for themselves, as in most; reading escapes takes fifteen times as long."""
    return query.isascii() and "%" not in query and "+" not in query


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name, value
