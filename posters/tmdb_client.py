"""Requests to TMDB: under its budget, with the token in a header only, and every way of failing told to the guard."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, TypeVar

from posters.errors import (
    NoAnswer,
    PosterRejected,
    PosterUnavailable,
    RejectReason,
    SourceTroubled,
    SourceWaiting,
    TooLong,
    TransferFailed,
)
from posters.fetching import Answer, Limits, ask
from posters.guard import SourceGuard
from posters.timed_http import timed_pools
from posters.tmdb_answers import ForeignAnswer, message

OK, GONE, TOO_MANY = 200, (404, 410), 429
REFUSED = (401, 403)
CONNECTIONS = 8  # as many as posters are fetched at once
JSON_BYTES = 1024 * 1024
JSON_DEADLINE_S = 8.0
ASK_AGAIN_S = 60.0  # after a refusal, should the guard not know better
T = TypeVar("T")


class TmdbClient:
    """TMDB's API and its pictures.

    Args:
        token: the API Read Access Token; goes into the Authorization header of the API, never to the pictures' host.
        api_url: such as `https://api.themoviedb.org/3`.
        guard: is asked before every request, and told how it went.
        limits: of one picture; those of an answer of the API are tighter in size and time.
    """

    def __init__(self, token: str, api_url: str, guard: SourceGuard, limits: Limits) -> None:
        self._token, self._api_url, self._guard, self._limits = token, api_url.rstrip("/"), guard, limits
        deadline_s = min(JSON_DEADLINE_S, limits.deadline_s)
        self._api_limits = replace(limits, deadline_s=deadline_s, max_bytes=JSON_BYTES)
        self._pools = timed_pools(CONNECTIONS)

    def api(self, path: str, read: Callable[[Any], T]) -> T | None:
        """What `read` makes of the JSON at this path; None when TMDB says there is no such thing.

        Raises:
            SourceTroubled: no answer, or none of TMDB's; `read` says so by ForeignAnswer.
            SourceWaiting: TMDB is not asked now, or has just refused the token.
            PosterUnavailable: a status that nobody expects, about this one request.
        """
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        self._guard.admit()
        try:
            with ask(self._pools, self._api_url + path, headers, self._api_limits) as answer:
                content = _body(answer)
                self._demand_served(answer, content, path)
                result = None if answer.status in GONE else read(_parsed(content))
        except TransferFailed as err:
            self._troubled(f"TMDB: {err.why} ({path})", None, err)
        except ForeignAnswer as err:
            self._troubled(f"TMDB's answer is not TMDB's: {err} ({path}); check POSTERITY_TMDB_API_URL", None, err)
        self._guard.answered()
        return result

    def picture(self, url: str) -> bytes | None:
        """The bytes at this address; None when there are none.

        Raises:
            SourceTroubled, SourceWaiting: as `api`.
            PosterUnavailable: the picture began to come and did not end.
            PosterRejected: it is too large.
        """
        self._guard.admit()
        try:
            with ask(self._pools, url, {"Accept": "image/*"}, self._limits) as answer:
                self._demand_picture(answer, url)
                return None if answer.status in GONE else answer.read()
        except NoAnswer as err:
            self._troubled(f"TMDB's pictures: {err.why} ({url})", None, err)
        except TooLong as err:
            raise PosterRejected(RejectReason.IMAGE_TOO_LARGE, f"{self._guard.name}:{url}", err.why) from err
        except TransferFailed as err:
            raise PosterUnavailable(self._guard.name, f"{err.why} ({url})") from err

    def _demand_served(self, answer: Answer, content: bytes, path: str) -> None:
        if answer.status in REFUSED:
            self._refused(answer.status, content)
        if _is_trouble(answer.status):
            self._troubled(f"TMDB answered {answer.status} ({path})", _retry_after_s(answer), None)
        if answer.status not in (OK, *GONE):
            self._guard.answered()
            said = message(_parsed_or_none(content), self._safe)
            raise PosterUnavailable(self._guard.name, f"TMDB answered {answer.status}{said} ({path})")

    def _demand_picture(self, answer: Answer, url: str) -> None:
        # No token went there, so a refusal is no word about ours: the host is overloaded or takes us for a robot.
        if _is_trouble(answer.status) or answer.status in REFUSED:
            self._troubled(f"TMDB's pictures: status {answer.status} ({url})", _retry_after_s(answer), None)
        self._guard.answered()
        if answer.status not in (OK, *GONE):
            raise PosterUnavailable(self._guard.name, f"status {answer.status} ({url})")

    def _refused(self, status: int, content: bytes) -> NoReturn:
        said = message(_parsed_or_none(content), self._safe)
        why = f"TMDB refused the token ({status}{said}); check POSTERITY_TMDB_TOKEN: it is the API Read Access Token"
        self._guard.refused(why)
        raise SourceWaiting(self._guard.name, why, time.time() + ASK_AGAIN_S)

    def _troubled(self, why: str, retry_after_s: float | None, cause: Exception | None) -> NoReturn:
        self._guard.troubled(why, retry_after_s)
        raise SourceTroubled(self._guard.name, why, retry_after_s) from cause

    def _safe(self, text: str) -> str:
        """Of a text that came from outside; a server may send back what it got."""
        return text.replace(self._token, "(the token)")


def _is_trouble(status: int) -> bool:
    """Redirects too: TMDB sends none, so that somebody else does."""
    return status == TOO_MANY or status >= 500 or (status < 400 and status != OK)


def _body(answer: Answer) -> bytes:
    """The body, read for every status since only then the connection serves again.

    Raises:
        TransferFailed: a 200 came late or broken; of other statuses the number is enough.
    """
    try:
        return answer.read()
    except TransferFailed:
        if answer.status == OK:
            raise
        return b""


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as err:
        raise ForeignAnswer("not JSON") from err


def _parsed_or_none(content: bytes) -> Any:
    try:
        return _parsed(content)
    except ForeignAnswer:
        return None


def _retry_after_s(answer: Answer) -> float | None:
    """Seconds of a Retry-After, which has a number or a date (RFC 9110, 10.2.3); None where it has neither."""
    text = (answer.header("Retry-After") or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
