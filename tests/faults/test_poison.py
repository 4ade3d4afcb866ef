"""T3: a poster that kills its worker ends alone, after its three attempts; those of its batch do not pay for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from catalog.catalog import Catalog
from catalog.entries import MAX_ATTEMPTS, State
from tests.acceptance.installation import Installation, wait_until
from tests.faults.harness import (
    WORK,
    Kept,
    draw_poison,
    draw_poster,
    folder_of,
    installation,
    publish_here,
    queue,
    reference,
)
from tests.faults.toy_worker import EATER, POISON
from tests.faults.work_oracles import audit, broken_rows, broken_snapshot
from tests.plan import Judge

MOVIES = 200
ENDS_WITHIN_S = 120.0
BAD = {"exits with 139": POISON, "eats memory until it is killed": EATER}


@dataclass
class Run:
    """One installation at work; `seconds` until its innocent posters were embedded."""

    kept: Kept
    catalog: Catalog
    expected: dict[int, bytes | None]
    deaths: Path
    seconds: float = 0.0

    @property
    def installed(self) -> Installation:
        return self.kept.installed

    def innocent_done(self) -> bool:
        innocent = sum(record is not None for record in self.expected.values())
        return self.catalog.work.counts()[State.EMBEDDED] == innocent

    def done(self) -> bool:
        counts = self.catalog.work.counts()
        return counts[State.PENDING] + counts[State.FETCHED] == 0


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Callable[..., Run]":
    """Starts a worker on 200 movies, of which some have a poster of this colour."""

    def started(name: str, bad: list[int], colour: tuple[int, int, int] = POISON) -> Run:
        installed = installation(tmp_path / name)
        expected: dict[int, bytes | None] = {}
        for movie_id in range(1, MOVIES + 1):
            if movie_id in bad:
                draw_poison(folder_of(installed), movie_id, colour)
                expected[movie_id] = None
            else:
                draw_poster(folder_of(installed), movie_id)
                expected[movie_id] = reference(folder_of(installed), movie_id)
        catalog = installed.catalog()
        audit(catalog)
        queue(catalog, list(expected))
        monkeypatch.setenv("TOY_DEATHS", str(tmp_path / f"{name}-deaths"))
        run = Run(Kept(installed), catalog, expected, tmp_path / f"{name}-deaths")
        run.kept.start(*WORK)
        return run

    return started


@pytest.mark.timeout(400)
def test_a_poster_that_kills_its_worker_fails_alone(begin: "Callable[..., Run]", nightly: bool, judge: Judge) -> None:
    bad = [37, 74, 111, 148, 185] if nightly else [100]
    runs = {name: begin(name.split()[0], bad, colour) for name, colour in BAD.items()}
    runs["none"] = begin("none", [])
    began, waiting = time.monotonic(), dict(runs)
    try:
        while waiting and time.monotonic() < began + ENDS_WITHIN_S:
            for name in [name for name, run in waiting.items() if run.innocent_done()]:
                waiting.pop(name).seconds = time.monotonic() - began
            time.sleep(0.05)
        assert not waiting, f"innocent posters wait in {list(waiting)}"
        for name, run in runs.items():
            wait_until(run.done, ENDS_WITHIN_S, f"the poster that {name} has ended")
    finally:
        for run in runs.values():
            run.kept.stop()
            run.kept.end()
    for name in BAD:
        wrong = _wrong(runs[name], bad)
        lost_s = runs[name].seconds - runs["none"].seconds
        told = f"{wrong or 'all held'}; the innocent done after {runs[name].seconds:.1f} s, {lost_s:.1f} s later"
        judge(
            "T3", f"a poster that {name}", len(bad), f"it fails after {MAX_ATTEMPTS} attempts, alone", told, not wrong
        )
    for run in runs.values():
        run.catalog.close()


def _wrong(run: Run, bad: list[int]) -> list[str]:
    publish_here(run.installed, run.catalog)
    wrong = broken_rows(run.catalog, run.expected)
    wrong += broken_snapshot(run.installed.data_dir / "index", run.expected)
    with run.catalog.database.read() as connection:
        tried = connection.exec_driver_sql("SELECT attempt FROM poster_work WHERE state = 'failed'").scalars().all()
    if list(tried) != [MAX_ATTEMPTS] * len(bad):
        wrong.append(f"attempts of what failed: {tried}")
    pictures = run.deaths.read_text().split()
    alone = pictures.count("1")
    # The first death of each is in company, which proves nothing, unless another one has already thinned its batch.
    if alone < MAX_ATTEMPTS * len(bad) or len(pictures) - alone > len(bad):
        wrong.append(f"pictures in hand at the deaths: {pictures}")
    return wrong
