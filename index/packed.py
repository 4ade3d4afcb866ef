"""Vectors that are mostly zeros, packed: which numbers are there, and those numbers in float16.

A poster's 25088 numbers take 8.5 kB instead of 100 kB (10.65 % of them are not zero), and the exact inner product of
two of them looks only at the numbers that both have.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.machine import HALVES, compiled, lowest_one

WORD = 64  # bits of one word of a bitmap


@dataclass(frozen=True, slots=True)
class Packed:
    """Many vectors of d numbers in four arrays, which may be mapped files.

    Attributes:
        dimension: d.
        bitmaps: uint64 (n, ceil(d / 64)): number i is there when bit i % 64 of word i // 64 is set.
        values: float16 (m,): the numbers that are there, row after row, in order; finite, never zero.
        starts: int64 (n + 1,): where the values of each row begin; the last is m.
        norms: float64 (n,): the lengths of the rows, above 0.
    """

    dimension: int
    bitmaps: NDArray[np.uint64]
    values: NDArray[np.float16]
    starts: NDArray[np.int64]
    norms: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.norms)

    def dense(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """These rows as they are, not normalised: a new float32 (len(rows), d)."""
        out = np.zeros((len(rows), self.dimension), np.float32)
        _unpack(rows, self.bitmaps, self.values.view(np.uint16), self.starts, HALVES, out)
        return out

    def row(self, row: int) -> NDArray[np.float32]:
        """One row as it is, not normalised: a new float32 (d,)."""
        return self.dense(np.array([row], np.int64)).reshape(-1)

    def unit(self, row: int) -> NDArray[np.float32]:
        """One row at length 1: a new float32 (d,)."""
        return self.units(np.array([row], np.int64)).reshape(-1)

    def units(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """These rows at length 1: a new float32 (len(rows), d)."""
        out = self.dense(rows)
        out /= self.norms[rows, None].astype(np.float32)
        return out

    def taken(self, rows: NDArray[np.int64]) -> "Packed":
        """These rows in this order, copied."""
        counts = self.starts[rows + 1] - self.starts[rows]
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        values = [self.values[self.starts[row] : self.starts[row + 1]] for row in rows]
        joined = np.concatenate(values) if values else np.empty(0, np.float16)
        return Packed(self.dimension, self.bitmaps[rows], joined, starts, self.norms[rows])

    def part(self, start: int, end: int) -> "Packed":
        """The rows from `start` up to `end`, not copied but for where they start."""
        starts = self.starts[start : end + 1]
        values = self.values[starts[0] : starts[-1]]
        return Packed(self.dimension, self.bitmaps[start:end], values, starts - starts[0], self.norms[start:end])


def words_of(dimension: int) -> int:
    """Words of a bitmap of d bits."""
    return -(-dimension // WORD)


def lengths_of(values: NDArray[np.float16], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The lengths of packed rows, summed in float64: (n,)."""
    lengths = np.empty(len(starts) - 1, np.float64)
    _lengths(values.view(np.uint16), starts, HALVES, lengths)
    return lengths


def joined(parts: Sequence[Packed], dimension: int) -> Packed:
    """Packed rows one behind the other, copied."""
    starts, end = [np.zeros(1, np.int64)], 0
    for part in parts:
        starts.append(part.starts[1:] + end)
        end += int(part.starts[-1])
    empty = np.empty((0, words_of(dimension)), np.uint64)
    return Packed(
        dimension,
        np.concatenate([empty, *(part.bitmaps for part in parts)]),
        np.concatenate([np.empty(0, np.float16), *(part.values for part in parts)]),
        np.concatenate(starts),
        np.concatenate([np.empty(0), *(part.norms for part in parts)]),
    )


@compiled
def _unpack(
    rows: NDArray[np.int64],
    bitmaps: NDArray[np.uint64],
    halves: NDArray[np.uint16],
    starts: NDArray[np.int64],
    table: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    for i in range(len(rows)):
        at = starts[rows[i]]
        words = bitmaps[rows[i]]
        for w in range(len(words)):
            word = words[w]
            while word != 0:
                out[i, w * 64 + np.int64(lowest_one(word))] = table[halves[at]]
                at += 1
                word &= word - np.uint64(1)


@compiled
def _lengths(
    halves: NDArray[np.uint16], starts: NDArray[np.int64], table: NDArray[np.float32], out: NDArray[np.float64]
) -> None:
    for row in range(len(out)):
        total = 0.0
        for at in range(starts[row], starts[row + 1]):
            value = np.float64(table[halves[at]])
            total += value * value
        out[row] = np.sqrt(total)
