"""What every method of recommending can do, so that they are measured alike."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

LIKED = 4.0  # stars from which on a movie is liked (performance.md section 5), however generous the user is
MOST_STARS = 5.0  # what a rating can be at most, as the reader accepts it: weights are shares of it


class RatingPredictor(Protocol):
    """Says how many stars a user would give a movie."""

    def predict(self, rows: NDArray[np.int32], cols: NDArray[np.int32]) -> NDArray[np.float32]:
        """Stars expected at these pairs of user row and movie column of the matrix it was fitted to: float32 (n,).

        Within the scale found in that matrix; a user or a movie without ratings there gets what is known without them.
        """


class MovieRanker(Protocol):
    """Says how much a user is drawn to each movie; only the order means something."""

    def scores(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """Affinity of these users of the fitted matrix to every movie: float32 (m, n_movies), greater is better.

        Movies that they have rated have a score like the others: leaving them out is the caller's.
        """


def scale_of(stars: NDArray[np.float32]) -> tuple[float, float]:
    """Least and greatest rating found, in stars."""
    return float(stars.min()), float(stars.max())
