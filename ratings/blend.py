"""Several predictors at once, each with the weight it earned on ratings that it had not seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from ratings.matrix import RatingsMatrix
from ratings.methods import RatingPredictor, scale_of
from ratings.splits import share_per_user

Fit = Callable[[RatingsMatrix], RatingPredictor]
HELD_OUT = 0.1  # share of each user's ratings that the weights are learned from


@dataclass(frozen=True, slots=True)
class Blend:
    """A weighted sum of what the parts predict beyond mu; a rating predictor.

    Attributes:
        mu: mean of all ratings, in stars. weights: one a part, at least 0. scale: least and greatest rating found.
    """

    parts: tuple[RatingPredictor, ...]
    weights: NDArray[np.float64]
    mu: float
    scale: tuple[float, float]

    def predict(self, rows: NDArray[np.int32], cols: NDArray[np.int32]) -> NDArray[np.float32]:
        """Stars expected at these pairs of user row and movie column: float32 (n,), within the scale."""
        stars = self.mu + _beyond(self.parts, rows, cols, self.mu) @ self.weights
        return np.clip(stars, *self.scale).astype(np.float32)


def fit_blend(train: RatingsMatrix, fits: Sequence[Fit], seed: int) -> Blend:
    """Fits each part twice: to nine tenths, to learn the weights (non-negative least squares) on the rest, and to all.

    Where nothing can be held out, as with users of a few ratings each, all parts weigh the same.

    Raises:
        RatingsError: a part cannot be fitted.
    """
    stars = train.user_items.data
    mu = float(stars.mean(dtype=np.float64)) if len(train) else 0.0
    split = share_per_user(train, HELD_OUT, seed)
    weights = np.full(len(fits), 1 / len(fits))
    if len(split.test):
        rows, cols, held_out = split.test.triples()
        found, _ = nnls(_beyond([fit(split.train) for fit in fits], rows, cols, mu), held_out - np.float64(mu))
        weights = found if found.any() else weights
    return Blend(tuple(fit(train) for fit in fits), weights, mu, scale_of(stars))


def _beyond(
    parts: Sequence[RatingPredictor], rows: NDArray[np.int32], cols: NDArray[np.int32], mu: float
) -> NDArray[np.float64]:
    """What each part predicts, less mu: float64 (n, parts)."""
    return np.stack([part.predict(rows, cols).astype(np.float64) - mu for part in parts], axis=1)
