"""The bell beside brokers that are away, silent or broken: nobody who asks waits for them."""

import logging
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from catalog.entries import Kind
from workers import enqueue
from workers.enqueue import Bell

AT_ONCE_S = 1.9  # a POST has 2 s in all


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections and never says a word, as a frozen Redis does."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield int(listener.getsockname()[1])


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """Nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    yield port


@pytest.fixture
def rude_port() -> Iterator[int]:
    """Answers with something that is not Redis, and closes."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        listener.settimeout(0.05)

        def answer() -> None:
            while not stop.is_set():
                try:
                    here, _ = listener.accept()
                except TimeoutError:
                    continue
                with here:
                    here.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield int(listener.getsockname()[1])
        stop.set()
        thread.join()


def seconds_of(bell: Bell) -> float:
    began = time.monotonic()
    bell.ring(Kind.FETCH)
    return time.monotonic() - began


@pytest.mark.parametrize("kind", ["silent_port", "deaf_port", "rude_port"])
def test_a_broker_that_does_not_answer_is_given_up_at_once(
    kind: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    bell = Bell(f"redis://127.0.0.1:{request.getfixturevalue(kind)}/0")
    with caplog.at_level(logging.WARNING):
        assert seconds_of(bell) < AT_ONCE_S
    assert "not heard, the sweeper will ring again" in caplog.text


def test_after_a_failure_it_keeps_silent_for_some_seconds(
    silent_port: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = Bell(f"redis://127.0.0.1:{silent_port}/0")
    bell.ring(Kind.FETCH)
    caplog.clear()
    assert seconds_of(bell) < 0.1
    assert not caplog.records
    now = time.monotonic()
    monkeypatch.setattr(enqueue.time, "monotonic", lambda: now + enqueue.SILENT_S + 1)
    bell.ring(Kind.FETCH)
    assert "not heard" in caplog.text


def test_eight_who_ring_at_once_do_not_wait_for_each_other(silent_port: int) -> None:
    bell = Bell(f"redis://127.0.0.1:{silent_port}/0")
    took: list[float] = []
    threads = [threading.Thread(target=lambda: took.append(seconds_of(bell))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(took) == 8
    assert max(took) < AT_ONCE_S
