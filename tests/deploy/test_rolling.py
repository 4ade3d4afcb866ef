"""A rolling restart under load: the API's processes and every worker are replaced, and nobody notices."""

import os
import signal
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from catalog.entries import State
from tests.deploy.load import Load, Question

if TYPE_CHECKING:
    from tests.deploy.stack import Stack

WORKERS = ("worker-fetch", "worker-embed", "worker-build")
N_MOVIES = 6
EMBEDDED_WITHIN_S = 600  # a bound against hanging: hundreds came in, at one or two a second where others work beside

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def serving(stack: "Stack") -> "Stack":
    """The stack with a published snapshot of a few title cards."""
    stack.wait_until(stack.up, 60, "/livez answers")
    movies = [{"movie_id": i, "title": f"Movie {i}", "year": 1990 + i} for i in range(1, N_MOVIES + 1)]
    assert stack.ask("/movies", movies).status == 202

    def embedded() -> bool:
        catalog = stack.catalog()
        counts = catalog.work.counts()
        catalog.close()
        return counts[State.EMBEDDED] == N_MOVIES

    stack.wait_until(embedded, 120, "the movies are embedded")
    token = stack.secret("admin_token")
    stack.wait_until(
        lambda: stack.ask("/admin/rebuild", token=token, method="POST").status in (202, 409), 30, "a rebuild begins"
    )
    stack.wait_until(lambda: stack.ask("/similar?movie_id=1").status == 200, 60, "the snapshot is served")
    return stack


def _children(stack: "Stack", name: str) -> set[int]:
    pid = stack.processes[name].pid
    return {int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def _heard(stack: "Stack", name: str) -> int:
    """How many workers of this service said lately that they are alive."""
    catalog = stack.catalog()
    found = sum(name.removeprefix("worker-") in worker.kinds for worker in catalog.presence.alive())
    catalog.close()
    return found


def test_a_rolling_restart_under_fifty_requests_a_second_fails_none(serving: "Stack") -> None:
    asked_for = ("/similar?movie_id=1", "/movies/2", "/movies?q=movie", "/similar?movie_id=3&k=2")
    questions = [Question(path) for path in asked_for] * 6
    questions.append(Question("/movies", lambda number: {"title": f"Premiere {number}"}))
    with Load(serving.ports["api"], questions) as load:
        serving.wait_until(lambda: load.count >= 50, 30, "the load runs")
        for _ in range(2):
            before = _children(serving, "api")
            os.kill(serving.processes["api"].pid, signal.SIGHUP)
            serving.wait_until(
                lambda old=before: (now := _children(serving, "api")) and not now & old, 60, "other processes serve"
            )
        for name in WORKERS:
            old = serving.processes.pop(name)
            serving.start(name)
            serving.wait_until(lambda kind=name: _heard(serving, kind) == 2, 60, f"the new {name} is heard")
            old.terminate()
            assert old.wait(60) == 0, serving.log(name)[-2000:]
        asked = load.count
        serving.wait_until(lambda: load.count >= asked + 100, 30, "requests go on")
    assert load.failures == []
    assert load.count > 250
    assert load.posted > 20, "work was in hand all along"


def test_after_it_every_kind_of_work_has_one_worker_and_no_movie_was_lost(serving: "Stack") -> None:
    def kinds() -> list[str]:
        catalog = serving.catalog()
        found = sorted(kind for worker in catalog.presence.alive() for kind in worker.kinds)
        catalog.close()
        return found

    serving.wait_until(lambda: kinds() == ["build", "embed", "fetch"], 60, "the new workers are there")
    with closing(serving.catalog()) as catalog:
        movies = catalog.movies.count()
        embedded = lambda: catalog.work.counts()[State.EMBEDDED] == movies  # noqa: E731
        serving.wait_until(embedded, EMBEDDED_WITHIN_S, "every movie is embedded")
        with catalog.database.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM poster_work WHERE lost > 0").scalar_one() == 0
    assert movies > N_MOVIES + 20
