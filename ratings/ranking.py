"""How well lists of unseen movies are ordered: NDCG, recall, reciprocal rank, and what the lists are made of.

A movie is liked from four stars on. Users count who rated a movie in `train` and like one in `test`; what they rated in
`train` is left out of their list, every other movie of the matrix is in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.errors import NothingToFit
from ratings.methods import LIKED, MovieRanker
from ratings.metrics import NotANumber
from ratings.splits import Split

SHOWN = 10  # length of a list as one sees it: NDCG@10, coverage and popularity are of it
RECALLED = 20  # recall@20
CELLS_AT_ONCE = 1 << 22  # users x movies ranked together, about 20 bytes each: 85 MB and what the method needs


@dataclass(frozen=True, slots=True)
class Rankings:
    """What became of every counted user's list.

    Attributes:
        ndcg: float64 (n,), in [0, 1]: NDCG@10, a gain of 1 for a liked movie, over that of the best list possible.
        recall: float64 (n,), in [0, 1]: liked movies among the first 20, over min(20, liked in `test`).
        reciprocal_rank: float64 (n,), in (0, 1]: 1 / place of the first liked movie in the whole list; its mean is MRR.
        popularity: float64 (n,): training ratings of the movies in the first ten, on average.
        shown: int64 (n_movies,): in how many first tens each movie is.
    """

    ndcg: NDArray[np.float64]
    recall: NDArray[np.float64]
    reciprocal_rank: NDArray[np.float64]
    popularity: NDArray[np.float64]
    shown: NDArray[np.int64]

    @property
    def coverage(self) -> int:
        """Different movies in all first tens."""
        return int(np.count_nonzero(self.shown))

    @property
    def coverage_share(self) -> float:
        """The same as a share of all movies of the matrix, in [0, 1]."""
        return self.coverage / len(self.shown)


def rank_unseen(ranker: MovieRanker, split: Split) -> Rankings:
    """The lists of all counted users, in blocks.

    Equal scores are put in one random order, the same for everybody and every time: the order of the ids would be
    a ranking of its own, since old movies, whose ids are small, are known better.

    Raises:
        NothingToFit: no user counts. NotANumber: the method gave a score of NaN.

    Memory: `CELLS_AT_ONCE` x 20 bytes with the scores (17 measured), or those of one user where he has more cells.
    """
    liked = _only_liked(split.test.user_items)
    counted = (np.diff(liked.indptr) > 0) & (split.train.ratings_per_user > 0)
    rows = np.flatnonzero(counted).astype(np.int32)
    if not len(rows):
        raise NothingToFit("nobody has a rating to learn from and a liked movie held out; give more ratings per user")
    n_movies = liked.shape[1]
    block, ties = max(1, CELLS_AT_ONCE // n_movies), np.random.default_rng(0).permutation(n_movies)
    shown = np.zeros(n_movies, np.int64)
    parts = [
        _Lists(_keys(ranker, split.train.user_items, some, ties), liked[some]).measured(split.train.n_ratings, shown)
        for some in _runs(rows, block)
    ]
    ndcg, recall, reciprocal_rank, popularity = np.concatenate(parts, axis=1)
    return Rankings(ndcg, recall, reciprocal_rank, popularity, shown)


def _only_liked(user_items: csr_matrix) -> csr_matrix:
    kept = user_items.data >= LIKED
    row_ends = np.append(0, np.cumsum(kept))[user_items.indptr]
    return csr_matrix((np.ones(kept.sum(), bool), user_items.indices[kept], row_ends), shape=user_items.shape)


def _runs(rows: NDArray[np.int32], size: int) -> Iterator[NDArray[np.int32]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _keys(ranker: MovieRanker, seen: csr_matrix, rows: NDArray[np.int32], ties: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whole numbers that sort as the scores do, none twice in a row: int64 (m, n_movies); -1 for a seen movie.

    The bits of a float32 sort as it does once those below zero are turned over; the place among equals comes behind.
    """
    scores = np.asarray(ranker.scores(rows), np.float32) + np.float32(0)  # -0 becomes 0: equal to it, but not in bits
    if bad := int(np.isnan(scores).sum()):
        raise NotANumber("scores", bad)
    bits = scores.view(np.int32)
    keys = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits).astype(np.int64)
    keys += 1 << 31
    keys <<= 31
    keys |= ties
    keys[seen[rows].nonzero()] = -1
    return keys


class _Lists:
    """The lists of some users: their keys, and which movies they like."""

    def __init__(self, keys: NDArray[np.int64], liked: csr_matrix) -> None:
        self._keys, self._liked, self._n_liked = keys, liked.toarray(), np.diff(liked.indptr)

    def measured(self, n_ratings: NDArray[np.int64], shown: NDArray[np.int64]) -> NDArray[np.float64]:
        """NDCG, recall, reciprocal rank and popularity: float64 (4, m); what is shown is counted in `shown`."""
        first = self._first(RECALLED)
        there = np.take_along_axis(self._keys, first, axis=1) >= 0  # a list may be shorter than 20
        hits = np.take_along_axis(self._liked, first, axis=1) & there
        top, listed = first[:, :SHOWN], there[:, :SHOWN]
        np.add.at(shown, top[listed], 1)
        popularity = (n_ratings[top] * listed).sum(axis=1) / listed.sum(axis=1)
        recall = hits.sum(axis=1) / np.minimum(RECALLED, self._n_liked)
        return np.stack([self._ndcg(hits[:, :SHOWN]), recall, self._reciprocal_rank(), popularity])

    def _first(self, count: int) -> NDArray[np.int64]:
        """Columns of the greatest keys, the greatest first: (m, count or n_movies)."""
        count = min(count, self._keys.shape[1])
        found = np.argpartition(self._keys, -count, axis=1)[:, -count:]
        order = np.argsort(-np.take_along_axis(self._keys, found, axis=1), axis=1)
        return np.take_along_axis(found, order, axis=1)

    def _ndcg(self, hits: NDArray[np.bool_]) -> NDArray[np.float64]:
        discounts = 1 / np.log2(np.arange(2, SHOWN + 2))
        ideal = np.cumsum(discounts)[np.minimum(SHOWN, self._n_liked) - 1]
        gained: NDArray[np.float64] = hits @ discounts[: hits.shape[1]] / ideal
        return gained

    def _reciprocal_rank(self) -> NDArray[np.float64]:
        best = np.where(self._liked, self._keys, -1).max(axis=1)
        reciprocal: NDArray[np.float64] = 1 / (1 + (self._keys > best[:, None]).sum(axis=1))
        return reciprocal
