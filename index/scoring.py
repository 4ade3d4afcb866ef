"""The machine code of exact scores: one file, since numba keeps each function by the file that it stands in.

Sums run in float64 over the numbers that both vectors have, in the order of their positions.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.machine import LINE, compiled, lowest_one, ones_in, prefetch

AT_ONCE = 4  # common numbers of one word that are taken without asking how many there are: posters have 1.5


class Asked(NamedTuple):
    """A question for machine code; `ours` and `theirs` are room for the places of common numbers."""

    vector: NDArray[np.float32]
    bits: NDArray[np.uint64]
    norm: float
    ours: NDArray[np.int64]
    theirs: NDArray[np.int64]


class Stored(NamedTuple):
    """Packed rows for machine code; `halves` are the bits of the values, `table` every float16 by its bits."""

    bitmaps: NDArray[np.uint64]
    halves: NDArray[np.uint16]
    starts: NDArray[np.int64]
    norms: NDArray[np.float64]
    table: NDArray[np.float32]


@compiled
def cosines(question: Asked, there: Stored, rows: NDArray[np.int64], out: NDArray[np.float32]) -> None:
    """The cosine of each of these rows, int64 (m,), into `out`."""
    for i in range(len(rows)):
        if i + 1 < len(rows):
            _on_its_way(there, rows[i + 1])
        out[i] = _cosine_of(question, there, rows[i])


@compiled
def scored(
    question: Asked,
    there: Stored,
    rows: NDArray[np.int64],
    promised: NDArray[np.float32],
    done: int,
    first: int,
    patience: float,
    scores: NDArray[np.float32],
    best: NDArray[np.float32],
    seen: NDArray[np.float64],
) -> tuple[int, bool]:
    """Goes on scoring; how many are done now, and whether the next promise cannot become one of the k best.

    Args:
        done: rows scored before. first: rows that are scored before anybody asks.
        best: the k best scores so far, rising. seen: sum of what lay above the promises so far, and of its squares.
    """
    for i in range(done, len(rows)):
        if first <= i:
            mean = seen[0] / i
            spread = np.sqrt(max(seen[1] / i - mean * mean, 0.0))
            if promised[i] + mean + patience * spread < best[0]:
                return i, True
        if i + 1 < len(rows):
            _on_its_way(there, rows[i + 1])
        scores[i] = _cosine_of(question, there, rows[i])
        above = np.float64(scores[i]) - np.float64(promised[i])
        seen[0] += above
        seen[1] += above * above
        _put(scores[i], best)
    return len(rows), False


@compiled
def _put(score: np.float32, best: NDArray[np.float32]) -> None:
    """Among the best, which rise, in the place of the least, if it is better."""
    place = 0
    while place < len(best) and score > best[place]:
        if place > 0:
            best[place - 1] = best[place]
        place += 1
    if place > 0:
        best[place - 1] = score


@compiled
def _on_its_way(there: Stored, row: int) -> None:
    """Has a row fetched from memory while another one is multiplied."""
    _fetch_ahead(there.bitmaps[row])
    _fetch_ahead(there.halves[there.starts[row] : there.starts[row + 1]])


@compiled
def _cosine_of(question: Asked, there: Stored, row: int) -> float:
    """The cosine of one row to the question, in float64, within [-1, 1]."""
    common = _common(question.bits, there.bitmaps[row], there.starts[row], question.ours, question.theirs)
    total = 0.0
    for c in range(common):
        value = there.table[there.halves[question.theirs[c]]]
        total += np.float64(question.vector[question.ours[c]]) * np.float64(value)
    cosine = total / (question.norm * there.norms[row])
    return float(min(max(cosine, -1.0), 1.0))


@compiled
def _common(
    bits: NDArray[np.uint64],
    words: NDArray[np.uint64],
    start: int,
    ours: NDArray[np.int64],
    theirs: NDArray[np.int64],
) -> np.int64:
    """Where the numbers are that both have; written four at a time without a branch, which saves two thirds."""
    one = np.uint64(1)
    count = np.int64(0)
    at = np.uint64(start)
    for w in range(len(words)):
        there = words[w]
        both = there & bits[w]
        number = np.int64(ones_in(both))
        for c in range(AT_ONCE):
            lowest = both & (~both + one)
            ours[count + c] = w * 64 + np.int64(lowest_one(both))
            theirs[count + c] = np.int64(at + ones_in(there & (lowest - one)))
            both &= both - one
        for c in range(AT_ONCE, number):
            lowest = both & (~both + one)
            ours[count + c] = w * 64 + np.int64(lowest_one(both))
            theirs[count + c] = np.int64(at + ones_in(there & (lowest - one)))
            both &= both - one
        count += number
        at += ones_in(there)
    return count


@compiled
def _fetch_ahead(numbers: NDArray[Any]) -> None:
    """Has these numbers, contiguous, brought into the cache while something else is worked on."""
    for place in range(0, len(numbers), LINE // numbers.itemsize):
        prefetch(numbers, place)
