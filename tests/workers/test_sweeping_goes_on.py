"""A started sweeper looks again and again by itself, whatever happens to a single look."""

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from catalog.catalog import Catalog
from catalog.entries import Kind, State
from workers.app import create_celery
from workers.sweeper import Sweeper, SweepOptions

WITHIN_S = 20.0
OPTIONS = SweepOptions("w1", (Kind.FETCH,), hands=1, interval_s=0.05, publish_every_s=0, embedded=False)


@pytest.fixture
def silent_broker() -> Iterator[str]:
    """Takes connections and never says a word, as a frozen Redis does."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def lose(catalog: Catalog) -> None:
    """The only movie is lost at every attempt."""
    for _ in range(3):
        assert catalog.work.claim(Kind.FETCH, 1, lease_s=-1).movie_ids == (1,)


def until_it_has_failed(catalog: Catalog) -> None:
    end = time.monotonic() + WITHIN_S
    while (movie := catalog.movies.get(1)).state != State.FAILED:
        assert time.monotonic() < end, f"movie 1 is still {movie.state}"
    assert movie.reason == "worker_lost"


def test_it_ends_what_was_lost_at_every_attempt(queued: Callable[[int], Catalog]) -> None:
    catalog = queued(1)
    sweeping = Sweeper(create_celery("memory://"), catalog, OPTIONS)
    sweeping.start()
    lose(catalog)
    until_it_has_failed(catalog)
    sweeping.stop()


def test_an_error_that_nobody_foresaw_ends_one_look_only(
    queued: Callable[[int], Catalog], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    catalog, looks = queued(1), []
    sweeping = Sweeper(create_celery("memory://"), catalog, OPTIONS)
    due = sweeping._due

    def once_in_three(kind: Kind) -> bool:
        looks.append(kind)
        if len(looks) < 3:
            raise ZeroDivisionError("of the test")
        return due(kind)

    monkeypatch.setattr(sweeping, "_due", once_in_three)
    sweeping.start()
    lose(catalog)
    until_it_has_failed(catalog)
    end = time.monotonic() + WITHIN_S
    while len(looks) < 3:
        assert time.monotonic() < end
    sweeping.stop()
    assert "in a way nobody foresaw" in caplog.text


def test_a_broker_that_never_answers_does_not_keep_it_from_ending_rows_nor_from_saying_that_it_lives(
    queued: Callable[[int], Catalog], silent_broker: str
) -> None:
    catalog = queued(2)
    sweeping = Sweeper(create_celery(silent_broker, ringing=True), catalog, OPTIONS)
    sweeping.start()
    lose(catalog)
    until_it_has_failed(catalog)
    assert catalog.work.due(Kind.FETCH), "movie 2 waits, so the silent broker is rung at every look"
    assert [worker.worker_id for worker in catalog.presence.alive()] == ["w1"]
    sweeping.stop()
