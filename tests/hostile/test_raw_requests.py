"""T14: three hundred requests over a socket to both servers: each is answered or cut, and the server lives on."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from config.settings import Settings
from tests.acceptance.installation import ADMIN_TOKEN, REPO, Installation, free_port, wait_until
from tests.hostile.raw_requests import Raw, requests
from tests.plan import Judge

WITHIN_S = 5.0
MOST_BYTES = 1 << 20
STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")
BY_THE_SERVER = (501, 505)  # a transfer encoding or a version that it does not know: its own answers, before the app
SERVERS = {
    "waitress": ["-m", "cli.main", "api"],
    "gunicorn": ["-m", "gunicorn", "-c", str(REPO / "deploy" / "gunicorn.conf.py"), "api.app:create_app()"],
}


@pytest.fixture(params=list(SERVERS))
def server(
    request: pytest.FixtureRequest, settings: Settings, publish: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """A real server with a small catalog and a snapshot."""
    publish()
    made = Installation(settings.data_dir, free_port(), {"TRUSTED_PROXIES": "1", "RATE_LIMIT_MOVIES_PER_H": "2"})
    _, module, *rest = SERVERS[request.param]
    made.start(*rest, module=module)
    wait_until(made.up, 60, f"{request.param} answers")
    yield made
    made.stop()


@dataclass(frozen=True)
class Reply:
    """What came back within the time, and whether the connection was left hanging."""

    content: bytes
    hung: bool


@pytest.mark.timeout(300)
def test_whatever_comes_is_answered_or_cut_and_the_server_lives_on(
    server: Installation, judge: Judge, request: pytest.FixtureRequest
) -> None:
    sent = list(requests(ADMIN_TOKEN))
    assert len(sent) >= 300
    wrong = [f"{raw.name}: {why}" for raw in sent if (why := _wrong(server, raw))]
    name = request.node.callspec.params["server"]
    measured = "; ".join(wrong[:8]) or "all answered or cut"
    judge(
        "T14",
        f"raw requests to {name}",
        len(sent),
        "no 5xx of ours, no hang over 5 s, alive after each",
        measured,
        not wrong,
    )
    assert "Traceback" not in server.log(0), server.log(0)[-5_000:]


def test_clients_are_told_apart_behind_a_proxy_and_none_keeps_others_waiting(server: Installation) -> None:
    def post(forwarded: str) -> int:
        body = b'{"title": "x"}'
        head = f"POST /movies HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {forwarded}\r\nContent-Type: application/json\r\n"
        content = f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
        return int(STATUS.match(_sent(server.port, Raw("a movie", content)).content)[1])  # type: ignore[index]

    assert [post(f"6.6.6.{i}, 192.0.2.1") for i in range(3)] == [202, 202, 429], (
        "what the client writes is not believed"
    )
    assert post("192.0.2.2") == 202
    half = next(raw for raw in requests(ADMIN_TOKEN) if raw.name == "unfinished: half a body").content
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=WITHIN_S) for _ in range(4)]
    try:
        for one in slow:
            one.sendall(half)
        began = time.monotonic()
        assert server.ask("/similar?movie_id=1").status == 200
        assert time.monotonic() - began < WITHIN_S
    finally:
        for one in slow:
            one.close()


def test_a_picture_is_taken_up_to_its_limit_and_refused_in_our_words(server: Installation) -> None:
    before, behind = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n', b"\r\n--x--\r\n"
    for size, status in ((3 << 20, 202), (10 << 20, 202), ((10 << 20) + 1, 413), (11 << 20, 413)):
        body = before + b"\x89PNG\r\n\x1a\n".ljust(size, b"\0") + behind
        head = f"POST /movies/2/poster HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_TOKEN}\r\n"
        head += f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(body)}\r\n\r\n"
        answer = _sent(server.port, Raw("a picture", head.encode() + body)).content
        assert int(STATUS.match(answer)[1]) == status, size  # type: ignore[index]
        assert _bad_answer(answer) == ""
        assert (b"application/problem+json" in answer) is (status == 413)


def _wrong(server: Installation, raw: Raw) -> str:
    """What is wrong with the answer to this request; empty when nothing is."""
    reply = _sent(server.port, raw)
    if reply.hung:
        return f"neither answered nor cut within {WITHIN_S:g} s"
    if raw.smuggles and b'"alive"' in reply.content:
        return "the request hidden in it was answered"
    why = next((why for part in _answers(reply.content) if (why := _bad_answer(part))), "")
    if not why and not server.up():
        return "the server does not answer any more"
    return why


def _sent(port: int, raw: Raw) -> Reply:
    with socket.create_connection(("127.0.0.1", port), timeout=WITHIN_S) as connection:
        try:
            connection.sendall(raw.content)
            if not raw.ends:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server has cut it already; what it said before can still be read
        return _read(connection, whole=raw.ends)


def _read(connection: socket.socket, whole: bool) -> Reply:
    """Everything until the server closes; `whole` where one answer is enough, since a server may keep a connection."""
    content, end = b"", time.monotonic() + WITHIN_S
    while len(content) < MOST_BYTES and not (whole and _is_whole(content)):
        connection.settimeout(max(0.001, end - time.monotonic()))
        try:
            piece = connection.recv(65_536)
        except TimeoutError:
            return Reply(content, hung=True)
        except OSError:
            return Reply(content, hung=False)  # reset: the server did not want the rest
        if not piece:
            break
        content += piece
    return Reply(content, hung=False)


def _is_whole(content: bytes) -> bool:
    head, _, body = content.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: ([0-9]+)", head)
    return length is not None and len(body) >= int(length[1])


def _answers(content: bytes) -> list[bytes]:
    """The answers one after another; a body that looks like a status line would only be looked at, too."""
    starts = [found.start() for found in STATUS.finditer(content)]
    return [content[a:b] for a, b in pairwise([*starts, len(content)])]


def _bad_answer(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(STATUS.match(answer)[1])  # type: ignore[index]
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head.decode("latin-1").splitlines()[1:])}
    if "x-evil" in headers or "set-cookie" in headers:
        return f"a header came through: {headers}"
    if status >= 500 and (status not in BY_THE_SERVER or "x-request-id" in headers):
        return f"status {status}: {body[:200]!r}"
    if status >= 400 and "x-request-id" in headers and body:
        return _bad_problem(status, headers["content-type"], body)
    return ""


def _bad_problem(status: int, content_type: str, body: bytes) -> str:
    if content_type.startswith("text/html"):
        return "" if b"<h1>" in body else "a page without a word"
    if content_type != "application/problem+json":
        return f"status {status} as {content_type}"
    problem = json.loads(body)
    return "" if problem["status"] == status and "\n" not in problem["detail"] else f"a problem that is none: {problem}"
