"""T1: SIGKILL of child or parent at every named point of the work protocol; nothing is lost, nothing happens twice."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from catalog.catalog import Catalog
from catalog.entries import State
from faults.points import POINTS
from tests.acceptance.installation import Installation
from tests.faults.harness import (
    BUILD,
    WORK,
    Kept,
    draw_poster,
    embed_here,
    folder_of,
    installation,
    open_catalog,
    publish_here,
    queue,
    reference,
    session,
)
from tests.faults.servers import RedisServer
from tests.faults.work_oracles import audit, broken_rows, broken_snapshot
from tests.plan import Judge

MOVIES = 20
AT_ONCE = 2  # beside the tests of another process: more would measure how they hold each other up
TARGETS = ("child", "parent")
DIES_WITHIN_S = 60.0  # from the start of its process
RECOVERS_WITHIN_S = 10.0  # a lease of 5 s, a look every second, and the work itself
ORPHAN_ENDS_WITHIN_S = 4.0  # shorter than the lease: it must not write beside the one that takes over
GIVEN_UP_S = 60.0
SHORT_TIMES, NIGHTLY_TIMES = 1, 3


@dataclass(frozen=True)
class Case:
    """Where which process dies; `turn` counts the repetitions."""

    point: str
    target: str
    turn: int

    @property
    def builds(self) -> bool:
        return self.point.startswith(("build.", "publish."))

    @property
    def setting(self) -> str:
        return f"{self.point}:1" + (":parent" if self.target == "parent" else "")


@dataclass(frozen=True)
class Outcome:
    """What was left, and how long it took after the death; `orphan_s` is None when the parent lived on."""

    installed: Installation
    expected: dict[int, bytes | None]
    recovered_s: float
    orphan_s: float | None


CASES = [Case(point, target, n) for n in range(NIGHTLY_TIMES) for point in POINTS for target in TARGETS]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of these tests."""
    server = RedisServer(tmp_path_factory.mktemp("broker"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def outcomes(
    tmp_path_factory: pytest.TempPathFactory, server: RedisServer, nightly: bool
) -> "Iterator[dict[Case, Future[Outcome]]]":
    """Every case in an installation of its own, some at once; half of them with a Redis, half without."""
    home = tmp_path_factory.mktemp("killed")
    cases = [case for case in CASES if case.turn < (NIGHTLY_TIMES if nightly else SHORT_TIMES)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {case: pool.submit(_die, home / str(n), case, _broker(server, n)) for n, case in enumerate(cases)}


def _broker(server: RedisServer, number: int) -> str:
    """One in two over Redis, child and parent alike, each in a database of its own while it runs."""
    return f"redis://127.0.0.1:{server.port}/{number % 16}" if number // 2 % 2 else "memory://"


def _die(home: Path, case: Case, broker_url: str) -> Outcome:
    mark = home / "died"
    installed = installation(home, FAULT=case.setting, FAULT_MARK=str(mark), BROKER_URL=broker_url)
    catalog = open_catalog(installed)
    expected = _queued(catalog, installed, case)
    kept = Kept(installed)
    try:
        leader = kept.start(*(BUILD if case.builds else WORK)).pid
        _until(mark.exists, DIES_WITHIN_S, f"no death at {case.point}")
        died_at = mark.stat().st_mtime
        orphan_s = _until_no_orphan(leader, died_at, kept) if case.target == "parent" else None
        _until(lambda: _goes_on(kept, catalog, case), GIVEN_UP_S, f"not recovered from {case.point}")
        recovered_s = time.time() - died_at
        _until(lambda: _done(catalog, case), GIVEN_UP_S, f"no end after {case.point}")
        return Outcome(installed, expected, recovered_s, orphan_s)
    finally:
        kept.end()
        catalog.close()


def _queued(catalog: Catalog, installed: Installation, case: Case) -> dict[int, bytes | None]:
    ids = range(1, MOVIES + 1)
    for movie_id in ids:
        draw_poster(folder_of(installed), movie_id, case.turn)
    audit(catalog)
    queue(catalog, ids)
    if case.builds:
        embed_here(catalog, folder_of(installed))
    return {movie_id: reference(folder_of(installed), movie_id) for movie_id in ids}


def _until(condition: object, deadline_s: float, what: str) -> None:
    end = time.monotonic() + deadline_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, f"{what} within {deadline_s:g} s"
        time.sleep(0.02)


def _until_no_orphan(leader: int, died_at: float, kept: Kept) -> float:
    def gone() -> bool:
        kept.mend()
        return not session(leader)

    _until(gone, GIVEN_UP_S, f"orphans of {leader} did not end")
    return time.time() - died_at


def _goes_on(kept: Kept, catalog: Catalog, case: Case) -> bool:
    """Every movie has ended; of a rebuild, whose length is its own affair, that another worker has taken it up."""
    kept.mend()
    taken_up = case.builds and any(job.attempt == 2 for job in catalog.jobs.newest(kind="rebuild"))
    return taken_up or _done(catalog, case)


def _done(catalog: Catalog, case: Case) -> bool:
    if case.builds:
        job = catalog.jobs.last_done("rebuild")
        return job is not None and job.result["posters"] == MOVIES
    counts = catalog.work.counts()
    return counts[State.PENDING] + counts[State.FETCHED] == 0


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.timeout(600)
def test_every_movie_ends_once_and_right(outcomes: "dict[Case, Future[Outcome]]", point: str, target: str) -> None:
    for case, future in outcomes.items():
        if (case.point, case.target) != (point, target):
            continue
        outcome = future.result()
        catalog = open_catalog(outcome.installed)
        if not case.builds:
            publish_here(outcome.installed, catalog)
        wrong = broken_rows(catalog, outcome.expected)
        wrong += broken_snapshot(outcome.installed.data_dir / "index", outcome.expected)
        catalog.close()
        assert wrong == [], f"turn {case.turn}\n{outcome.installed.log(0)}"


def test_it_goes_on_soon_and_no_orphan_works_on(outcomes: "dict[Case, Future[Outcome]]", judge: Judge) -> None:
    ended = {case: future.result() for case, future in outcomes.items()}
    slowest = max(ended, key=lambda case: ended[case].recovered_s)
    orphan_s = max(outcome.orphan_s or 0.0 for outcome in ended.values())
    recovered_s = ended[slowest].recovered_s
    judge(
        "T1",
        "SIGKILL of child or parent at 12 points",
        len(ended),
        f"O1 to O4, recovered within {RECOVERS_WITHIN_S:g} s, orphans end within {ORPHAN_ENDS_WITHIN_S:g} s",
        f"slowest {recovered_s:.1f} s ({slowest.setting}), longest orphan {orphan_s:.1f} s",
        recovered_s <= RECOVERS_WITHIN_S and orphan_s <= ORPHAN_ENDS_WITHIN_S,
    )


def test_a_child_that_is_killed_while_it_waits_is_replaced_by_one_that_works(tmp_path: Path, judge: Judge) -> None:
    installed = installation(tmp_path / "idle")
    case = Case(POINTS[0], "child", 0)
    kept = Kept(installed)
    catalog = open_catalog(installed)
    try:
        leader = kept.start(*WORK).pid
        others = partial(_others, leader)
        _until(others, DIES_WITHIN_S, "no child")
        _until(catalog.presence.alive, DIES_WITHIN_S, "not ready")
        for old in range(2):
            _until(lambda: len(others()) == 1, GIVEN_UP_S, "not one child")
            (child,) = others()
            os.kill(child, signal.SIGKILL)
            _until(lambda dead=child: others() and dead not in others(), GIVEN_UP_S, f"no child after {old + 1} deaths")
        expected = _queued(catalog, installed, case)
        began = time.monotonic()
        _until(lambda: _done(catalog, case), GIVEN_UP_S, "the worker stands still")
        wrong = broken_rows(catalog, expected)
    finally:
        kept.end()
        catalog.close()
    told = f"{wrong or 'O1, O3, O4 hold'}, done after {time.monotonic() - began:.1f} s"
    judge("T1", "SIGKILL of an idle child", 2, "the next child works", told, not wrong)


def _others(leader: int) -> list[int]:
    return [pid for pid in session(leader) if pid != leader]
