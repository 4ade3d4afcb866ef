"""JSON in and out: a request whose body cannot hurt, and answers that any parser can read."""

import json
import math
import re
from collections.abc import Iterator
from io import BytesIO
from typing import IO, Any, cast

from flask import Flask, Request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.utils import cached_property

from api.errors import FieldError, InvalidRequest
from api.parameters import refuse_doubled

MAX_DIGITS = 1000  # of a whole number, long before Python's own limit, whose error speaks to programmers
MAX_DEPTH = 20  # reliability.md section 10; our deepest body has 3
# A string, closed or not, or one bracket. A string that never ends must match as well, or the search would start
# again at each of its characters.
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{\]}]', re.DOTALL)


class GuardedRequest(Request):
    """A request whose `get_json` refuses what would break later: flask-openapi3 reads every body through it."""

    def _get_file_stream(self, *_: Any, **__: Any) -> BytesIO:
        """Uploads stay in memory: they are short, by the limit of their route."""
        return BytesIO()

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body as it comes, however it is read: as JSON or as a form."""
        return cast(IO[bytes], _Arriving(super().stream))

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body as a dict or a list, or None when it is empty.

        Raises:
            InvalidRequest: not JSON of the plain kind: too deep, doubled keys, NaN, infinite numbers, surrogates.
            UnsupportedMediaType: the body does not say that it is JSON.
            RequestEntityTooLarge: it is longer than MAX_CONTENT_LENGTH.
        """
        body = self.get_data(cache=True)
        # A chunked body names no length; werkzeug cuts it at the limit without a word.
        if self.content_length is None and self.max_content_length and len(body) >= self.max_content_length:
            raise RequestEntityTooLarge
        if not body:
            return None
        if not self.is_json:
            raise UnsupportedMediaType("the body must be JSON: send Content-Type: application/json")
        return parse(body)


class _Arriving:
    """A body whose end may never come: what a server says then of broken chunks is the client's mistake, not ours."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """The next bytes.

        Raises:
            BadRequest: they do not come as the request said.
        """
        try:
            return self._stream.read(size)
        except HTTPException:
            raise  # too long, or gone: werkzeug has said it
        except Exception as err:
            raise BadRequest("the body does not come as it was announced: its length or its chunks are wrong") from err


class StrictJSON(DefaultJSONProvider):
    """Answers without NaN: a score that is none is a bug and must not leave as invalid JSON."""

    sort_keys = False

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """The JSON text.

        Raises:
            ValueError: it holds NaN or an infinity.
        """
        return super().dumps(obj, **{"allow_nan": False, **kwargs})


def install(app: Flask) -> None:
    """Guards what this app reads and writes."""
    app.request_class = GuardedRequest
    app.json = StrictJSON(app)
    app.before_request(refuse_doubled)


def parse(body: bytes) -> Any:
    """The dict or list that these bytes spell.

    Raises:
        InvalidRequest: they do not, or they do it in a way that parsers disagree about.
    """
    try:
        text = body.decode("utf-8")
        _check_depth(text)
        value = _loaded(text)
    except (ValueError, RecursionError, MemoryError) as err:
        raise InvalidRequest(FieldError(field="", why=f"the body is not usable JSON: {_first_line(err)}")) from err
    if not isinstance(value, dict | list):
        raise InvalidRequest(FieldError(field="", why="the body must be a JSON object or a list of them"))
    if any("\x00" in text or not _is_unicode(text) for text in _texts(value)):
        raise InvalidRequest(FieldError(field="", why="the body holds a NUL or half of a surrogate pair"))
    return value


def _loaded(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_number, parse_int=_whole)


def _check_depth(text: str) -> None:
    depth = 0
    for token in TOKEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.group(), 0)
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        doubled = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {doubled[:40]!r} appears twice in one object")
    return value


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"{text[:40]}... is too long a number")
    return int(text)


def _texts(value: Any) -> Iterator[str]:
    """Every text and key inside; the depth is bounded by now."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _first_line(err: BaseException) -> str:
    return (str(err).splitlines() or [type(err).__name__])[0]
