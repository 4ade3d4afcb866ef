"""T8: damaged snapshots are refused before FAISS or a memory map sees a byte of them; the one before is served."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from index import publishing
from index.publishing import publish
from tests.acceptance.installation import REPO, Installation, free_port, wait_until
from tests.faults.snapshots import contents, ratings_only
from tests.faults.tiny_disk import in_memory
from tests.plan import Judge
from tests.verifier_here import VerifierHere

pytestmark = pytest.mark.timeout(900)  # the long form takes some minutes on a busy machine
SHORT, NIGHTLY = 200, 2_250
SEED = 8


def test_damaged_snapshots_are_refused_and_the_one_before_is_served(judge: Judge, nightly: bool) -> None:
    wanted, began = NIGHTLY if nightly else SHORT, time.monotonic()
    with in_memory() as folder:
        command = [sys.executable, "-m", "tests.faults.damage", str(folder), str(SEED), str(wanted)]
        done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=840, check=False)
    if done.returncode:
        judge(
            "T8",
            "damaged snapshots",
            0,
            "0 process deaths",
            f"code {done.returncode}: {done.stderr[-500:]}",
            held=False,
        )
    told = json.loads(done.stdout)
    count, wrong = sum(told["kinds"].values()), told["wrong"]
    kinds = ", ".join(f"{number} {kind}" for kind, number in told["kinds"].items())
    measured = (
        f"{count - len(wrong)} refused, 0 deaths, {time.monotonic() - began:.0f} s; {kinds}; seed {SEED} {wrong[:3]}"
    )
    judge("T8", "damaged snapshots", count, "all refused, 0 deaths", measured, count >= wanted and not wrong)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path, free_port(), {})
    yield made
    made.stop()


def test_when_every_version_is_damaged_the_service_waits_for_a_good_one_and_lives(
    installation: Installation, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)
    root = installation.data_dir / "index"
    for seed in (1, 2, 3):
        folder = root / f"v{publish(root, contents(seed)).generation:08d}"
        path = folder / ("manifest.json" if seed == 2 else "poster.values.npy")
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-9])
    catalog = installation.catalog()
    catalog.close()
    process = installation.start("api")
    wait_until(installation.up, 60, "the API answers")
    ready, asked = installation.ask("/readyz"), installation.ask("/users/1/recommendations")
    assert (ready.status, ready.body["code"]) == (503, "not_ready")
    assert "snapshot missing" in ready.body["checks"]["why"]
    assert asked.status in (404, 503)
    assert process.poll() is None
    publish(root, ratings_only(4))
    wait_until(lambda: installation.up("/readyz"), 10, "a good version is served")
    held = process.poll() is None
    judge(
        "T8",
        "every version damaged at a cold start",
        3,
        "/readyz 503, no crash loop, recovers",
        f"503, then 200; {'alive' if held else 'dead'}",
        held,
    )
