"""Other ways to search the same rows, to know why ours is the one: all of them score their candidates exactly.

Both are from shared/reference/performance.md section 3: leading principal directions in float32 in a FAISS index, and
inverted lists of which only those of the question's largest numbers are walked, which need no fit.
"""

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.search_truth import K
from index.dots import Question, exact_cosines
from index.machine import HALVES, loosely_compiled, lowest_one
from index.packed import Packed

SPARE, ROUNDS = 32, 8  # of subspace iteration (Halko, Martinsson, Tropp 2011): the energy held is right to 1e-4


def best_of(question: Question, packed: Packed, candidates: NDArray[np.int64]) -> NDArray[np.int64]:
    """The ten candidates with the greatest exact cosine, best first."""
    scores = exact_cosines(question, packed, candidates)
    return candidates[np.argsort(-scores, kind="stable")[:K]]


def leading(gram: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """The k leading eigenvectors of a symmetric float32 (n, n), by subspace iteration: float32 (n, k)."""
    start = np.random.default_rng(0).standard_normal((len(gram), min(k + SPARE, len(gram))), np.float32)
    basis = np.linalg.qr(gram @ start)[0]
    for _ in range(ROUNDS):
        basis = np.linalg.qr(gram @ basis)[0]
    vectors = np.linalg.eigh(basis.T @ gram @ basis)[1]
    found: NDArray[np.float32] = (basis @ vectors[:, ::-1][:, :k]).astype(np.float32)
    return found


@dataclass(frozen=True, slots=True)
class DirectionsWay:
    """`IndexFlatIP` over coordinates in float32 principal directions, then exact re-ranking of the best.

    Attributes:
        packed: the rows. directions: float32 (d, k). index: FAISS, over the coordinates of the rows.
    """

    packed: Packed
    directions: NDArray[np.float32]
    index: Any

    @classmethod
    def fitted(cls, packed: Packed, k: int) -> "DirectionsWay":
        """Fits k uncentred directions on all rows, as float32 (n, d) in memory: eigenvectors of their Gram matrix."""
        units = packed.units(np.arange(len(packed)))
        directions = np.ascontiguousarray(units.T @ leading(units @ units.T, k))
        directions /= np.linalg.norm(directions, axis=0)
        index = faiss.IndexFlatIP(k)
        index.add(units @ directions)
        return cls(packed, directions, index)

    def ask(self, vector: NDArray[np.float32], reranked: int) -> NDArray[np.int64]:
        """Ten rows, best first."""
        question = Question.of(vector, self.packed)
        coordinates = np.zeros((1, self.directions.shape[1]), np.float32)
        _project(question.positions, question.vector, self.directions, coordinates[0])
        return best_of(question, self.packed, self.index.search(coordinates, reranked)[1][0])


@dataclass(frozen=True, slots=True)
class ListsWay:
    """For each of the d numbers the rows that have it, with their values at length 1; no fit.

    Attributes:
        packed: the rows. rows: int32 (m,), values: float32 (m,), starts: int64 (d + 1,).
    """

    packed: Packed
    rows: NDArray[np.int32]
    values: NDArray[np.float32]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, packed: Packed) -> "ListsWay":
        """Turns rows into lists."""
        counts, total = np.zeros(packed.dimension + 1, np.int64), len(packed.values)
        rows, values = np.empty(total, np.int32), np.empty(total, np.float32)
        _turn(packed.bitmaps, packed.values.view(np.uint16), packed.norms, HALVES, counts, rows, values)
        return cls(packed, rows, values, counts)

    def ask(self, vector: NDArray[np.float32], walked: int, reranked: int) -> NDArray[np.int64]:
        """Ten rows, best first; only the lists of the question's `walked` largest numbers are walked."""
        question = Question.of(vector, self.packed)
        positions = question.positions
        if len(positions) > walked:
            largest = np.argpartition(-question.vector[positions], walked)[:walked]
            positions = positions[largest]
        promised = np.zeros(len(self.packed), np.float32)
        _walk(positions, question.vector, self.starts, self.rows, self.values, promised)
        reranked = min(reranked, len(promised))
        return best_of(question, self.packed, np.argpartition(-promised, reranked - 1)[:reranked])


@loosely_compiled
def _project(
    positions: NDArray[np.int64],
    vector: NDArray[np.float32],
    directions: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    for at in range(len(positions)):
        row, weight = directions[positions[at]], vector[positions[at]]
        for j in range(len(out)):
            out[j] += weight * row[j]


@loosely_compiled
def _walk(
    positions: NDArray[np.int64],
    vector: NDArray[np.float32],
    starts: NDArray[np.int64],
    rows: NDArray[np.int32],
    values: NDArray[np.float32],
    promised: NDArray[np.float32],
) -> None:
    for at in range(len(positions)):
        position = positions[at]
        weight = vector[position]
        for i in range(starts[position], starts[position + 1]):
            promised[rows[i]] += weight * values[i]


@loosely_compiled
def _turn(
    bitmaps: NDArray[np.uint64],
    halves: NDArray[np.uint16],
    norms: NDArray[np.float64],
    table: NDArray[np.float32],
    starts: NDArray[np.int64],
    rows: NDArray[np.int32],
    values: NDArray[np.float32],
) -> None:
    """Counts the numbers of each position, then puts every row's numbers where they belong."""
    for filling in (False, True):
        at = 0
        for row in range(len(bitmaps)):
            for w in range(bitmaps.shape[1]):
                word = bitmaps[row, w]
                while word != 0:
                    position = w * 64 + np.int64(lowest_one(word))
                    if filling:
                        place = starts[position]
                        rows[place], values[place] = row, np.float32(np.float64(table[halves[at]]) / norms[row])
                    starts[position + (0 if filling else 1)] += 1
                    at += 1
                    word &= word - np.uint64(1)
        if not filling:
            for list_number in range(1, len(starts)):
                starts[list_number] += starts[list_number - 1]
    for list_number in range(len(starts) - 1, 0, -1):  # every start has moved to its end
        starts[list_number] = starts[list_number - 1]
    starts[0] = 0
