"""Ratings from habits alone: `mu + b_u + b_i`, what a movie gets and what a user gives more or less than the mean."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ratings.errors import NothingToFit
from ratings.matrix import RatingsMatrix
from ratings.methods import scale_of

DAMPING = (
    5.0  # ratings of exactly the mean that everybody is given first: Ekstrand, Riedl and Konstan 2011, section 2.1
)


@dataclass(frozen=True, slots=True)
class Biases:
    """The bar for any other predictor; think of a user's severity and a movie's fame.

    Attributes:
        mu: mean of all ratings, in stars. scale: least and greatest rating found, in stars.
        user_biases, item_biases: float32 (n_users,) and (n_movies,), in stars; 0 where there is no rating.
    """

    mu: float
    user_biases: NDArray[np.float32]
    item_biases: NDArray[np.float32]
    scale: tuple[float, float]

    def predict(self, rows: NDArray[np.int32], cols: NDArray[np.int32]) -> NDArray[np.float32]:
        """Stars expected at these pairs of user row and movie column: float32 (n,), within the scale."""
        stars = np.float32(self.mu) + self.user_biases[rows] + self.item_biases[cols]
        low, high = self.scale
        clipped: NDArray[np.float32] = np.clip(stars, np.float32(low), np.float32(high))
        return clipped


def fit_biases(train: RatingsMatrix, damping: float = DAMPING) -> Biases:
    """Damped means: a movie's of what is left without mu, then a user's of what is left without mu and the movie's.

    Args:
        train: users x movies, stars.
        damping: ratings of 0 that are added to each mean, >= 0: the fewer ratings, the closer to 0 the bias.

    Raises:
        NothingToFit: no rating at all.
    """
    if not len(train):
        raise NothingToFit("no ratings to learn from; import some")
    rows, cols, stars = train.triples()
    mu = float(stars.mean(dtype=np.float64))
    item_biases = _damped_means(cols, stars - np.float32(mu), len(train.movie_ids), damping)
    user_biases = _damped_means(rows, stars - np.float32(mu) - item_biases[cols], len(train.user_ids), damping)
    return Biases(mu, user_biases, item_biases, scale_of(stars))


def _damped_means(
    places: NDArray[np.int32], left: NDArray[np.float32], size: int, damping: float
) -> NDArray[np.float32]:
    """Sum of what is left over at each place, divided by its count plus `damping`: float32 (size,); 0 where none is."""
    counts = np.bincount(places, minlength=size) + damping
    sums = np.bincount(places, weights=left, minlength=size)
    means: NDArray[np.float64] = np.divide(sums, counts, out=np.zeros(size), where=counts > 0)
    return means.astype(np.float32)
