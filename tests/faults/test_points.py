"""Fault points: what `POSTERITY_FAULT` may say, and that it is nothing when unset."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from faults import points

REPO = Path(__file__).resolve().parents[2]


def end_of(code: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    kept = {key: value for key, value in os.environ.items() if not key.startswith("POSTERITY_")}
    return subprocess.run(
        [sys.executable, "-c", f"from faults.points import reached\n{code}"],
        env=kept | environ,
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=60,
    )


THREE = "for _ in range(3): reached('embed.stored'); print('passed', flush=True)"


def test_the_process_ends_at_the_nth_passage_and_not_before() -> None:
    done = end_of(THREE, POSTERITY_FAULT="embed.stored:3")
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == "passed\npassed\n"


def test_other_points_and_the_unset_variable_end_nothing() -> None:
    assert end_of(THREE, POSTERITY_FAULT="embed.claimed:1").stdout == "passed\n" * 3
    assert end_of(THREE).stdout == "passed\n" * 3
    assert points.reached.__doc__ == "A place of POINTS is passed."  # the empty one: this process has no fault


def test_the_parent_ends_instead_of_the_child() -> None:
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n    reached('fetch.kept'); os._exit(0)\n"
        "os.wait(); time.sleep(30); print('alive')"
    )
    done = end_of(code, POSTERITY_FAULT="fetch.kept:1:parent")
    assert done.returncode == -signal.SIGKILL and not done.stdout


def test_with_a_mark_it_happens_once_whatever_is_started_again(tmp_path: Path) -> None:
    environ = {"POSTERITY_FAULT": "embed.stored:1", "POSTERITY_FAULT_MARK": str(tmp_path / "struck")}
    assert end_of(THREE, **environ).returncode == -signal.SIGKILL
    assert end_of(THREE, **environ).stdout == "passed\n" * 3


@pytest.mark.parametrize(
    "spec", ["embed.stored", "embed.stored:", "nowhere:1", "embed.stored:-1", "embed.stored:1:cat"]
)
def test_a_spec_that_means_nothing_is_said_at_once(spec: str) -> None:
    done = end_of("", POSTERITY_FAULT=spec)
    assert done.returncode == 1 and "POINT:N" in done.stderr


def test_every_point_of_the_list_is_passed_somewhere() -> None:
    rooms = [REPO / room for room in ("workers", "catalog", "index", "posters", "ratings")]
    text = "".join(path.read_text() for room in rooms for path in room.rglob("*.py"))
    assert [point for point in points.POINTS if text.count(f'reached("{point}")') != 1] == []
