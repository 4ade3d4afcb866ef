"""Asks a server as fast as it answers, from a process of its own: paths in turn, over connections that are kept.

Over plain sockets, and of an answer only status, length and body are read: `http.client` takes 0.1 to 0.2 ms for an
answer of a dozen headers, which on two cores is a third of what is to be measured, and not the server's.

Run: python -m benchmarks.serve_client PORT COUNT CONNECTIONS < PATHS     (paths one a line; prints JSON)
"""

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from http import HTTPStatus

ANSWER_WITHIN_S = 30.0
END_OF_HEAD, STATUS = b"\r\n\r\n", slice(9, 12)  # HTTP/1.1 200 OK
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)


@dataclass
class Asked:
    """What came of it: seconds of each request, seconds of all together, failures in words, bytes of the last body."""

    seconds: list[float] = field(default_factory=list)
    took_s: float = 0.0
    failures: list[str] = field(default_factory=list)
    body_bytes: int = 0

    @property
    def per_s(self) -> float:
        """Requests answered a second."""
        return len(self.seconds) / self.took_s


def ask_apart(port: int, count: int, connections: int, paths: Sequence[str]) -> Asked:
    """Asks from another process and waits for it.

    Args:
        count: requests over all connections. paths: asked in turn, from the first on again when they are at an end.

    Raises:
        subprocess.CalledProcessError: the client itself broke.
    """
    words = [sys.executable, "-m", "benchmarks.serve_client", str(port), str(count), str(connections)]
    done = subprocess.run(words, input="\n".join(paths), capture_output=True, text=True, check=True)
    return Asked(**json.loads(done.stdout))


def ask(port: int, count: int, connections: int, paths: Sequence[str]) -> Asked:
    """Asks from this process."""
    asked, lock = Asked(), threading.Lock()
    shares = [count // connections + (n < count % connections) for n in range(connections)]
    threads = [
        threading.Thread(target=_ask_over_one, args=(port, share, paths[n::connections] or paths, asked, lock))
        for n, share in enumerate(shares)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asked.took_s = time.perf_counter() - began
    return asked


def _ask_over_one(port: int, count: int, paths: Sequence[str], asked: Asked, lock: threading.Lock) -> None:
    connection = _Connection(port)
    seconds, failures, size = [], [], 0
    for number in range(count):
        path = paths[number % len(paths)]
        began = time.perf_counter()
        try:
            status, size = connection.get(path)
        except (OSError, ValueError) as err:
            failures.append(f"{path}: {type(err).__name__}: {err}")
            connection.close()
            continue
        if status == HTTPStatus.OK:
            seconds.append(time.perf_counter() - began)
        else:
            failures.append(f"{path}: {status}")
    connection.close()
    with lock:
        asked.seconds += seconds
        asked.failures += failures
        asked.body_bytes = size


class _Connection:
    """One connection to a server of this machine, made when it is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def get(self, path: str) -> tuple[int, int]:
        """Status and bytes of the body.

        Raises:
            OSError: no connection, or no answer in time. ValueError: this is no answer with a length.
        """
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), ANSWER_WITHIN_S)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n\r\n".encode())
        came = self._more(b"")
        while (end := came.find(END_OF_HEAD)) < 0:
            came = self._more(came)
        length = LENGTH.search(came, 0, end + len(END_OF_HEAD))
        if length is None:
            raise ValueError("an answer without a Content-Length")
        size = int(length[1])
        while len(came) < end + len(END_OF_HEAD) + size:
            came = self._more(came)
        if CLOSES.search(came, 0, end + len(END_OF_HEAD)):
            self.close()
        return int(came[STATUS]), size

    def close(self) -> None:
        """Ends it; the next request makes another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _more(self, came: bytes) -> bytes:
        more = self._socket.recv(1 << 16) if self._socket is not None else b""
        if not more:
            raise ConnectionError("the server closed the connection in the middle of an answer")
        return came + more


if __name__ == "__main__":
    given_port, given_count, given_connections = map(int, sys.argv[1:])
    print(json.dumps(asdict(ask(given_port, given_count, given_connections, sys.stdin.read().split()))))
