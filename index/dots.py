"""The exact cosine of a question with packed rows: what decides who answers, and in which order.

Sums run in float64 over the numbers that both vectors have, in the order of their positions, so the same two vectors
get the same score whichever of them asks, wherever they stand, and however many are looked at.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from index.errors import DimensionMismatch
from index.machine import HALVES, compiled, lowest_one
from index.packed import WORD, Packed, words_of
from index.scoring import AT_ONCE, Asked, Stored, cosines
from index.vectors import MAX_NORM, MIN_NORM, checked


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


def exact_cosines(question: Question, packed: Packed, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """The cosines of these rows to the question, rounded to float32, within [-1, 1]: (len(rows),).

    Cost: 2.5 to 6 us for each row of a poster (measured on one core of two processors, rows in the cache).

    Args:
        rows: int64 (m,), numbers of rows.
    """
    out = np.empty(len(rows), np.float32)
    cosines(asked(question), stored(packed), rows, out)
    return out


def asked(question: Question) -> Asked:
    """A question as `index.scoring` wants it, with room to work in: for one thread."""
    room = len(question.positions) + AT_ONCE
    return Asked(question.vector, question.bits, question.norm, np.empty(room, np.int64), np.empty(room, np.int64))


def stored(packed: Packed) -> Stored:
    """Packed rows as `index.scoring` wants them."""
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
