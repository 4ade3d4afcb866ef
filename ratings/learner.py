"""A state that is learned epoch by epoch: its start, its penalties, and the check that it stays a number."""

import numpy as np
from numpy.typing import NDArray

from ratings.errors import FitDiverged
from ratings.factors import Factors
from ratings.kernels import Penalties, Rates, State, Stored
from ratings.matrix import RatingsMatrix
from ratings.options import FactorOptions
from ratings.parallel_kernels import counted
from ratings.passes import cores, passes_over, rmse, stored

EXPLODED_RMSE = 100.0  # stars; the scale is 0.5 to 5


class Learner:
    """Owns a state and the ratings it learns from; `done` says how many epochs it has behind it.

    Args:
        chosen: bool (n,), the ratings of the matrix to learn from; None for all.
        scale: least and greatest rating that a prediction may be, in stars.
    """

    def __init__(
        self,
        matrix: RatingsMatrix,
        chosen: NDArray[np.bool_] | None,
        scale: tuple[float, float],
        options: FactorOptions,
    ) -> None:
        self.options, self.done = options, 0
        self._scale = scale
        self._threads = (options.threads or cores()) if len(matrix) >= options.parallel_from else 0
        ratings = stored(matrix, chosen)
        of_users, of_movies = counted(ratings, len(matrix.movie_ids))
        self._passes = passes_over(ratings, len(matrix.movie_ids), options.seed, self._threads)
        self._penalties = penalties_of(of_users, of_movies, options)
        self._state = _start(ratings, of_users, of_movies, options)

    def epoch(self) -> float:
        """Runs the next epoch; the root mean squared error met on the way, in stars.

        Raises:
            FitDiverged: it is not a number, or beyond reason.
        """
        number = self.done + 1
        rate, none = np.float32(self.options.rate(number)), np.float32(0)
        joint = self.options.updates == "joint"
        halves = [Rates(rate, rate)] if joint else [Rates(rate, none), Rates(none, rate)]
        for half, rates in enumerate(halves):
            squared = self._passes.run(self._state, self._penalties, rates, 2 * number + half)
        error = self._checked(float(np.sqrt(squared / len(self._passes))), number)
        self.done = number
        return error

    def error_on(self, ratings: Stored) -> float:
        """Root mean squared error on these, clipped to the scale.

        Raises:
            FitDiverged: it is not a number.
        """
        return self._checked(rmse(ratings, self._state, self._scale, self._threads), self.done)

    def factors(self) -> Factors:
        """What was learned so far, copied.

        Raises:
            FitDiverged: a number in it is not finite.
        """
        if not all(np.isfinite(array).all() for array in self._state[1:]):
            raise FitDiverged(self.done, self.options.learning_rate)
        return Factors.of(self._state, self._scale)

    def _checked(self, error: float, epoch: int) -> float:
        if not error < EXPLODED_RMSE:
            raise FitDiverged(epoch, self.options.learning_rate)
        return error


def penalties_of(of_users: NDArray[np.int64], of_movies: NDArray[np.int64], options: FactorOptions) -> Penalties:
    """`regularization (mean count / count) ** count_exponent` for each user and movie; biases have one for all."""
    biases = options.regularization if options.bias_regularization is None else options.bias_regularization
    users, items = (
        (options.regularization * (_mean_of_rated(counts) / np.maximum(counts, 1)) ** options.count_exponent)
        for counts in (of_users, of_movies)
    )
    return Penalties(users.astype(np.float32), items.astype(np.float32), np.float32(biases))


def _mean_of_rated(counts: NDArray[np.int64]) -> float:
    return float(counts.sum() / max(np.count_nonzero(counts), 1))


def _start(ratings: Stored, of_users: NDArray[np.int64], of_movies: NDArray[np.int64], options: FactorOptions) -> State:
    """Biases 0 and factors drawn; N(0, 1/k) of the article's source is read as a standard deviation of 1/k."""
    draw = np.random.default_rng(options.seed)
    spread = np.float32(1 / options.factors if options.start_spread is None else options.start_spread)
    users, items = (
        spread * draw.standard_normal((len(counts), options.factors), np.float32) * (counts > 0)[:, None]
        for counts in (of_users, of_movies)
    )
    return State(
        np.float32(ratings.stars.mean(dtype=np.float64, where=ratings.chosen)),
        np.zeros(len(of_users), np.float32),
        np.zeros(len(of_movies), np.float32),
        users,
        items,
    )
