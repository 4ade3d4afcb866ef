"""How many movies are in which state, counted at most every other second however many people look."""

import time
from dataclasses import dataclass, field
from threading import Lock

from catalog.catalog import Catalog
from catalog.entries import State

KEPT_S = 2.0  # the page itself looks again no sooner


@dataclass(slots=True)
class PosterCounts:
    """Counts of one catalog, remembered for `kept_s` seconds."""

    catalog: Catalog
    kept_s: float = KEPT_S
    _counts: dict[State, int] = field(default_factory=dict)
    _until: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def get(self) -> dict[State, int]:
        """How many movies are in each state; up to `kept_s` seconds old."""
        with self._lock:  # one counts, the others wait for its numbers
            if time.monotonic() >= self._until:
                self._counts = self.catalog.work.counts()
                self._until = time.monotonic() + self.kept_s
            return self._counts

    def waiting(self) -> int:
        """How many movies wait for a poster or its features."""
        counts = self.get()
        return counts[State.PENDING] + counts[State.FETCHED]
