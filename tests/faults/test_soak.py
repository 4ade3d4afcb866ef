"""T2: workers killed at random while movies come in; at the end every movie is embedded, once, and nothing was torn.

The seed is new in each run and said in the table; SOAK_SEED=N runs that one again.
"""

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random, SystemRandom

import pytest

from catalog.catalog import Catalog
from catalog.entries import NewMovie, State
from index.layout import read_current
from tests.acceptance.installation import Installation
from tests.faults.harness import (
    BUILD,
    WORK,
    Kept,
    archive,
    children,
    draw_poster,
    end_session,
    folder_of,
    installation,
    publish_here,
    reference,
)
from tests.faults.servers import RedisServer
from tests.faults.work_oracles import Watch, audit, broken_rows, broken_snapshot, noted
from tests.plan import Judge
from workers.enqueue import Bell, add_movies

BUILDER_SHARE = 0.25  # of the kills
MOST_AT_ONCE = 16  # movies that come in together
BATCH_S = "0.4"  # of sixteen posters; one alone takes a sixteenth of that
DRAINS_WITHIN_S = 120.0


@dataclass(frozen=True)
class Plan:
    """How long, how often a kill is tried, with what chance, and under how many the test says nothing."""

    seconds: float
    try_every_s: float
    chance: float
    least_kills: int
    add_every_s: float  # between two groups of movies that come in


SHORT, NIGHTLY = Plan(45, 1.0, 0.7, 15, 0.7), Plan(1800, 2.5, 0.3, 100, 1.5)


@dataclass
class Soak:
    """One run; what was killed and what was accepted."""

    kept: Kept
    catalog: Catalog
    bell: Bell
    draw: Random
    accepted: list[int] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)

    def run(self, plan: Plan) -> None:
        began = time.monotonic()
        next_try, next_movies = began + plan.try_every_s, began
        while (now := time.monotonic()) < began + plan.seconds or (
            self.too_few(plan) and now < began + 2 * plan.seconds
        ):
            self.kept.mend()
            if now >= next_movies:
                self.take_in(self.draw.randint(1, MOST_AT_ONCE))
                next_movies += plan.add_every_s
            if now >= next_try:
                next_try += plan.try_every_s
                if self.draw.random() < plan.chance:
                    self._kill()
            time.sleep(0.01 + self.draw.random() * 0.02)

    def too_few(self, plan: Plan) -> bool:
        """On a slow machine workers are longer on their way, and only those at work are killed."""
        return sum(self.kills.values()) < plan.least_kills

    def drain(self) -> bool:
        """Goes on without kills until no movie waits and there is a snapshot; False when that takes too long.

        On a slow machine builders may be killed so often that the first snapshot comes only now.
        """
        end = time.monotonic() + DRAINS_WITHIN_S
        while time.monotonic() < end:
            self.kept.mend()
            counts = self.catalog.work.counts()
            published = read_current(self.kept.installed.data_dir / "index") is not None
            if published and counts[State.PENDING] + counts[State.FETCHED] == 0:
                return True
            time.sleep(0.1)
        return False

    def take_in(self, count: int) -> None:
        """So many movies that there were not."""
        ids = range(len(self.accepted) + 1, len(self.accepted) + 1 + count)
        for movie_id in ids:
            draw_poster(folder_of(self.kept.installed), movie_id)
        add_movies(self.catalog, self.bell, [NewMovie(f"Movie {i}", i, 2000) for i in ids])
        self.accepted += ids

    def _kill(self) -> None:
        process = self.kept.processes[BUILD if self.draw.random() < BUILDER_SHARE else WORK]
        target = self.draw.choice(("child", "child", "parent", "all"))
        below = children(process.pid)
        if process.poll() is not None or not below:
            return  # dead already, or not yet at work: that would prove nothing
        self.kills[target] += 1
        if target == "all":
            end_session(process.pid)
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.draw.choice(below) if target == "child" else process.pid, signal.SIGKILL)


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def installed(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return installation(tmp_path_factory.mktemp("soak"), BROKER_URL=f"redis://127.0.0.1:{redis.port}/0")


@pytest.mark.timeout(2700)
def test_no_movie_is_lost_whatever_is_killed_and_whenever(
    installed: Installation, nightly: bool, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_SECONDS", BATCH_S)
    plan = NIGHTLY if nightly else SHORT
    seed = int(os.environ.get("SOAK_SEED") or SystemRandom().randrange(10**6))
    catalog, index_dir = installed.catalog(), installed.data_dir / "index"
    audit(catalog)
    soak = Soak(Kept(installed), catalog, Bell(installed.settings["BROKER_URL"]), Random(seed))
    try:
        soak.kept.start(*WORK)
        soak.kept.start(*BUILD)
        with Watch(index_dir) as watch:
            soak.run(plan)
            drained = soak.drain()
        soak.kept.stop()
    finally:
        soak.kept.end()
    left = f"not drained, or nothing published, within {DRAINS_WITHIN_S:g} s: {catalog.work.counts()}"
    wrong = watch.wrong + ([] if drained else [left])
    wrong += wrong_rows(installed, catalog, soak.accepted)
    lost_jobs = sum(job.reason == "worker_lost" for job in catalog.jobs.newest(10_000, kind="rebuild"))
    lost = noted(catalog, "lost").total()
    catalog.close()
    kills = sum(soak.kills.values())
    held = not wrong and kills >= plan.least_kills
    told = f"{kills} kills {dict(soak.kills)}, {len(soak.accepted)} movies, {lost} taken over"
    told += f", {lost_jobs} rebuilds given up, seed {seed}"
    told += f", CURRENT verified {watch.looks} times"
    if not held:
        told += f", archived at {archive(installed, seed)}: " + "; ".join(wrong[:20])
    judge("T2", f"random SIGKILL for {plan.seconds:g} s", kills, f">= {plan.least_kills} kills, O1 to O5", told, held)


def wrong_rows(installed: Installation, catalog: Catalog, accepted: list[int]) -> list[str]:
    """What is not as it must be of these movies, in the catalog and in a snapshot that is published for it."""
    expected: dict[int, bytes | None] = {i: reference(folder_of(installed), i) for i in accepted}
    publish_here(installed, catalog)
    return broken_rows(catalog, expected) + broken_snapshot(installed.data_dir / "index", expected)
