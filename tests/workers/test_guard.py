"""The guard of an outside source: one budget and one breaker for all workers, whatever process they are in."""

import threading
import time
from collections.abc import Callable

import pytest

from catalog.catalog import Catalog
from catalog.sources import Health
from posters.errors import SourceWaiting
from workers.guard import LONGEST_PAUSE_S, TROUBLES_IN_A_ROW, SharedGuard

FAST = 10_000.0  # requests a second: the budget plays no part


class Clock:
    """Both clocks, moved by the test."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "time", made.time)
    monkeypatch.setattr("workers.guard.time.monotonic", made.time)
    monkeypatch.setattr("workers.guard.time.sleep", made.sleep)
    return made


@pytest.fixture
def guards(catalog: Catalog, clock: Clock) -> Callable[[], SharedGuard]:
    """Guards as two processes would make them."""
    return lambda: SharedGuard(catalog.sources, "tmdb", FAST)


def _break(guard: SharedGuard, retry_after_s: float | None = None) -> None:
    for _ in range(TROUBLES_IN_A_ROW):
        guard.troubled("tmdb: 503", retry_after_s)


def test_troubles_between_good_answers_are_no_outage(guards: Callable[[], SharedGuard]) -> None:
    guard = guards()
    for _ in range(10):
        for _ in range(TROUBLES_IN_A_ROW - 1):
            guard.troubled("tmdb: 500", None)
        guard.answered()
    guard.admit()


def test_several_in_a_row_close_the_source_for_every_worker(
    guards: Callable[[], SharedGuard], clock: Clock, catalog: Catalog
) -> None:
    one, other = guards(), guards()
    _break(one)
    clock.now += 0.5
    with pytest.raises(SourceWaiting) as waiting:
        one.admit()
    assert waiting.value.until == catalog.sources.get("tmdb").until
    other._look(at_once=True)  # what a second does by itself
    with pytest.raises(SourceWaiting, match="503"):
        other.admit()


def test_one_request_probes_for_the_end_of_an_outage_and_lets_the_others_in(
    guards: Callable[[], SharedGuard], clock: Clock, catalog: Catalog
) -> None:
    one, other = guards(), guards()
    _break(one)
    other._look(at_once=True)
    clock.now += 1.01
    one.admit()
    with pytest.raises(SourceWaiting):
        other.admit()
    one.answered()
    assert catalog.sources.get("tmdb").state == Health.WORKING
    clock.now += 1.01
    other.admit()


def test_the_pauses_of_a_long_outage_double_up_to_a_bound(
    guards: Callable[[], SharedGuard], clock: Clock, catalog: Catalog
) -> None:
    guard = guards()
    _break(guard)
    pauses = []
    for _ in range(6):
        until = catalog.sources.get("tmdb").until
        assert until is not None
        pauses.append(round(until - clock.now, 3))
        clock.now = until
        guard.admit()
        guard.troubled("tmdb: 503", None)
    assert pauses == [1, 2, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


def test_requests_under_way_when_an_outage_begins_do_not_make_it_longer(
    guards: Callable[[], SharedGuard], clock: Clock, catalog: Catalog
) -> None:
    guard = guards()
    _break(guard)
    for _ in range(8):
        guard.troubled("tmdb: no answer", None)
    assert catalog.sources.get("tmdb").failures == 1


def test_a_pause_that_the_source_names_is_kept(
    guards: Callable[[], SharedGuard], clock: Clock, catalog: Catalog
) -> None:
    _break(guards(), retry_after_s=42.0)
    assert catalog.sources.get("tmdb").until == pytest.approx(clock.now + 42)


def test_a_refusal_stops_every_worker_at_once_and_is_said_once(
    guards: Callable[[], SharedGuard], catalog: Catalog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = guards(), guards()
    one.refused("tmdb: the token is refused (401)")
    other.refused("tmdb: the token is refused (401)")
    assert [record.message for record in caplog.records] == ["tmdb: the token is refused (401)"]
    for guard in (one, other):
        with pytest.raises(SourceWaiting, match="refused"):
            guard.admit()
    assert catalog.sources.get("tmdb").state == Health.STOPPED


def test_the_budget_holds_over_threads_and_guards(catalog: Catalog) -> None:
    per_s, times = 40.0, list[float]()
    lock = threading.Lock()

    def ask(guard: SharedGuard) -> None:
        for _ in range(8):
            guard.admit()
            with lock:
                times.append(time.time())

    guards = [SharedGuard(catalog.sources, "tmdb", per_s) for _ in range(3)]
    threads = [threading.Thread(target=ask, args=(guard,)) for guard in guards for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    assert len(times) == 48
    most = max(sum(start <= moment < start + 0.5 for moment in times) for start in times)
    assert most <= per_s / 2 + 1, "in half a second no more than half of the budget of one"


def test_a_pause_in_the_work_is_not_made_up_for_by_a_burst(catalog: Catalog, clock: Clock) -> None:
    guard = SharedGuard(catalog.sources, "tmdb", 10.0)
    guard.admit()
    clock.now += 60
    begins = []
    for _ in range(5):
        guard.admit()
        begins.append(clock.now)
    assert begins[-1] - begins[0] >= 0.4
