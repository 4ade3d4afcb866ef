"""What neighbour lists are made of: do genres agree, are the movies known, are they always the same?"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ASKED = 3000  # the most-rated movies are asked for their neighbours; performance.md section 5
LISTED = 10  # neighbours of each
CELLS_AT_ONCE = 1 << 22  # asked x movies compared together, 16 bytes each: 67 MB


@dataclass(frozen=True, slots=True)
class NeighbourQuality:
    """Figures of many neighbour lists.

    Attributes:
        jaccard: float64 (n,), in [0, 1]: of each list, the mean share of genres that its movies have in common with
            the movie asked for; lists where genres are unknown are left out.
        median_ratings: of all neighbours listed, training ratings of the one in the middle.
        different: different movies in all lists. asked: number of lists.
    """

    jaccard: NDArray[np.float64]
    median_ratings: float
    different: int
    asked: int

    @property
    def mean_jaccard(self) -> float:
        """Genre Jaccard as it is quoted; NaN where no genres are known."""
        return float(self.jaccard.mean()) if len(self.jaccard) else float("nan")


def most_rated(n_ratings: NDArray[np.int64], count: int = ASKED) -> NDArray[np.int32]:
    """Columns of the movies with most ratings, the most first, none without: int32 (m,), m <= count."""
    order = np.argsort(-n_ratings, kind="stable")[:count]
    return order[n_ratings[order] > 0].astype(np.int32)


def nearest(
    vectors: NDArray[np.float32], asked: NDArray[np.int32], k: int = LISTED, debias: float = 0.0
) -> NDArray[np.int32]:
    """Columns of the k nearest of each movie asked for, by inner product, itself left out: int32 (m, k); -1 is none.

    The score is `q . v_i / |v_i|^debias`: 0 is the inner product, 1 ranks as the cosine. A movie with a zero vector has
    no neighbours and is nobody's.

    Args:
        vectors: float32 (n_movies, d). asked: (m,), columns.

    Memory: `CELLS_AT_ONCE` x 16 bytes, and a copy of the vectors.
    """
    lengths = np.asarray(np.linalg.norm(vectors, axis=1), np.float32)
    divided = np.where(lengths > 0, lengths, 1)[:, None] ** np.float32(debias)
    scaled = np.asarray(vectors / divided, np.float32)
    k, block = min(k, len(vectors)), max(1, CELLS_AT_ONCE // max(1, len(vectors)))
    found = np.full((len(asked), k), -1, np.int32)
    for start in range(0, len(asked), block):
        some = asked[start : start + block]
        scores: NDArray[np.float32] = vectors[some] @ scaled.T
        scores[:, lengths == 0] = -np.inf
        scores[lengths[some] == 0] = -np.inf
        scores[np.arange(len(some)), some] = -np.inf
        found[start : start + block] = _best(scores, k)
    return found


def neighbour_quality(
    asked: NDArray[np.int32],
    lists: NDArray[np.int32],
    genres: Sequence[Set[str]],
    n_ratings: NDArray[np.int64],
) -> NeighbourQuality:
    """Measures the lists.

    Args:
        asked: (m,), columns. lists: (m, k), columns of neighbours, -1 for none.
        genres: of each column, empty where they are unknown. n_ratings: int64 (n_movies,), training ratings.
    """
    rows, places = np.nonzero(lists >= 0)
    listed = lists[rows, places]
    shares = _jaccard(_marked(genres), asked[rows], listed)
    known = ~np.isnan(shares)
    counts = np.bincount(rows[known], minlength=len(asked))
    sums = np.bincount(rows[known], weights=shares[known], minlength=len(asked))
    median = float(np.median(n_ratings[listed])) if len(listed) else 0.0
    return NeighbourQuality(sums[counts > 0] / counts[counts > 0], median, len(np.unique(listed)), len(asked))


def _best(scores: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    found = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    values = np.take_along_axis(scores, found, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    best = np.where(np.isneginf(values), -1, found)
    return np.take_along_axis(best, order, axis=1).astype(np.int32)


def _marked(genres: Sequence[Set[str]]) -> NDArray[np.bool_]:
    """True where a movie is of a genre: (n_movies, n_genres)."""
    names = {name: place for place, name in enumerate(sorted(set().union(*genres)))}
    marked = np.zeros((len(genres), len(names)), bool)
    for row, own in enumerate(genres):
        marked[row, [names[name] for name in own]] = True
    return marked


def _jaccard(marked: NDArray[np.bool_], one: NDArray[np.int32], other: NDArray[np.int32]) -> NDArray[np.float64]:
    """Genres in common over genres of either: float64 (n,); NaN where one of the two has none."""
    both = (marked[one] & marked[other]).sum(axis=1)
    either = (marked[one] | marked[other]).sum(axis=1)
    known = marked.sum(axis=1) > 0
    shares: NDArray[np.float64] = np.where(known[one] & known[other], both / np.maximum(either, 1), np.nan)
    return shares
