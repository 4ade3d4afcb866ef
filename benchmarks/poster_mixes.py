"""Poster vectors that never were: mixes of four real ones, as many as are wanted.

A row is a convex mix of four different real vectors of length 1 (weights: Dirichlet(1, 1, 1, 1)). Of the mix only its
largest numbers stay, as many as one of the four had, or the rows would be denser than posters are; then it is brought
to length 1. Mixing number by number instead would destroy what posters have in common (the 256 leading directions hold
35 % of the energy instead of 49 %: shared/reference/performance.md section 3). Mixes are harder than life: they lie
between posters.

Row i of a seed is the same however many are made, and in whatever order: a thousand rows are the first thousand of a
million. Cost: about 0.1 ms a row on one core.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.poster_kernels import mix_rows
from index.machine import HALVES
from index.packed import Packed, joined, words_of
from index.records import encode_record

PARENTS = 4
BLOCK = 1_000  # rows made at once: 25 MB of float32 before they are packed
SEED, QUESTION_SEED = 1, 2


@dataclass(frozen=True, slots=True)
class Mixer:
    """Makes rows by number.

    Attributes:
        base: the real posters, four at least. seed: another one makes other rows from the same posters.

    Raises:
        ValueError: fewer than four posters to mix.
    """

    base: Packed
    seed: int = SEED

    def __post_init__(self) -> None:
        if len(self.base) < PARENTS:
            raise ValueError(f"{len(self.base)} posters: a mix takes {PARENTS} different ones, give more")

    def rows(self, first: int, count: int) -> Packed:
        """Rows first, first + 1, .., each of length 1 (in float32; then rounded to float16)."""
        parts = [self._block(at, min(BLOCK, first + count - at)) for at in range(first, first + count, BLOCK)]
        return parts[0] if len(parts) == 1 else joined(parts, self.base.dimension)

    def blocks(self, count: int, size: int = BLOCK) -> Iterator[Packed]:
        """The first `count` rows, `size` at a time."""
        for first in range(0, count, size):
            yield self.rows(first, min(size, count - first))

    def _block(self, first: int, count: int) -> Packed:
        base = self.base
        most = int(np.diff(base.starts).max())
        bitmaps = np.zeros((count, words_of(base.dimension)), np.uint64)
        numbers, counts = np.empty((count, most), np.float32), np.empty(count, np.int64)
        halves = base.values.view(np.uint16)
        mix_rows(self.seed, first, base.bitmaps, halves, base.starts, base.norms, HALVES, bitmaps, numbers, counts)
        kept = np.arange(most) < counts[:, None]
        return packed_rows(base.dimension, bitmaps, numbers[kept].astype(np.float16), counts)


def packed_rows(
    dimension: int, bitmaps: NDArray[np.uint64], values: NDArray[np.float16], counts: NDArray[np.int64]
) -> Packed:
    """Rows as `Packed` keeps them, their lengths computed.

    Args:
        bitmaps, values: as in `Packed`. counts: int64 (n,), numbers of each row, 1 at least.
    """
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    squares = np.square(values, dtype=np.float64)
    norms = np.sqrt(np.add.reduceat(squares, starts[:-1])) if len(counts) else np.empty(0)
    return Packed(dimension, bitmaps, values, starts, norms)


def grown(real: Packed, size: int, seed: int = SEED) -> Packed:
    """The first `size` real posters, and mixes of them all behind where there are too few."""
    kept = real if len(real) <= size else real.taken(np.arange(size))
    if len(kept) == size:
        return kept
    return joined([kept, Mixer(real, seed).rows(0, size - len(kept))], real.dimension)


def records_of(packed: Packed) -> list[bytes]:
    """The rows as the catalog stores them."""
    return [encode_record(row) for row in packed.dense(np.arange(len(packed)))]
