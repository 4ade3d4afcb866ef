"""The supervisor: what dies is started again, one signal ends all, and its own death takes the children along."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
# A supervised child that notes its process id; the supervisor runs in a process of its own, as under `serve`.
CHILD = """
import os, sys, time
from cli.lifeline import end_with_parent
end_with_parent()
with open(sys.argv[1], "a") as file: print(os.getpid(), file=file)
while True: time.sleep(0.05)
"""
SUPERVISOR = """
import subprocess, sys
import cli.supervisor as supervisor
supervisor.FIRST_PAUSE_S = 0.05
supervisor.run_child = lambda *arguments: subprocess.Popen(
    [sys.executable, "-c", *arguments], stdin=subprocess.PIPE, start_new_session=True)
children = [supervisor.Child("one", (sys.argv[1], sys.argv[2]), pause_s=0.05)]
sys.exit(supervisor.Supervisor(children).run())
"""


def wait_until(condition: Callable[[], bool], deadline_s: float = 15) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the deadline passed"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def pids(tmp_path: Path) -> Callable[[], list[int]]:
    note = tmp_path / "pids"
    return lambda: [int(line) for line in note.read_text().split()] if note.exists() else []


@pytest.fixture
def supervisor(tmp_path: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", SUPERVISOR, CHILD, str(tmp_path / "pids")]
    return subprocess.Popen(command, cwd=REPO, start_new_session=True)


def test_a_child_that_dies_is_started_again(
    supervisor: "subprocess.Popen[bytes]", pids: Callable[[], list[int]]
) -> None:
    wait_until(lambda: len(pids()) == 1)
    os.kill(pids()[0], signal.SIGKILL)
    wait_until(lambda: len(pids()) == 2)
    supervisor.terminate()
    assert supervisor.wait(15) == 0
    assert not alive(pids()[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_everything(
    supervisor: "subprocess.Popen[bytes]", pids: Callable[[], list[int]], number: signal.Signals
) -> None:
    wait_until(lambda: len(pids()) == 1)
    supervisor.send_signal(number)
    assert supervisor.wait(15) == 0
    assert not alive(pids()[0])


def test_children_end_when_their_supervisor_is_killed(
    supervisor: "subprocess.Popen[bytes]", pids: Callable[[], list[int]]
) -> None:
    wait_until(lambda: len(pids()) == 1)
    supervisor.kill()
    supervisor.wait()
    wait_until(lambda: not alive(pids()[0]))
