"""T21: T2 and T10 in one, for long: workers die, snapshots come and go, questions are answered; nothing adds up.

`make weekly` runs it for four hours; LONG_HAUL_S=N for so many seconds.
"""

import os
from dataclasses import replace
from random import Random, SystemRandom

import pytest

from index.layout import read_current
from tests.acceptance.installation import Installation, wait_until
from tests.deploy.load import Load, Question
from tests.faults.ageing import Ageing
from tests.faults.harness import BUILD, WORK, Kept, installation
from tests.faults.servers import RedisServer
from tests.faults.test_soak import BATCH_S, Plan, Soak, redis, wrong_rows
from tests.faults.work_oracles import Watch, audit
from tests.plan import Judge
from workers.enqueue import Bell

SHORT, NIGHTLY = Plan(15, 1.0, 0.7, 1, 1.0), Plan(600, 5.0, 0.3, 10, 10.0)
PER_S = 20.0
MOST_MB_PER_MIN = 1.0
SLOPE_FROM_S = 300.0  # in a shorter time memory that is taken once looks like memory that grows
MOST_MB = 60.0  # more than there was at first, in so short a time
ASKED = range(1, 9)  # movies of the first group that comes in may be fewer; these are taken in before anybody asks

__all__ = ["redis"]  # pytest finds it here


@pytest.fixture
def installed(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return installation(tmp_path_factory.mktemp("haul"), BROKER_URL=f"redis://127.0.0.1:{redis.port}/0")


@pytest.fixture
def plan(nightly: bool) -> Plan:
    given = os.environ.get("LONG_HAUL_S")
    return replace(NIGHTLY, seconds=float(given)) if given else NIGHTLY if nightly else SHORT


@pytest.mark.timeout(5 * 3600)
def test_hours_of_kills_rebuilds_and_questions_leave_no_memory_taken_and_no_dead_child(
    installed: Installation, plan: Plan, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_SECONDS", BATCH_S)
    catalog, seed = installed.catalog(), SystemRandom().randrange(10**6)
    audit(catalog)
    soak = Soak(Kept(installed), catalog, Bell(installed.settings["BROKER_URL"]), Random(seed))
    try:
        soak.take_in(len(ASKED))
        soak.kept.start(*WORK)
        soak.kept.start(*BUILD)
        api = installed.start("api")
        wait_until(lambda: installed.up("/readyz") and _all_known(installed), 240, "the first movies are answered")
        questions = [Question(f"/similar?movie_id={movie_id}&k=5") for movie_id in ASKED]
        families = lambda: [api.pid, *(process.pid for process in soak.kept.processes.values())]  # noqa: E731
        with (
            Watch(installed.data_dir / "index") as watch,
            Load(installed.port, questions, PER_S) as load,
            Ageing(api.pid, families) as ageing,
        ):
            soak.run(plan)
            drained = soak.drain()
        soak.kept.stop()
        lived = api.poll() is None
    finally:
        soak.kept.end()
    wrong = watch.wrong + wrong_rows(installed, catalog, soak.accepted) + ([] if drained else ["not drained"])
    current = read_current(installed.data_dir / "index")
    catalog.close()
    long = plan.seconds >= SLOPE_FROM_S
    grown, slope = ageing.seen[-1][1] - ageing.seen[0][1], ageing.mb_per_min
    steady = slope < MOST_MB_PER_MIN if long else grown < MOST_MB
    judge(
        "T21",
        f"kills, rebuilds and {PER_S:g} questions/s for {plan.seconds:g} s",
        sum(soak.kills.values()),
        f"API: {f'< {MOST_MB_PER_MIN:g} MB/min' if long else f'< {MOST_MB:g} MB'}, 0 zombies, 0 not 200, O1 to O5",
        f"{slope:+.2f} MB/min ({grown:+.0f} MB in all), {len(ageing.zombies)} zombies (buried within "
        f"{ageing.longest_dead_s:.0f} s), {len(load.failures)} of "
        f"{load.count:,} not 200 {load.failures[:2]}, {len(soak.accepted)} movies, version "
        f"{current.generation if current else 0}, seed {seed} {wrong[:3]}",
        lived and steady and not ageing.zombies and not load.failures and not wrong,
    )


def _all_known(installed: Installation) -> bool:
    return all(installed.ask(f"/similar?movie_id={movie_id}&k=5").status == 200 for movie_id in ASKED)
