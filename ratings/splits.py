"""Which ratings are held out; seeded. Both sides keep the users and movies of the whole, in the same places."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.matrix import RatingsMatrix


@dataclass(frozen=True, slots=True)
class Split:
    """Ratings to learn from and ratings to be measured on: of one shape, with the same ids, no rating in both."""

    train: RatingsMatrix
    test: RatingsMatrix


def validation_split(n: int, share: float, seed: int) -> NDArray[np.bool_]:
    """True for the ratings held out: bool (n,), at least one, never all, chosen at random from this seed."""
    count = min(max(1, round(share * n)), n - 1)
    chosen = np.random.default_rng([seed, n]).choice(n, size=count, replace=False)
    held_out = np.zeros(n, dtype=bool)
    held_out[chosen] = True
    return held_out


def share_per_user(matrix: RatingsMatrix, share: float, seed: int) -> Split:
    """Holds out this share of each user's ratings, rounded down: a user of four keeps all at a share of .2."""
    return _held_out(matrix, (matrix.ratings_per_user * share).astype(np.int64), seed)


def count_per_user(matrix: RatingsMatrix, count: int, seed: int) -> Split:
    """Holds out `count` different ratings of each user, as the article does, yet never more than half of them."""
    return _held_out(matrix, np.minimum(count, matrix.ratings_per_user // 2), seed)


def folds(matrix: RatingsMatrix, k: int, seed: int) -> Iterator[Split]:
    """`k` splits of about equal size; every rating is in the test side of exactly one.

    Raises:
        ValueError: fewer than two folds, or more folds than ratings.
    """
    if not 2 <= k <= len(matrix):
        raise ValueError(f"{k} folds of {len(matrix)} ratings: take 2 to {len(matrix)}")
    fold_of = np.random.default_rng([seed, k]).permutation(len(matrix)) % k
    for fold in range(k):
        yield parted(matrix, fold_of == fold)


def parted(matrix: RatingsMatrix, held_out: NDArray[np.bool_]) -> Split:
    """The split that holds these ratings out: bool (n,), in the order of the matrix's stored ratings."""
    return Split(_kept(matrix, ~held_out), _kept(matrix, held_out))


def _held_out(matrix: RatingsMatrix, counts: NDArray[np.int64], seed: int) -> Split:
    """Draws a number for every rating and holds out, of each user, the ratings with the least."""
    rows = matrix.triples()[0]
    order = np.lexsort((np.random.default_rng(seed).random(len(matrix)), rows))
    place = np.arange(len(matrix)) - matrix.user_items.indptr[rows[order]]  # among the ratings of the same user
    held_out = np.zeros(len(matrix), dtype=bool)
    held_out[order] = place < counts[rows[order]]
    return parted(matrix, held_out)


def _kept(matrix: RatingsMatrix, kept: NDArray[np.bool_]) -> RatingsMatrix:
    whole = matrix.user_items
    row_ends = np.append(0, np.cumsum(kept))[whole.indptr]
    part = csr_matrix((whole.data[kept], whole.indices[kept], row_ends), shape=whole.shape)
    return RatingsMatrix(part, matrix.user_ids, matrix.movie_ids)
