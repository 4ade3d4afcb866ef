"""The exact cosine of a question with packed rows: what decides who answers, and in which order.

Sums run in float64 over the numbers that both vectors have, in the order of their positions, so the same two vectors
get the same score whichever of them asks, wherever they stand, and however many are looked at.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.errors import DimensionMismatch
from index.machine import HALVES, compiled, fetch_ahead, lowest_one, ones_in
from index.packed import WORD, Packed, words_of
from index.vectors import MAX_NORM, MIN_NORM, checked

AT_ONCE = 4  # common numbers of one word that are taken without asking how many there are: posters have 1.5


@dataclass(frozen=True, slots=True)
class Question:
    """A vector to search by, made ready once.

    Attributes:
        vector: float32 (d rounded up to whole words,), of any length above 0, zeros behind d.
        bits: uint64 (words,), where it is not zero, as in `Packed.bitmaps`.
        positions: int64 (m,), the same as numbers, ascending.
        norm: its length.
    """

    vector: NDArray[np.float32]
    bits: NDArray[np.uint64]
    positions: NDArray[np.int64]
    norm: float

    @classmethod
    def of(cls, vector: NDArray[np.float32], packed: Packed) -> "Question":
        """A vector, float32 (d,), as a question to these rows.

        Raises:
            DimensionMismatch: of another space. NotFinite, ZeroVector, OutOfRange: not a vector to search by.
        """
        if vector.shape != (packed.dimension,):
            raise DimensionMismatch(packed.dimension, vector.shape, "question to packed vectors")
        if vector.dtype != np.float32:
            raise DimensionMismatch("float32", vector.dtype, "question to packed vectors")
        padded = _padded(vector)
        bits = np.empty(len(padded) // WORD, np.uint64)
        positions = np.empty(len(padded) + 1, np.int64)
        count, norm = _look_through(padded, bits, positions)
        if not MIN_NORM < norm < MAX_NORM:
            checked(vector)  # says what is wrong with it
        return cls(padded, bits, positions[:count], norm)

    @classmethod
    def of_row(cls, packed: Packed, row: int) -> "Question":
        """A stored row as a question."""
        return cls.of(packed.row(row), packed)


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


def exact_cosines(question: Question, packed: Packed, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """The cosines of these rows to the question, rounded to float32, within [-1, 1]: (len(rows),).

    Cost: 2.5 to 6 us for each row of a poster (measured on one core of two processors, rows in the cache).

    Args:
        rows: int64 (m,), numbers of rows.
    """
    out = np.empty(len(rows), np.float32)
    _cosines(asked(question), stored(packed), rows, out)
    return out


def asked(question: Question) -> Asked:
    """A question as `cosine_of` wants it, with room to work in: for one thread."""
    room = len(question.positions) + AT_ONCE
    return Asked(question.vector, question.bits, question.norm, np.empty(room, np.int64), np.empty(room, np.int64))


def stored(packed: Packed) -> Stored:
    """Packed rows as `cosine_of` wants them."""
    return Stored(packed.bitmaps, packed.values.view(np.uint16), packed.starts, packed.norms, HALVES)


def cosines_of_pairs(packed: Packed, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float32]:
    """The cosine of row `left[i]` to row `right[i]`, as `exact_cosines` gives it: float32 (m,).

    Cost: as `exact_cosines` where equal numbers of `left` stand together; each change makes one row ready, 10 us.

    Args:
        left, right: int64 (m,), numbers of rows.
    """
    out = np.empty(len(left), np.float32)
    ends = np.flatnonzero(np.diff(left)) + 1
    bounds = [0, *ends.tolist(), len(left)] if len(left) else [0]
    for start, end in pairwise(bounds):
        question = Question.of_row(packed, int(left[start]))
        out[start:end] = exact_cosines(question, packed, right[start:end])
    return out


def _padded(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vector in whole words; itself where it is already."""
    if vector.dtype == np.float32 and len(vector) % WORD == 0:
        return np.ascontiguousarray(vector)
    padded = np.zeros(WORD * words_of(len(vector)), np.float32)
    padded[: len(vector)] = vector
    return padded


@compiled
def _look_through(
    vector: NDArray[np.float32], bits: NDArray[np.uint64], positions: NDArray[np.int64]
) -> tuple[np.int64, float]:
    count = np.int64(0)
    total = 0.0
    for w in range(len(bits)):
        word = np.uint64(0)
        for b in range(64):  # compared many at once: nobody can guess where a poster's zeros lie
            word |= np.uint64(vector[w * 64 + b] != 0) << np.uint64(b)
        bits[w] = word
        while word != 0:
            place = w * 64 + np.int64(lowest_one(word))
            positions[count] = place
            count += 1
            value = np.float64(vector[place])
            total += value * value
            word &= word - np.uint64(1)
    return count, np.sqrt(total)


@compiled
def _cosines(question: Asked, there: Stored, rows: NDArray[np.int64], out: NDArray[np.float32]) -> None:
    for i in range(len(rows)):
        if i + 1 < len(rows):
            on_its_way(there, rows[i + 1])
        out[i] = cosine_of(question, there, rows[i])


@compiled
def on_its_way(there: Stored, row: int) -> None:
    """Has a row fetched from memory while another one is multiplied."""
    fetch_ahead(there.bitmaps[row])
    fetch_ahead(there.halves[there.starts[row] : there.starts[row + 1]])


@compiled
def cosine_of(question: Asked, there: Stored, row: int) -> float:
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
