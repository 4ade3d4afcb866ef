"""A server on this machine that speaks as TMDB does, in shape and in failure; for tests, benchmarks and rehearsals.

Rehearse a whole installation against it: `python -m tests.posters.tmdb_server --port 8123 --too-many 0.1`
"""

import argparse
import hashlib
import io
import json
import random
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from PIL import Image

TOKEN = "a-read-access-token-for-tests"
POSTER_SIZES = ["w92", "w154", "w185", "w342", "w500", "w780", "original"]
CANNOT_FIND = {"success": False, "status_code": 34, "status_message": "The resource you requested could not be found."}
WRONG_TOKEN = {
    "status_code": 7,
    "status_message": "Invalid API key: You must be granted a valid key.",
    "success": False,
}
TOO_MANY = {
    "status_code": 25,
    "status_message": "Your request count (#) is over the allowed limit of (40).",
    "success": False,
}
INTERNAL = {"success": False, "status_code": 11, "status_message": "Internal error: Something went wrong."}
OFFLINE = {"success": False, "status_code": 9, "status_message": "Service offline: Try again later."}

Fault = Literal["429", "429-wait", "500", "drop", "stall"]


@dataclass
class Faults:
    """How often something goes wrong, as shares of all requests from 0 to 1; may be changed while the server runs.

    Attributes:
        too_many: answered 429, every second time with `Retry-After: 1`.
        errors: answered 500.
        drops: the connection is closed without an answer.
        stalls: nothing comes for `stall_s`, then the connection is closed.
    """

    too_many: float = 0.0
    errors: float = 0.0
    drops: float = 0.0
    stalls: float = 0.0
    stall_s: float = 6.0

    def draw(self, dice: random.Random) -> Fault | None:
        """What goes wrong with one request."""
        roll = dice.random()
        shares: list[tuple[Fault, float]] = [
            ("429", self.too_many / 2),
            ("429-wait", self.too_many / 2),
            ("500", self.errors),
            ("drop", self.drops),
            ("stall", self.stalls),
        ]
        for fault, share in shares:
            if roll < share:
                return fault
            roll -= share
        return None


@dataclass(frozen=True)
class Request:
    """One request as it came; `at` in seconds since 1970, `status` 0 where nothing was answered."""

    at: float
    path: str
    status: int
    kind: str  # configuration, movie, find, image or other


@dataclass
class TmdbServer:
    """TMDB on 127.0.0.1 while its `with` block lasts.

    Every id from 1 on is a movie with a poster of its own; an IMDb id is the movie with its number.

    Attributes:
        token: the only one that is served.
        seed: of the faults.
        without_poster: TMDB ids of movies whose `poster_path` is null.
        unknown: TMDB ids that are 404, and that no IMDb id finds.
        without_picture: TMDB ids whose poster is named and then 404.
        port: 0 takes a free one.
        size: width and height of the pictures; they are drawn once each.
    """

    token: str = TOKEN
    faults: Faults = field(default_factory=Faults)
    seed: int = 1
    without_poster: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    without_picture: set[int] = field(default_factory=set)
    port: int = 0
    size: tuple[int, int] = (64, 96)
    requests: list[Request] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._dice, self._lock = random.Random(self.seed), threading.Lock()
        self._outage: Literal["503", "drop"] | None = None
        self._closing = threading.Event()

    def __enter__(self) -> "TmdbServer":
        self._http = _Listener(("127.0.0.1", self.port), _Handler)
        self._http.tmdb = self
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="tmdb", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.hang_up()
        self._http.server_close()
        self._thread.join()

    @property
    def api_url(self) -> str:
        """For POSTERITY_TMDB_API_URL."""
        return f"http://127.0.0.1:{self.port}/3"

    @property
    def image_url(self) -> str:
        """For POSTERITY_TMDB_IMAGE_URL."""
        return f"http://127.0.0.1:{self.port}/t/p"

    def begin_outage(self, kind: Literal["503", "drop"] = "503") -> None:
        """From now on every request is answered 503, or its connection closed."""
        self._outage = kind

    def end_outage(self) -> None:
        """All is well again, apart from the faults."""
        self._outage = None

    @contextmanager
    def outage(self, kind: Literal["503", "drop"] = "503") -> Iterator[None]:
        """An outage for as long as the `with` block lasts."""
        self.begin_outage(kind)
        try:
            yield
        finally:
            self.end_outage()

    def count(self, kind: str | None = None, status: int | None = None) -> int:
        """How many requests came, of one kind or answered with one status."""
        with self._lock:
            return sum(kind in (None, each.kind) and status in (None, each.status) for each in self.requests)

    def by_status(self) -> Counter[int]:
        """How often each status was answered; 0 counts those without an answer."""
        with self._lock:
            return Counter(each.status for each in self.requests)

    def busiest_second(self) -> int:
        """The largest number of requests that came within any one second."""
        with self._lock:
            times = sorted(each.at for each in self.requests)
        first = most = 0
        for last, at in enumerate(times):
            while at - times[first] >= 1.0:
                first += 1
            most = max(most, last - first + 1)
        return most

    def answer(self, path: str, authorization: str | None) -> "_Answer | None":
        """What to answer to a request; None closes the connection."""
        kind, at = _kind(path), time.time()
        with self._lock:
            fault = self.faults.draw(self._dice)
        answer = self._answer(kind, path, authorization, fault)
        with self._lock:
            self.requests.append(Request(at, path, answer.status if answer else 0, kind))
        if fault == "stall" and not self._outage:
            self._closing.wait(self.faults.stall_s)
        return answer

    def _answer(self, kind: str, path: str, authorization: str | None, fault: Fault | None) -> "_Answer | None":
        if self._outage:
            return _json(OFFLINE, 503) if self._outage == "503" else None
        if fault:
            return _faulty(fault)
        if kind == "image":
            return self._image(path)
        if authorization != f"Bearer {self.token}":
            return _json(WRONG_TOKEN, 401)
        return self._api(kind, path)

    def _api(self, kind: str, path: str) -> "_Answer":
        if kind == "configuration":
            base = f"127.0.0.1:{self.port}/t/p/"
            images = {"base_url": f"http://{base}", "secure_base_url": f"http://{base}", "poster_sizes": POSTER_SIZES}
            return _json({"images": images, "change_keys": []})
        parts = urlsplit(path)
        wanted = parts.path.rsplit("/", 1)[1]
        if kind == "movie":
            known = wanted.isdigit() and int(wanted) not in self.unknown
            return _json(self._movie(int(wanted))) if known else _json(CANNOT_FIND, 404)
        if kind == "find" and parse_qs(parts.query).get("external_source") == ["imdb_id"]:
            known = re.fullmatch(r"tt[0-9]{7,}", wanted) is not None and int(wanted[2:]) not in self.unknown
            return _json(_findings([self._movie(int(wanted[2:]))] if known else []))
        return _json(CANNOT_FIND, 404)

    def _movie(self, tmdb_id: int) -> dict[str, Any]:
        return {
            "adult": False,
            "id": tmdb_id,
            "imdb_id": f"tt{tmdb_id:07}",
            "title": f"Movie {tmdb_id}",
            "release_date": "1995-12-15",
            "poster_path": None if tmdb_id in self.without_poster else f"/poster{tmdb_id}.jpg",
        }

    def _image(self, path: str) -> "_Answer":
        found = re.fullmatch(r"/t/p/(w[0-9]+|original)/poster([0-9]+)\.jpg", path)
        if not found or found[1] not in POSTER_SIZES or int(found[2]) in self.without_picture:
            return _Answer(404, "text/html", b"<h1>File not Found</h1>")
        return _Answer(200, "image/jpeg", poster(int(found[2]), self.size))


