"""The `os` of `index.durable` that fails: at its nth step by an error once, or from there on as a killed process."""

import os
from pathlib import Path
from typing import Any

KILLED, SHORT = "killed", "short"
Fault = int | str  # an errno, or one of the two


class Killed(BaseException):
    """The process is gone: nothing after this changes the disk."""


class FailingOs:
    """Counts the steps that change or sync the disk and fails at one of them.

    Args:
        at: which step, from 1 on. fault: an errno raised once; `killed`: a torn write, then nothing happens any more;
            `short`: a write of half of what it was given, as POSIX allows, and no error; only writes are counted.

    Attributes:
        steps: how many were counted. log: each of them by name and file, without those that change nothing.
        struck: whether the fault came.
    """

    STEPS = frozenset(
        {"open", "write", "lseek", "fchmod", "fsync", "close", "mkdir", "rename", "replace", "unlink", "stat"}
    )
    UNSAID = frozenset({"lseek", "close"})

    def __init__(self, at: int, fault: Fault) -> None:
        self.at, self.fault, self.steps, self.struck = at, fault, 0, False
        self.log: list[str] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._counting(name, real) if name in self.STEPS else real

    def _counting(self, name: str, real: Any) -> Any:
        def step(*args: Any) -> Any:
            if self.fault == SHORT and name != "write":
                return real(*args)
            self.steps += 1
            if name not in self.UNSAID:
                target = Path(f"/proc/self/fd/{args[0]}").readlink() if isinstance(args[0], int) else args[0]
                self.log.append(f"{name} {Path(target).name}")
            if self.steps == self.at or (self.fault == KILLED and self.steps > self.at):
                return self._strike(name, real, args)
            return real(*args)

        return step

    def _strike(self, name: str, real: Any, args: tuple[Any, ...]) -> Any:
        first, self.struck = not self.struck, True
        if name == "close":
            real(*args)  # the kernel closes whatever it says
        if self.fault == SHORT:
            return real(args[0], bytes(args[1])[: (len(args[1]) + 1) // 2])
        if self.fault == KILLED:
            if first and name == "write":
                real(args[0], bytes(args[1])[: len(args[1]) // 2])  # torn
            raise Killed
        raise OSError(self.fault, os.strerror(int(self.fault)))
