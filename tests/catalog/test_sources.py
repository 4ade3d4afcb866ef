"""What workers share about an outside source: its health, and one budget of requests."""

import threading

import pytest

from catalog.catalog import Catalog
from catalog.sources import PROBE_S, Health
from tests.catalog.conftest import Clock


def test_a_source_works_until_something_else_is_known(catalog: Catalog) -> None:
    assert catalog.sources.get("tmdb").state == Health.WORKING
    assert catalog.sources.all() == []


def test_slots_of_the_budget_are_given_out_once_and_evenly(catalog: Catalog, clock: Clock) -> None:
    first = catalog.sources.reserve("tmdb", 5, per_s=10)
    second = catalog.sources.reserve("tmdb", 5, per_s=10)
    assert first == clock.now
    assert second == pytest.approx(clock.now + 0.5)


def test_a_budget_not_used_is_not_saved_up(catalog: Catalog, clock: Clock) -> None:
    catalog.sources.reserve("tmdb", 1, per_s=10)
    clock.now += 60
    assert catalog.sources.reserve("tmdb", 1, per_s=10) == clock.now


def test_callers_at_the_same_time_get_different_slots(catalog: Catalog) -> None:
    slots: list[float] = []
    threads = [
        threading.Thread(target=lambda: slots.append(catalog.sources.reserve("tmdb", 1, per_s=1))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gaps = [after - before for before, after in zip(sorted(slots), sorted(slots)[1:], strict=False)]
    assert len(gaps) == 7
    assert all(gap >= 0.999 for gap in gaps), gaps


def test_outages_in_a_row_are_counted_until_it_works_again(catalog: Catalog, clock: Clock) -> None:
    for _ in range(3):
        assert catalog.sources.waiting("tmdb", "no answer", clock.now + 5)
    state = catalog.sources.get("tmdb")
    assert (state.state, state.why, state.until, state.failures) == (Health.WAITING, "no answer", clock.now + 5, 3)
    assert catalog.sources.working("tmdb")
    assert not catalog.sources.working("tmdb"), "only the first to notice reports it"
    assert catalog.sources.get("tmdb").failures == 0


def test_one_caller_alone_probes_a_source_whose_pause_is_over(catalog: Catalog, clock: Clock) -> None:
    catalog.sources.waiting("tmdb", "no answer", clock.now + 5)
    assert not catalog.sources.take_probe("tmdb"), "the pause is not over"
    clock.now += 5
    assert [catalog.sources.take_probe("tmdb") for _ in range(3)] == [True, False, False]
    clock.now += PROBE_S
    assert catalog.sources.take_probe("tmdb"), "a probe that never came back is repeated"


def test_a_refusal_is_not_turned_into_an_outage_by_a_late_answer(catalog: Catalog, clock: Clock) -> None:
    assert catalog.sources.stopped("tmdb", "the token is refused", clock.now + 900)
    assert not catalog.sources.stopped("tmdb", "the token is refused", clock.now + 900), "only news is reported"
    catalog.sources.waiting("tmdb", "no answer", clock.now + 5)
    assert catalog.sources.get("tmdb").state == Health.STOPPED


def test_of_many_who_are_refused_at_once_one_alone_has_the_news(catalog: Catalog) -> None:
    news: list[bool] = []
    together = threading.Barrier(8)

    def refused() -> None:
        together.wait(30)
        news.append(catalog.sources.stopped("tmdb", "the token is refused", 9e9))

    threads = [threading.Thread(target=refused) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(news) == [False] * 7 + [True]
