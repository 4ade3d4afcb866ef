"""T17: PostgreSQL dies in the middle of things; questions are answered, writers told to come again, nothing is lost."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from catalog.catalog import Catalog
from tests.acceptance.installation import Installation
from tests.faults.broken_broker import People, embedded_within, running
from tests.faults.servers import PostgresServer
from tests.plan import Judge

AGAIN_WITHIN_S = 60.0
IN_TRANSACTION_WITHIN_S = 10.0
BOUND = "/similar 100 % 200; POST 202 or 503 with Retry-After; embedding again <= 60 s; all embedded"


@dataclass
class Scene:
    installed: Installation
    postgres: PostgresServer
    database: str


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """API and worker on a PostgreSQL of their own, which may be hurt."""
    postgres = PostgresServer.start()
    database = postgres.server.create()
    folder, url = tmp_path_factory.mktemp("broken-database"), postgres.server.url(database)
    Catalog.open(url, folder).close()
    try:
        with running(folder, {"DATABASE_URL": url}) as installed:
            yield Scene(installed, postgres, database)
    finally:
        postgres.server.stop()


def tried(scene: Scene, judge: Judge, fault: str, times: int, strike: Callable[[], None]) -> None:
    """Lets people ask and post through a fault; every movie whose taking was answered must end embedded."""
    with People(scene.installed) as people:
        threading.Event().wait(1.0)
        strike()
        again_s = embedded_within(scene.installed, list(people.posted), AGAIN_WITHIN_S)
    embedded_within(scene.installed, people.posted, AGAIN_WITHIN_S)
    unlike = people.unlike_200 + people.unlike_202
    measured = (
        f"{people.asked - len(people.unlike_200)} of {people.asked} are 200; {len(people.posted)} taken, "
        f"{people.put_off} put off; embedding again after {again_s:.1f} s{f'; {unlike[:3]}' if unlike else ''}"
    )
    judge("T17", fault, times, BOUND, measured, not unlike and bool(people.posted) and again_s <= AGAIN_WITHIN_S)


def test_a_backend_killed_in_mid_transaction_takes_nothing_with_it(scene: Scene, judge: Judge, nightly: bool) -> None:
    times = 5 if nightly else 2
    caught = []

    def strike() -> None:
        for _ in range(times):
            caught.append(scene.postgres.kill_a_backend(scene.database, IN_TRANSACTION_WITHIN_S))
            threading.Event().wait(2.0)

    tried(scene, judge, "a backend of PostgreSQL killed in mid-transaction", times, strike)
    assert any(caught), "no connection was ever caught in a transaction"


def test_postgresql_stopped_at_once_and_started_again(scene: Scene, judge: Judge, nightly: bool) -> None:
    times = 3 if nightly else 1

    def strike() -> None:
        for _ in range(times):
            scene.postgres.stop_at_once()
            threading.Event().wait(8.0 if nightly else 3.0)
            scene.postgres.start_again()

    tried(scene, judge, "PostgreSQL stopped in immediate mode, started again", times, strike)
