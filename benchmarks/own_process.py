"""Runs a command in a process of its own: seconds, peak memory as the kernel counts it, and what it printed."""

import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Run:
    """One run: wall seconds, peak RSS in GiB with interpreter and libraries, and the JSON it printed.

    The peak is never below that of the process that asked (Linux counts it on): ask from a small one.
    """

    wall_s: float
    peak_gib: float
    printed: Any


def run_module(module: str, *arguments: str, settings: dict[str, str] | None = None) -> Run:
    """Runs `python -m module arguments` and waits for it; `settings` are the only POSTERITY_ ones that it sees.

    Raises:
        SystemExit: it ended with a code.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POSTERITY_")}
    command = [sys.executable, "-m", module, *arguments]
    with tempfile.TemporaryFile("w+") as out:
        began = time.monotonic()
        actions = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1)]
        child = os.posix_spawn(command[0], command, kept | (settings or {}), file_actions=actions)
        _, status, usage = os.wait4(child, 0)
        wall_s = time.monotonic() - began
        if status:
            raise SystemExit(f"{module} ended with code {os.waitstatus_to_exitcode(status)}")
        out.seek(0)
        unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
        return Run(wall_s, usage.ru_maxrss * unit / 2**30, json.load(out))
