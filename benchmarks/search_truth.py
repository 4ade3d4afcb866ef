"""The right answers, by looking at everything: products with every row, block by block."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

K = 10
KEPT = 32  # of each question, so that rows that tie with the tenth are known too
SAME = 1e-7  # two cosines this close are one: float32 tells no finer


class BruteForce:
    """The nearest rows of many questions; think of a list of the best for each, that blocks of rows are shown to.

    Args:
        questions: float32 (m, d) of length 1.
        dtype: of the products; float64 for a few thousand rows, float32 beyond (twice as fast, errors under 1e-6).
        own: int64 (m,), the id of the movie that each question is: it never answers itself. None where they are none.
    """

    def __init__(
        self,
        questions: NDArray[np.float32],
        dtype: type[np.floating[Any]] = np.float64,
        own: NDArray[np.int64] | None = None,
    ) -> None:
        self._questions = questions.astype(dtype)
        self._own = np.full(len(questions), -1, np.int64) if own is None else own
        self._ids = np.full((len(questions), KEPT), -1, np.int64)
        self._scores = np.full((len(questions), KEPT), -np.inf)

    def see(self, movie_ids: NDArray[np.int64], units: NDArray[np.float32]) -> None:
        """Takes a block of rows into account: int64 (r,), float32 (r, d) of length 1."""
        seen = self._questions @ units.astype(self._questions.dtype, copy=False).T
        seen[self._own[:, None] == movie_ids] = -np.inf
        scores = np.concatenate([self._scores, seen], axis=1)
        ids = np.concatenate([self._ids, np.broadcast_to(movie_ids, seen.shape)], axis=1)
        best = np.argpartition(-scores, KEPT - 1, axis=1)[:, :KEPT]
        self._scores, self._ids = np.take_along_axis(scores, best, 1), np.take_along_axis(ids, best, 1)

    def right(self, question: int) -> frozenset[int]:
        """The ids that may stand among the ten best of a question: those, and what ties with the tenth."""
        scores = self._scores[question]
        tenth = np.sort(scores)[-K]
        return frozenset(self._ids[question][(scores >= tenth - SAME) & (scores > -np.inf)].tolist())

    def recall(self, answers: Sequence[Sequence[int]]) -> float:
        """The share of ten that was found, the mean of all questions; `answers` are ids, ten for each question."""
        if len(answers) != len(self._ids):
            raise ValueError(f"{len(answers)} answers to {len(self._ids)} questions")
        wanted = min(K, int((self._scores[0] > -np.inf).sum())) if answers else 0
        hits = [len(self.right(i).intersection(found[:K])) for i, found in enumerate(answers)]
        return float(np.mean(hits)) / wanted if wanted else float("nan")
