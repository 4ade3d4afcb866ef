"""gunicorn as the API runs on it: a connection that asks again at once keeps its thread, and keeps nobody out."""

import http.client
import os
import runpy
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.workers.gthread import ThreadWorker

from tests.deploy.stack import free_port


@pytest.fixture(scope="module")
def port(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a gunicorn with our settings and a program that says what it was asked."""
    folder, number = tmp_path_factory.mktemp("lingering"), free_port()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("POSTERITY_", "PROMETHEUS_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "tests.deploy.tiny_app:app"],
        env=kept | {"POSTERITY_DATA_DIR": str(folder), "POSTERITY_PORT": str(number)},
        cwd=repo,
    )
    try:
        end = time.monotonic() + 60
        while not _answers(number):
            assert time.monotonic() < end, "gunicorn does not answer"
            time.sleep(0.1)
        yield number
    finally:
        process.terminate()
        assert process.wait(30) == 0


def _answers(port: int) -> bool:
    try:
        with _connected(port) as connection:
            return _asked(connection, "/")
    except OSError:
        return False


def _connected(port: int) -> "closing[http.client.HTTPConnection]":
    return closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30))


def _asked(connection: http.client.HTTPConnection, path: str) -> bool:
    """True once it is answered; the answer is checked to be that of the path."""
    connection.request("GET", path)
    answer = connection.getresponse()
    assert (answer.status, answer.read().decode()) == (200, path)
    return True


def test_requests_that_follow_at_once_are_each_answered(port: int) -> None:
    with _connected(port) as connection:
        for number in range(200):
            _asked(connection, f"/{number}")


def test_more_connections_than_threads_are_all_answered(port: int) -> None:
    with ExitStack() as opened, ThreadPoolExecutor(30) as pool:
        connections = [opened.enter_context(_connected(port)) for _ in range(30)]
        for turn in range(5):
            list(pool.map(lambda each, turn=turn: _asked(each, f"/{turn}"), connections))


def test_a_connection_that_pauses_is_answered_when_it_goes_on(port: int) -> None:
    with _connected(port) as connection:
        _asked(connection, "/before")
        time.sleep(0.5)  # what is tried is the pause itself
        _asked(connection, "/behind")


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, repo: Path) -> Any:
    """A worker of gunicorn that has no process, and a connection on which the next request has come."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", f"posterity-metrics-{os.getpid()}-")
    kind = runpy.run_path(str(repo / "deploy" / "gunicorn.conf.py"))["LingeringWorker"]
    made = kind.__new__(kind)
    made.alive, made.tpool = True, SimpleNamespace(_work_queue=SimpleNamespace(qsize=lambda: 0))
    made.linger_with(2)
    ours, theirs = socket.socketpair()
    theirs.send(b"GET / HTTP/1.1\r\n\r\n")
    parser = SimpleNamespace(unreader=SimpleNamespace(buf=SimpleNamespace(getvalue=lambda: b"")))
    made.connection = SimpleNamespace(sock=ours, is_http2=False, parser=parser)
    yield made
    ours.close()
    theirs.close()


def test_requests_that_follow_at_once_stay_with_their_thread(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, answered = iter([True, True, False]), list[Any]()
    monkeypatch.setattr(ThreadWorker, "handle", lambda _, connection: answered.append(connection) or next(kept))
    assert worker.handle(worker.connection) is False
    assert answered == [worker.connection] * 3


def test_a_thread_waits_only_while_it_has_nothing_better_to_do(worker: Any) -> None:
    assert worker.asks_again(worker.connection)
    worker.tpool._work_queue.qsize = lambda: 1
    assert not worker.asks_again(worker.connection)
    worker.tpool._work_queue.qsize = lambda: 0
    worker.alive = False
    assert not worker.asks_again(worker.connection)


def test_only_half_of_the_threads_wait(worker: Any) -> None:
    worker.linger_with(1)
    assert worker.asks_again(worker.connection)
    worker.may_linger.acquire()
    assert not worker.asks_again(worker.connection)
