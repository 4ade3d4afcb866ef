"""Keeps a set of child processes running until it is told to stop, and takes them along when it ends."""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

from cli.children import run_child

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.2
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0  # before a dead child is started again: 1, 2, 4 .. 30 s
STEADY_S = 60.0  # a child that ran this long starts again with the first pause
GRACE_S = 12.0  # after SIGTERM; what a worker still has in hand then comes back when its lease ends


@dataclass(slots=True)
class Child:
    """One supervised command."""

    name: str
    arguments: Sequence[str]
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    deaths: int = 0


@dataclass(slots=True)
class Supervisor:
    """Runs children; `essential` ones that die before they ever ran steadily end the whole.

    `tick` is called between looks, for a progress line.
    """

    children: list[Child]
    tick: Callable[[], None] = lambda: None
    _stopping: bool = field(default=False, init=False)

    def run(self) -> int:
        """Supervises until SIGINT or SIGTERM; returns the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        try:
            while not self._stopping:
                for child in self.children:
                    self._look_after(child)
                self.tick()
                time.sleep(LOOK_EVERY_S)
        finally:
            self._end_all()
        return 0

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None and child.process.poll() is not None:
            self._bury(child, now)
        if child.process is None and now >= child.start_again_at:
            child.process, child.started_at = run_child(*child.arguments), now

    def _bury(self, child: Child, now: float) -> None:
        steady = now - child.started_at >= STEADY_S
        child.pause_s = FIRST_PAUSE_S if steady else min(child.pause_s * 2, LONGEST_PAUSE_S)
        child.start_again_at, child.deaths = now + child.pause_s, child.deaths + 1
        code = child.process.returncode if child.process else 0
        log.warning("%s ended with %d, starts again in %.0f s", child.name, code, child.pause_s)
        child.process = None

    def _end_all(self) -> None:
        """One SIGTERM each, then time to end the work in hand, then SIGKILL to its whole session."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + GRACE_S
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("process %d did not end in %.0f s: killed", process.pid, GRACE_S)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
