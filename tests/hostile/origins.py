"""Servers of posters that are slow, broken or malicious, as pieces for `tests.posters.raw_server.RawServer`.

Each says what may come of it: the reason that a movie then has.
"""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from tests.posters.raw_server import Visit
from tests.posters.tmdb_server import poster

Play = Callable[[Visit], None]
HOST, OTHER = "posters.example", "other.example"  # both listed
UNAVAILABLE, INVALID, LARGE = "source_unavailable", "image_invalid", "image_too_large"
TRUNCATED, REFUSED, NO_POSTER = "image_truncated", "address_refused", "no_poster"


@dataclass(frozen=True, slots=True)
class Origin:
    """`wanted`: the reasons that are right. `asked_first`: False for a server that speaks before it is asked."""

    name: str
    play: Play
    wanted: frozenset[str]
    asked_first: bool = True
    scheme: str = "http"


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")


def says(*parts: bytes) -> Play:
    return lambda visit: visit.say(b"".join(parts))


def drips(before: bytes, what: bytes, every_s: float) -> Play:
    """`what` again and again; 0 seconds: as fast as it is taken."""

    def play(visit: Visit) -> None:
        visit.say(before)
        while True:
            visit.say(what)
            visit.pause(every_s)

    return play


def then_reset(before: bytes) -> Play:
    def play(visit: Visit) -> None:
        visit.say(before)
        visit.reset()

    return play


def then_silent(before: bytes) -> Play:
    def play(visit: Visit) -> None:
        visit.say(before)
        visit.pause(60)

    return play


def redirects(target: str) -> Play:
    return says(head(f"Location: {target}", "Content-Length: 0", status="302 Found"))


def storm(status: str, retry_after: str) -> Play:
    return says(head(f"Retry-After: {retry_after}", "Content-Length: 0", status=status))


PICTURE = poster(1)
CHUNKED = head("Transfer-Encoding: chunked")
BLOCK = b"x" * 65_536


def _many(name: str, play: Play, *wanted: str, **options: object) -> Origin:
    return Origin(name, play, frozenset(wanted), **options)  # type: ignore[arg-type]


def origins() -> list[Origin]:
    """All cases but the ones that need more than a server: see test_hostile_origins."""
    long = len(PICTURE)
    return [
        _many("a byte a second", drips(head("Content-Length: 90000"), b"x", 1.0), UNAVAILABLE),
        _many("a byte a second in the head", drips(b"HTTP/1.1 200 OK\r\nX: ", b"x", 1.0), UNAVAILABLE),
        _many("a byte a second, then never", then_silent(head("Content-Length: 10") + b"half"), UNAVAILABLE),
        _many("silence", then_silent(b""), UNAVAILABLE),
        _many("slow TLS", then_silent(b""), UNAVAILABLE, asked_first=False, scheme="https"),
        _many("garbage for TLS", says(b"\x16\x03\x01\xff\xff" * 500), UNAVAILABLE, asked_first=False, scheme="https"),
        _many("endless body", drips(head(), BLOCK, 0), LARGE),
        _many("endless chunks", drips(CHUNKED, b"10000\r\n" + BLOCK + b"\r\n", 0), LARGE),
        _many("endless tiny chunks", drips(CHUNKED, b"1\r\nx\r\n" * 10_000, 0), LARGE),
        _many("endless words behind the last chunk", drips(CHUNKED + b"0\r\n", b"X: y\r\n" * 10_000, 0), LARGE),
        _many("endless interim answers", drips(b"", head(status="100 Continue") * 2_000, 0), UNAVAILABLE),
        _many("100000 fields", says(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n" * 100_000, b"\r\n"), UNAVAILABLE),
        _many("a head without end", drips(b"HTTP/1.1 200 OK\r\nX: ", BLOCK, 0), UNAVAILABLE),
        _many("a chunk of 281 TB", drips(CHUNKED + b"FFFFFFFFFFFF\r\n", BLOCK, 0), LARGE),
        _many("chunks of garbage", says(CHUNKED, b"zz\r\n", PICTURE), UNAVAILABLE),
        _many("chunks of negative size", says(CHUNKED, b"-5\r\n", PICTURE), UNAVAILABLE),
        _many("length too long", says(head(f"Content-Length: {long + 9}"), PICTURE), UNAVAILABLE),
        _many("length too short", says(head(f"Content-Length: {long - 99}"), PICTURE), TRUNCATED, INVALID),
        _many("length below zero", says(head("Content-Length: -5"), PICTURE), "", UNAVAILABLE),
        _many("length of 99 digits", says(head("Content-Length: " + "9" * 99), PICTURE), LARGE),
        _many("two lengths", says(head(f"Content-Length: {long}", "Content-Length: 5"), PICTURE), UNAVAILABLE),
        _many("length and chunks", says(head("Content-Length: 5", "Transfer-Encoding: chunked"), PICTURE), UNAVAILABLE),
        _many("gzip bomb", says(head("Content-Encoding: gzip"), gzip.compress(bytes(50_000_000))), INVALID),
        _many("deflate bomb", says(head("Content-Encoding: deflate"), zlib.compress(bytes(50_000_000))), INVALID),
        _many("reset at once", then_reset(b""), UNAVAILABLE),
        _many("reset in the body", then_reset(head("Content-Length: 99999") + PICTURE), UNAVAILABLE),
        _many("closed before the head", says(b""), UNAVAILABLE),
        _many("closed in the head", says(b"HTTP/1.1 200 OK\r\nContent-Le"), UNAVAILABLE),
        _many("garbage for a status", says(b"\x00\xff\xfe garbage\r\n\r\n", PICTURE), UNAVAILABLE),
        _many("status 999", says(head(status="999 What"), PICTURE), UNAVAILABLE),
        _many("status of a page", says(head("Content-Length: 3", status="200 OK"), b"<a>"), INVALID),
        _many("HTTP/0.9", says(PICTURE), UNAVAILABLE),
        _many("nothing", says(head("Content-Length: 0")), INVALID),
        _many("redirects in a circle", redirects(f"http://{HOST}/"), REFUSED),
        _many("redirects to another in a circle", redirects(f"http://{OTHER}/"), REFUSED),
        _many("redirect inside", redirects("http://127.0.0.1/"), REFUSED),
        _many("redirect to a file", redirects("file:///etc/passwd"), REFUSED),
        _many("redirect to garbage", redirects("http://[::1"), REFUSED),
        _many("redirect of 8 kB", redirects(f"http://{HOST}/" + "a" * 8000), REFUSED),
        _many("429, come back in 1 s", storm("429 Slow Down", "1"), UNAVAILABLE),
        _many("429, come back in 31 years", storm("429 Slow Down", "1000000000"), UNAVAILABLE),
        _many("503, come back at noon", storm("503 Down", "noon"), UNAVAILABLE),
        _many("503 that never ends", drips(head(status="503 Down"), BLOCK, 0), UNAVAILABLE),
        _many("404 that never ends", drips(head(status="404 Gone"), BLOCK, 0), NO_POSTER),
    ]
