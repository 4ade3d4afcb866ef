"""Whether a process that lives long grows, and whether anybody leaves dead children about."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise
from math import nan
from pathlib import Path
from statistics import median

from tests.faults.harness import children
from tests.faults.looking import Looking

LASTS_S = 15.0  # Celery's parents bury within 5 s, and later where others work beside: what stays is a zombie
LEAST_SEEN = 12
MB = 1024.0  # kB, as the kernel counts


class Ageing(Looking):
    """Looks at one process and at the families of others while its `with` block lasts.

    Args:
        pid: of the process whose memory is noted: what belongs to no file (RssAnon), for mapped snapshots are the
            kernel's to keep or to drop. families: pids whose children must be buried, asked for at each look.
    """

    def __init__(self, pid: int, families: Callable[[], Iterable[int]]) -> None:
        super().__init__()
        self._pid, self._families = pid, families
        self._dead_since: dict[int, float] = {}
        self.seen: list[tuple[float, float]] = []  # (seconds, MB)
        self.zombies: set[int] = set()
        self.longest_dead_s = 0.0

    @property
    def mb_per_min(self) -> float:
        """How fast the memory grows, from the third to the last sixth of the time; NaN where too little was seen."""
        if len(self.seen) < LEAST_SEEN:
            return nan
        began, ended = self.seen[0][0], self.seen[-1][0]
        bounds = [began + (ended - began) * (2 + n) / 6 for n in range(5)]
        parts = [[mb for at, mb in self.seen if first <= at <= last] for first, last in pairwise(bounds)]
        levels = [median(part) for part in parts]
        minutes = (ended - began) / 6 / 60
        return (levels[-1] - levels[0]) / (minutes * (len(levels) - 1))

    def look(self) -> None:
        """Notes the memory, and the dead that nobody has buried."""
        now = time.monotonic()
        if (mb := anonymous_mb(self._pid)) is not None:
            self.seen.append((now, mb))
        dead = {pid for family in self._families() for pid in _below(family) if _state(pid) == "Z"}
        self._dead_since = {pid: self._dead_since.get(pid, now) for pid in dead}
        self.longest_dead_s = max([self.longest_dead_s, *(now - since for since in self._dead_since.values())])
        self.zombies |= {pid for pid, since in self._dead_since.items() if now - since > LASTS_S}


def anonymous_mb(pid: int) -> float | None:
    """RssAnon of a process; None when it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                return int(line.split()[1]) / MB
    return None


def _below(pid: int) -> list[int]:
    direct = children(pid)
    return direct + [deeper for child in direct for deeper in _below(child)]


def _state(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""
