"""Downloads from servers that may be slow, broken or hostile: limited in time, in bytes and in where they lead.

Redirects are not followed, nothing is asked twice, bodies are taken as they come (a compressed one is not unpacked).
"""

import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from posters.decoding import MAX_BYTES
from posters.errors import CutShort, NoAnswer, TooLong
from posters.timed_http import ALLOWANCE, Allowance, Deadline

CHUNK = 64 * 1024
FRAMING = 64 * 1024  # bytes that an answer may have beside its body: head, and marks between chunks


@dataclass(frozen=True, slots=True)
class Limits:
    """How long one download may take and how large it may be."""

    connect_s: float = 5.0
    read_s: float = 5.0  # for one read
    deadline_s: float = 15.0  # for everything, redirects included
    floor_bytes_per_s: float = 4096.0  # on average, ..
    floor_after_s: float = 5.0  # .. asked for after this many seconds of body
    max_bytes: int = MAX_BYTES


# The pool of one host takes paths, that of many hosts takes addresses.
Pools = urllib3.HTTPConnectionPool | urllib3.PoolManager


class Answer:
    """An HTTP answer whose head has come; the body comes when it is read."""

    def __init__(self, response: urllib3.BaseHTTPResponse, limits: Limits, allowance: Allowance) -> None:
        self._response, self._limits, self._allowance = response, limits, allowance
        self.status = response.status

    def header(self, name: str) -> str | None:
        """A field of the head."""
        value: str | None = self._response.headers.get(name)
        return value

    def read(self) -> bytes:
        """The whole body.

        Raises:
            TooLong, CutShort.
        """
        limit = self._limits.max_bytes
        announced = getattr(self._response, "length_remaining", None)
        if announced is not None and announced > limit:
            raise TooLong(f"{announced:,} bytes are announced, at most {limit:,} are accepted")
        parts, size, began = [], 0, time.monotonic()
        for chunk in self._chunks():
            size += len(chunk)
            if size > limit:
                raise TooLong(f"more than {limit:,} bytes came, and no more are accepted")
            if self._allowance.taken_bytes - size > FRAMING + io.DEFAULT_BUFFER_SIZE:  # that much may be read ahead
                raise TooLong(f"more came than a body of {size:,} bytes can need")
            self._demand_speed(size, time.monotonic() - began)
            parts.append(chunk)
        return b"".join(parts)

    def _chunks(self) -> Iterator[bytes]:
        try:
            while chunk := self._response.read1(CHUNK):
                yield chunk
        except ReadTimeoutError as err:
            raise CutShort(f"the rest did not come within {self._waited_s():g} s") from err
        except (HTTPError, OSError) as err:
            if self._allowance.left_bytes <= 0:
                raise TooLong(f"more came than a body of {self._limits.max_bytes:,} bytes can need") from err
            raise CutShort("the connection ended before the answer did") from err

    def _demand_speed(self, size: int, seconds: float) -> None:
        if self._allowance.deadline.left_s() == 0.0:
            raise CutShort(f"the rest did not come within {self._waited_s():g} s")
        if seconds > self._limits.floor_after_s and size < self._limits.floor_bytes_per_s * seconds:
            raise CutShort(f"too slow: {size:,} bytes in {seconds:.1f} s")

    def _waited_s(self) -> float:
        return self._allowance.deadline.seconds if self._allowance.deadline.left_s() == 0.0 else self._limits.read_s


@contextmanager
def ask(
    pools: Pools, url: str, headers: Mapping[str, str], limits: Limits, deadline: Deadline | None = None
) -> Iterator[Answer]:
    """Sends a GET and gives its answer, of whatever status; the connection is kept for others if the body was read.

    Args:
        url: an address, or a path where `pools` are of one host.
        headers: beside User-Agent and Accept-Encoding.
        deadline: of a download that began earlier; a new one after `limits.deadline_s`.

    Raises:
        NoAnswer: no head of an answer came.
    """
    deadline = deadline or Deadline(limits.deadline_s)
    allowance = Allowance(deadline, limits.max_bytes + FRAMING)
    response = _opened(pools, url, headers, limits, allowance)
    try:
        yield Answer(response, limits, allowance)
    finally:
        response.close()  # after the whole body this closes nothing: the connection went back to its pool


def _opened(
    pools: Pools, url: str, headers: Mapping[str, str], limits: Limits, allowance: Allowance
) -> urllib3.BaseHTTPResponse:
    deadline = allowance.deadline
    left_s = deadline.left_s()
    if left_s == 0.0:
        raise NoAnswer(f"no answer within {deadline.seconds:g} s")
    before = ALLOWANCE.set(allowance)
    try:
        return pools.urlopen(
            "GET",
            url,
            headers={"User-Agent": user_agent(), "Accept-Encoding": "identity", **headers},
            timeout=urllib3.Timeout(connect=min(limits.connect_s, left_s), read=min(limits.read_s, left_s)),
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
        )
    except (HTTPError, OSError) as err:
        raise NoAnswer(_why(err, limits, deadline)) from err
    finally:
        ALLOWANCE.reset(before)


def _why(err: Exception, limits: Limits, deadline: Deadline) -> str:
    """In our words: those of urllib3 hold objects and addresses."""
    match err:
        case NameResolutionError():
            return "the name of its host cannot be resolved"
        case NewConnectionError():
            return "its host takes no connection"
        case ConnectTimeoutError():
            return f"no connection within {limits.connect_s:g} s"
        case ReadTimeoutError():
            return f"no answer within {limits.read_s if deadline.left_s() else deadline.seconds:g} s"
        case SSLError():
            return "no trusted connection: its certificate or TLS is not accepted"
        case _:
            return "the connection ended without an answer"


@cache
def user_agent() -> str:
    """Who asks, as servers like to know."""
    try:
        return f"posterity/{version('posterity')}"
    except PackageNotFoundError:  # run from a clone that was never installed
        return "posterity/unknown"
