"""Exact scores for candidates, the most promising first, until the rest can no longer matter.

How much the exact cosine lies above what the codes promise is much the same for all candidates of one question. It is
measured on those scored so far; once the next promise, with that and some standard deviations on top (the patience),
stays below the k-th best exact score, the rest is left alone. Questions that no fit has seen, recall@10 and candidates
scored on average, at the patience of their number: 2,250 real posters .9992 with 43; 5,000 real and mixed ones .9972
with 67; 10,000 of these 1.000 with 127 (counted once, in the scenes of `benchmarks.search_scene`).
"""

from dataclasses import dataclass
from math import log2

import numpy as np
from numpy.typing import NDArray

from index.dots import Question, asked, stored
from index.packed import Packed
from index.scoring import scored

PATIENCE, MOST_PATIENCE = 3.5, 8.0
_SPARSE = 2_500  # rows up to which the least patience is enough; each doubling puts more of them near the tenth
FIRST = 32  # scored before anybody asks whether that is enough
_FEW = 256  # candidates put into order at first; more only where these are not enough, which is rare


def patience_for(rows: int) -> float:
    """The patience that so many rows need, see above: one more for each doubling."""
    return min(PATIENCE + max(0.0, log2(max(rows, 1) / _SPARSE)), MOST_PATIENCE)


@dataclass(frozen=True, slots=True)
class Promises:
    """What the codes promise of some rows.

    Attributes:
        values: float32 (m,), about the cosine of each; minus infinity for who may not answer.
        rows: int64 (m,), whose they are; None where they are those of all rows in order.
    """

    values: NDArray[np.float32]
    rows: NDArray[np.int64] | None

    def first(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The rows of the `count` greatest promises, int64, and these, falling; fewer where fewer may answer."""
        values = self.values
        behind = max(0, len(values) - count)
        best = np.argpartition(values, behind)[behind:] if behind else np.arange(len(values))
        promised = values[best]
        order = np.argsort(-promised)
        best, promised = best[order], promised[order]
        if promised[-1] == -np.inf:
            best, promised = best[promised > -np.inf], promised[promised > -np.inf]
        return (best if self.rows is None else self.rows[best]), promised


def best_rows(
    question: Question, packed: Packed, promises: Promises, k: int, patience: float, most: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The rows that were scored, int64 (m,), and their exact cosines, float32 (m,); the k best are among them.

    Args:
        k: how many are wanted. patience: standard deviations, see above; infinite scores all candidates.
        most: how many are scored at most.
    """
    scores = np.empty(min(most, len(promises.values)), np.float32)
    ordered = min(most, max(_FEW, 2 * k))
    rows, promised = promises.first(ordered)
    here, there = asked(question), stored(packed)
    best, seen = np.full(k, -np.inf, np.float32), np.zeros(2)
    first, done = max(FIRST, k + k // 2), 0
    while True:
        done, enough = scored(here, there, rows, promised, done, first, patience, scores, best, seen)
        if enough or len(rows) < ordered or ordered >= len(scores):
            return rows[:done], scores[:done]
        ordered = min(4 * ordered, most)
        rows, promised = _continued(promises, rows, promised, ordered)


def _continued(
    promises: Promises, rows: NDArray[np.int64], promised: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """At most `count` rows with their promises, those that were scored already before the others.

    Where promises are equal, those scored already need not be among the `count` greatest as they are found now.
    """
    more, more_promised = promises.first(count)
    new = ~np.isin(more, rows)
    together = np.concatenate([rows, more[new]]), np.concatenate([promised, more_promised[new]])
    return together[0][:count], together[1][:count]
