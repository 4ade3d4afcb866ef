"""T6: the disk fills up under a worker that fetches and embeds; it waits, and goes on by itself when there is room."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog.catalog import Catalog
from catalog.entries import State
from tests.acceptance.installation import Installation, free_port, wait_until
from tests.faults.harness import TOY, draw_poster, open_catalog, queue
from tests.faults.tiny_disk import TinyDisk, mounted
from tests.plan import Judge

POSTERS, MEGABYTES = 40, 10
STILL_S = 1.5  # without a change, that is: many batches and many looks of the sweeper
SETTINGS = {"LEASE_S": "3", "SWEEP_S": "0.2", "FETCH_BATCH": "4", "EMBED_BATCH": "2", "PUBLISH_EVERY_S": "1000000"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[TinyDisk]:
    with mounted(tmp_path / "disk", MEGABYTES) as made:
        yield made


@pytest.fixture
def installation(disk: TinyDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    (tmp_path / "posters").mkdir()
    (disk.root / "data").mkdir()
    for movie_id in range(1, POSTERS + 1):
        draw_poster(tmp_path / "posters", movie_id)
    monkeypatch.setenv("TOY_SECONDS", "0.3")  # so that there is something left when the disk is full
    settings = {"POSTER_SOURCES": f"folder:{tmp_path / 'posters'}", **SETTINGS}
    made = Installation(disk.root / "data", free_port(), settings)
    yield made
    made.stop()


@pytest.fixture
def catalog(installation: Installation) -> Iterator[Catalog]:
    opened = open_catalog(installation)
    queue(opened, range(1, POSTERS + 1))
    yield opened
    opened.close()


def still(what: Callable[[], object]) -> Callable[[], bool]:
    """True once it has not changed for a while."""
    seen, since = what(), time.monotonic()

    def unchanged() -> bool:
        nonlocal seen, since
        if (now := what()) != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since > STILL_S

    return unchanged


def test_a_worker_waits_while_the_disk_is_full_and_goes_on_by_itself(
    installation: Installation, catalog: Catalog, disk: TinyDisk, judge: Judge
) -> None:
    worker = installation.start("worker", "--kinds", "fetch,embed", module=TOY)
    wait_until(lambda: catalog.work.counts()[State.EMBEDDED] >= 4, 60, "some posters are embedded")
    for pages in (0, 4):
        disk.fill(pages)
        wait_until(still(lambda: dict(catalog.work.counts())), 60, f"nothing moves with {pages} free pages")
    before = catalog.work.counts()[State.EMBEDDED]
    disk.empty()
    wait_until(lambda: catalog.work.counts()[State.EMBEDDED] == POSTERS, 90, "all posters are embedded")
    lived = worker.poll() is None
    failed = catalog.work.counts()[State.FAILED]
    files = [path for path in (installation.data_dir / "posters").rglob("*") if path.is_file()]
    torn = [path.name for path in files if path.name.startswith(".")]
    measured = f"{before} before, {POSTERS} after; {failed} failed, worker {'lived' if lived else 'died'}, torn {torn}"
    held = lived and failed == 0 and not torn and before < POSTERS
    judge("T6", "a full disk under a worker", 2, "0 failed, goes on without a restart", measured, held)
