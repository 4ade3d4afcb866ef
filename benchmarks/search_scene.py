"""What a question is asked of: a published snapshot, and beside it flat search and brute force over the same rows."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.poster_mixes import records_of
from benchmarks.search_truth import BruteForce, K
from index.contents import PackedContents, Run, SnapshotContents
from index.live import LiveSnapshot
from index.packed import Packed
from index.publishing import publish
from index.snapshot import Snapshot

FINGERPRINT = "benchmark"


@dataclass(slots=True)
class Phases:
    """Seconds by phase, as a publication reports them; a phase lasts until the next one is named."""

    seconds: dict[str, float] = field(default_factory=dict)
    _last: str = ""
    _since: float = 0.0

    def report(self, phase: str, done: int, of: int) -> None:
        """Told by the publication; says on stderr what begins, for whoever waits for a large one."""
        now = time.perf_counter()
        if phase != self._last:
            print(f"  {phase} ...", file=sys.stderr)
        if self._last:
            self.seconds[self._last] = self.seconds.get(self._last, 0.0) + now - self._since
        self._last, self._since = phase, now

    def words(self) -> str:
        """The phases that lasted, in a line."""
        return ", ".join(f"{name} {lasted:.1f} s" for name, lasted in self.seconds.items() if lasted >= 0.05)


@dataclass(slots=True)
class Runs:
    """Blocks of rows as a publication reads them, movie_ids 1, 2, ..; how long it took to make them is kept apart.

    Attributes:
        blocks: packed rows. making_s: seconds that went into blocks and their records, no part of a build.
    """

    blocks: Iterable[Packed]
    making_s: float = 0.0

    def __iter__(self) -> Iterator[Run]:
        blocks, done = iter(self.blocks), 0
        while True:
            began = time.perf_counter()
            block = next(blocks, None)
            if block is None:
                return
            ids = np.arange(done + 1, done + 1 + len(block), dtype=np.int64)
            run = Run(ids, np.zeros(len(block), np.uint8), records_of(block))
            self.making_s += time.perf_counter() - began
            yield run
            done += len(block)


def published(root: Path, runs: Iterable[Run], dimension: int, expected: int, phases: Phases | None = None) -> Snapshot:
    """Publishes runs of rows as a real rebuild does, and opens what was published as the API does."""
    contents = PackedContents("poster", dimension, FINGERPRINT, runs, expected)
    publish(root, SnapshotContents((contents,)), (phases or Phases()).report)
    return LiveSnapshot(root).get()


@dataclass(frozen=True, slots=True)
class Scene:
    """Rows, served both ways. `movie_ids`: int64 (n,), in the order of the rows of `packed` and of `flat`."""

    packed: Packed
    snapshot: Snapshot
    flat: Any
    movie_ids: NDArray[np.int64]

    def ask(self, question: NDArray[np.float32]) -> list[int]:
        """Ours: from 25088 numbers to ten ids."""
        return [n.movie_id for n in self.snapshot.space("poster").search_vector(question, K)]

    def ask_flat(self, question: NDArray[np.float32]) -> list[int]:
        """`IndexFlatIP` over the same vectors in float32."""
        rows: list[int] = self.flat.search(question[None], K)[1][0].tolist()
        return [int(self.movie_ids[row]) for row in rows]

    def truth(
        self,
        questions: NDArray[np.float32],
        among: NDArray[np.bool_] | None = None,
        own: NDArray[np.int64] | None = None,
    ) -> BruteForce:
        """Brute force in float64 over the rows that are let through; `own` are the movies that ask, if they do."""
        rows = np.arange(len(self.packed)) if among is None else np.flatnonzero(among)
        truth = BruteForce(questions, own=own)
        for part in np.array_split(rows, max(1, len(rows) // 1_000)):
            truth.see(self.movie_ids[part], self.packed.units(part))
        return truth


@contextmanager
def scene(root: Path, packed: Packed) -> Iterator[Scene]:
    """Publishes the rows below `root` and adds them to a flat index; both are dropped afterwards."""
    step = 1_000
    blocks = (packed.taken(np.arange(at, min(at + step, len(packed)))) for at in range(0, len(packed), step))
    snapshot = published(root, Runs(blocks), packed.dimension, len(packed))
    flat = faiss.IndexFlatIP(packed.dimension)
    for at in range(0, len(packed), step):
        flat.add(packed.units(np.arange(at, min(at + step, len(packed)))))
    yield Scene(packed, snapshot, flat, np.arange(1, len(packed) + 1, dtype=np.int64))
