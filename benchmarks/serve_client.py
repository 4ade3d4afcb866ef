"""Asks a server as fast as it answers, from a process of its own: paths in turn, over connections that are kept.

Run: python -m benchmarks.serve_client PORT COUNT CONNECTIONS < PATHS     (paths one a line; prints JSON)
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

ANSWER_WITHIN_S = 30.0


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
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_WITHIN_S)
    seconds, failures, size = [], [], 0
    for number in range(count):
        path = paths[number % len(paths)]
        began = time.perf_counter()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            size = len(answer.read())
        except (OSError, http.client.HTTPException) as err:
            failures.append(f"{path}: {type(err).__name__}: {err}")
            connection.close()
            continue
        if answer.status == 200:
            seconds.append(time.perf_counter() - began)
        else:
            failures.append(f"{path}: {answer.status}")
    connection.close()
    with lock:
        asked.seconds += seconds
        asked.failures += failures
        asked.body_bytes = size


if __name__ == "__main__":
    given_port, given_count, given_connections = map(int, sys.argv[1:])
    print(json.dumps(asdict(ask(given_port, given_count, given_connections, sys.stdin.read().split()))))