@dataclass(frozen=True)
class _Answer:
    status: int
    media_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Content-Type: {self.media_type}",
            f"Content-Length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    tmdb: TmdbServer

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no news."""

    def hang_up(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def do_GET(self) -> None:
        answer = self.server.tmdb.answer(self.path, self.headers.get("Authorization"))
        if answer is None:
            self.close_connection = True
            return
        self.wfile.write(answer.encoded())  # head and body at once: two writes could wait for each other

    def log_message(self, *_: object) -> None:
        """`TmdbServer.requests` has it."""


def _faulty(fault: Fault) -> _Answer | None:
    if fault in ("stall", "drop"):
        return None
    if fault == "500":
        return _json(INTERNAL, 500)
    return _json(TOO_MANY, 429, {"Retry-After": "1"} if fault == "429-wait" else {})


def _json(content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> _Answer:
    return _Answer(status, "application/json;charset=utf-8", json.dumps(content).encode(), headers or {})


def _findings(movies: Iterable[dict[str, Any]]) -> dict[str, Any]:
    lists = ("person_results", "tv_results", "tv_episode_results", "tv_season_results")
    return {"movie_results": [{**movie, "media_type": "movie"} for movie in movies], **{name: [] for name in lists}}


def _kind(path: str) -> str:
    if path.startswith("/t/p/"):
        return "image"
    found = re.match(r"/3/(configuration|movie|find)\b", path)
    return found[1] if found else "other"


@lru_cache(maxsize=20_000)
def poster(tmdb_id: int, size: tuple[int, int] = (64, 96)) -> bytes:
    """The poster of one movie: a JPEG of coloured fields like that of no other, always the same bytes."""
    fields = Image.frombytes("RGB", (4, 6), hashlib.shake_256(str(tmdb_id).encode()).digest(72))
    file = io.BytesIO()
    fields.resize(size, Image.Resampling.NEAREST).save(file, "JPEG", quality=85)
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--seed", type=int, default=1)
    for name, what in (
        ("too-many", "answered 429"),
        ("errors", "answered 500"),
        ("drops", "hung up on"),
        ("stalls", "left without an answer for 6 s"),
    ):
        parser.add_argument(f"--{name}", type=float, default=0.0, metavar="SHARE", help=f"share of requests {what}")
    options = parser.parse_args()
    faults = Faults(options.too_many, options.errors, options.drops, options.stalls)
    with TmdbServer(token=options.token, faults=faults, seed=options.seed, port=options.port) as server:
        print(f"POSTERITY_TMDB_API_URL={server.api_url}")
        print(f"POSTERITY_TMDB_IMAGE_URL={server.image_url}")
        print(f"POSTERITY_TMDB_TOKEN={options.token}", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    print(f"{server.count():,} requests, {server.busiest_second()} in the busiest second; {dict(server.by_status())}")


if __name__ == "__main__":
    main()
