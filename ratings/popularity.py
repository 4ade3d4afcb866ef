"""What needs no taste: the mean for every rating, the best-known movies for everybody. The bars to be above."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ratings.errors import NothingToFit
from ratings.matrix import RatingsMatrix


@dataclass(frozen=True, slots=True)
class GlobalMean:
    """The same number of stars for every pair; `mu` is the mean of all ratings, in stars."""

    mu: float

    def predict(self, rows: NDArray[np.int32], cols: NDArray[np.int32]) -> NDArray[np.float32]:
        """`mu` for each pair: float32 (n,)."""
        return np.full(len(rows), self.mu, np.float32)


@dataclass(frozen=True, slots=True)
class Popularity:
    """The same order for everybody; `counts` float32 (n_movies,), ratings that speak for each movie."""

    counts: NDArray[np.float32]

    def scores(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """The counts, once for each user: float32 (m, n_movies)."""
        return np.tile(self.counts, (len(rows), 1))


def fit_global_mean(train: RatingsMatrix) -> GlobalMean:
    """The mean of the training ratings.

    Raises:
        NothingToFit: there are none.
    """
    _refuse_empty(train)
    return GlobalMean(float(train.user_items.data.mean(dtype=np.float64)))


def fit_popularity(train: RatingsMatrix, least_stars: float = 0.0) -> Popularity:
    """Counts the ratings of each movie that have this many stars or more.

    Raises:
        NothingToFit: there are no ratings.
    """
    _refuse_empty(train)
    _, cols, stars = train.triples()
    counts = np.bincount(cols[stars >= least_stars], minlength=len(train.movie_ids))
    return Popularity(counts.astype(np.float32))


def _refuse_empty(train: RatingsMatrix) -> None:
    if not len(train):
        raise NothingToFit("no ratings to learn from; import some")
