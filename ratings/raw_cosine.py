"""Movies compared by their columns of stars, a missing rating counting as none: what the article begins with."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.matrix import RatingsMatrix
from ratings.methods import MOST_STARS
from ratings.tastes import TASTE_POWER


class RawCosine:
    """Cosine of the movies' columns of stars, missing ones as 0; a user's score is that of his movies, added up."""

    def __init__(self, train: RatingsMatrix) -> None:
        columns = train.user_items.astype(np.float64)
        lengths = np.sqrt(np.asarray(columns.multiply(columns).sum(axis=0)).ravel())
        self._unit = csr_matrix(columns.multiply(1 / np.where(lengths > 0, lengths, 1)))
        self._train = train

    def scores(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """float32 (m, n_movies)."""
        liked = self._train.user_items[rows].astype(np.float64)
        liked.data = (liked.data / MOST_STARS) ** TASTE_POWER
        return np.asarray(((liked @ self._unit.T) @ self._unit).toarray(), np.float32)

    @property
    def rows(self) -> NDArray[np.float32]:
        """The unit columns as rows: float32 (n_movies, n_users); for neighbours."""
        return np.asarray(self._unit.T.toarray(), np.float32)
