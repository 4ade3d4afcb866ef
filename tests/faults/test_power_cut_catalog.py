"""T7: the power is cut while SQLite commits; what the catalog has acknowledged is there, and nothing by halves.

What SQLite does to the disk is recorded by strace and replayed as in `test_power_cut`.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.catalog import Catalog
from tests.faults.committer import EACH
from tests.faults.power import State, put_back, states
from tests.faults.tiny_disk import in_memory
from tests.faults.traced import Traced, traced
from tests.plan import Judge

COMMITS, NIGHTLY_COMMITS = 3, 8
LEAST_STEPS = 10  # of a commit: the journal written and synced, the pages, the journal gone


@pytest.fixture
def folder() -> Iterator[Path]:
    with in_memory() as made:
        yield made


def recorded(folder: Path, commits: int) -> Traced:
    data_dir = folder / "data"
    Catalog.open(f"sqlite:///{data_dir / 'catalog.db'}", data_dir).close()
    return traced(data_dir, "tests.faults.committer", str(data_dir), str(commits))


def broken(state: State, acknowledged: int, folder: Path) -> str | None:
    """What is wrong with the catalog that a state holds, or None."""
    folder.mkdir()
    put_back(state.tree, folder)
    database = sqlite3.connect(folder / "catalog.db")
    try:
        verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
        there = {row[0] for row in database.execute("SELECT movie_id FROM movies")}
        queued = {row[0] for row in database.execute("SELECT movie_id FROM poster_work")}
    except sqlite3.Error as err:
        return f"{err}"
    finally:
        database.close()
        shutil.rmtree(folder)
    commits = {movie_id // EACH for movie_id in there}
    if verdict != "ok" or there != queued or len(there) != EACH * len(commits):
        return f"{verdict}, {len(there)} movies, {len(queued)} of them queued"
    lost = set(range(1, acknowledged + 1)) - commits
    return f"commits {sorted(lost)} were acknowledged and are gone" if lost else None


def test_whenever_the_power_is_cut_acknowledged_rows_are_there_and_none_by_halves(
    folder: Path, judge: Judge, nightly: bool
) -> None:
    commits = NIGHTLY_COMMITS if nightly else COMMITS
    trace, count, wrong = recorded(folder, commits), 0, list[str]()
    assert len(trace.said) == commits + 1 and len(trace.log) >= LEAST_STEPS * commits, [step.what for step in trace.log]

    def acknowledged(after: int) -> int:
        return sum(at <= after for at, _ in trace.said) - 1

    for state in states(trace, 3 if nightly else 1, acknowledged):
        count += 1
        if why := broken(state, acknowledged(state.after), folder / "state"):
            wrong.append(f"{state.how}: {why}")
    measured = f"{count} states of {commits} commits, {len(wrong)} broken {wrong[:3]}"
    judge(
        "T7", "power cut in commits of SQLite", count, "acknowledged rows present", measured, count > 100 and not wrong
    )
