"""Explicit factors: `mu + b_u + b_i + x_u . y_i`."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ratings.kernels import State, predicted


@dataclass(slots=True)
class Factors:
    """Biases and factors in the rows of one matrix; a rating predictor.

    Attributes:
        mu: mean of all ratings, in stars. scale: least and greatest rating found, in stars.
        user_biases, item_biases: float32 (n,), in stars. user_factors, item_factors: float32 (n, factors), not
            normalised. A user or a movie without ratings has zeros.
    """

    mu: float
    user_biases: NDArray[np.float32]
    item_biases: NDArray[np.float32]
    user_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]
    scale: tuple[float, float]

    @classmethod
    def of(cls, state: State, scale: tuple[float, float]) -> Self:
        """Copies of what was learned."""
        _, user_biases, item_biases, user_factors, item_factors = state
        copies = user_biases.copy(), item_biases.copy(), user_factors.copy(), item_factors.copy()
        return cls(float(state.mu), *copies, scale)

    def arrays(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """The four arrays in the kernels' order."""
        return self.user_biases, self.item_biases, self.user_factors, self.item_factors

    def predict(self, rows: NDArray[np.int32], cols: NDArray[np.int32]) -> NDArray[np.float32]:
        """Stars expected at these pairs of user row and movie column: float32 (n,), within the scale.

        Raises:
            IndexError: a row or a column that is not there.
        """
        _check(rows, len(self.user_biases), "user row")
        _check(cols, len(self.item_biases), "movie column")
        state = State(np.float32(self.mu), *self.arrays())
        low, high = map(np.float32, self.scale)
        return predicted(np.asarray(rows, np.int32), np.asarray(cols, np.int32), state, low, high)

    def scores(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """Stars expected of every movie, not clipped, so that the best are told apart: float32 (m, n_movies)."""
        affinities: NDArray[np.float32] = self.user_factors[rows] @ self.item_factors.T
        affinities += self.item_biases
        affinities += np.float32(self.mu) + self.user_biases[rows, None]
        return affinities


def _check(places: NDArray[np.int32], size: int, what: str) -> None:
    """The kernel does not look: a place beyond the end would read memory that is not ours."""
    if len(places) and not 0 <= int(places.min()) <= int(places.max()) < size:
        raise IndexError(f"{what} {int(places.min())} to {int(places.max())} asked for; there are 0 to {size - 1}")
