"""The sweeper: rings for what is due, never more bells than hands, ends what was lost too often, says it is alive."""

from collections.abc import Callable

import pytest
from celery import Celery

from catalog.catalog import Catalog
from catalog.entries import Kind, State
from workers.app import create_celery
from workers.sweeper import Sweeper, SweepOptions


@pytest.fixture
def app() -> Celery:
    app = create_celery("memory://")
    with app.connection_for_write() as connection:
        for kind in Kind:
            connection.SimpleQueue(app.amqp.queues[kind]).clear()
    return app


def bells(app: Celery, kind: Kind) -> int:
    with app.connection_for_write() as connection:
        return int(connection.SimpleQueue(app.amqp.queues[kind]).qsize())


def sweeper(app: Celery, catalog: Catalog, *kinds: Kind, hands: int = 1) -> Sweeper:
    options = SweepOptions("w1", kinds, hands, interval_s=0.05, publish_every_s=0, embedded=True)
    return Sweeper(app, catalog, options)


def test_no_bell_rings_while_nothing_is_due(app: Celery, queued: Callable[[int], Catalog]) -> None:
    assert not sweeper(app, queued(0), Kind.FETCH, Kind.EMBED).sweep()
    assert bells(app, Kind.FETCH) == bells(app, Kind.EMBED) == 0


@pytest.mark.parametrize("hands", [1, 3])
def test_there_are_never_more_bells_than_hands(app: Celery, queued: Callable[[int], Catalog], hands: int) -> None:
    sweeping = sweeper(app, queued(10), Kind.FETCH, Kind.EMBED, hands=hands)
    for _ in range(5):
        assert sweeping.sweep()
    assert bells(app, Kind.FETCH) == hands
    assert bells(app, Kind.EMBED) == 0


def test_a_waiting_job_rings_the_build_bell(app: Celery, catalog: Catalog) -> None:
    catalog.jobs.open("train")
    sweeper(app, catalog, Kind.BUILD).sweep()
    assert bells(app, Kind.BUILD) == 1


def test_a_row_lost_at_every_attempt_ends_as_worker_lost(app: Celery, queued: Callable[[int], Catalog]) -> None:
    catalog = queued(1)
    for _ in range(3):
        assert catalog.work.claim(Kind.FETCH, 1, lease_s=-1).movie_ids == (1,)
    sweeper(app, catalog, Kind.FETCH).sweep()
    movie = catalog.movies.get(1)
    assert (movie.state, movie.reason) == (State.FAILED, "worker_lost")


def test_a_running_sweeper_is_seen_and_a_stopped_one_is_not(app: Celery, catalog: Catalog) -> None:
    sweeping = sweeper(app, catalog, Kind.FETCH)
    sweeping.say_alive()
    assert [worker.worker_id for worker in catalog.presence.alive(60)] == ["w1"]
    sweeping.start()
    sweeping.stop()
    assert catalog.presence.alive(60) == []
