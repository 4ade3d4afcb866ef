"""How far predicted stars are from given ones, kept by user, so that users can be drawn again for intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ratings.errors import NothingToFit, RatingsError
from ratings.matrix import RatingsMatrix
from ratings.methods import RatingPredictor

PAIRS_AT_ONCE = 1 << 22  # predicted together: 16 MB of stars, and what the method needs beside them


class NotANumber(RatingsError):
    """A method answered with NaN, which no order and no error can be made of."""

    def __init__(self, what: str, count: int) -> None:
        super().__init__(
            f"the method gave {count:,} {what} that are not numbers; it is broken, leave it out (--methods)"
        )


@dataclass(frozen=True, slots=True)
class StarErrors:
    """Errors of held-out ratings; think of one line for each user who has any.

    Attributes:
        squared, absolute: float64 (n,), the user's sums, in stars squared and in stars.
        counts: int64 (n,), held-out ratings of the user, 1 or more.
    """

    squared: NDArray[np.float64]
    absolute: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def mse(self) -> float:
        """Mean squared error over all held-out ratings, in stars squared."""
        return float(self.squared.sum() / self.counts.sum())

    @property
    def rmse(self) -> float:
        """Its root, in stars."""
        return float(np.sqrt(self.mse))

    @property
    def mae(self) -> float:
        """Mean absolute error over all held-out ratings, in stars."""
        return float(self.absolute.sum() / self.counts.sum())


def star_errors(predictor: RatingPredictor, test: RatingsMatrix) -> StarErrors:
    """Errors of a method at every rating of `test`, which has the rows and columns of the matrix it was fitted to.

    Raises:
        NothingToFit: there is no held-out rating. NotANumber: the method answered with NaN.
    """
    if not len(test):
        raise NothingToFit("no ratings are held out, so nothing can be measured; give more ratings per user")
    rows, cols, stars = test.triples()
    off = np.empty(len(stars))
    for start in range(0, len(stars), PAIRS_AT_ONCE):
        run = slice(start, start + PAIRS_AT_ONCE)
        off[run] = predictor.predict(rows[run], cols[run]).astype(np.float64) - stars[run]
    if bad := int(np.isnan(off).sum()):
        raise NotANumber("predictions", bad)
    counts = test.ratings_per_user
    of = counts > 0
    squared = np.bincount(rows, weights=off**2, minlength=len(counts)).astype(np.float64)
    absolute = np.bincount(rows, weights=np.abs(off), minlength=len(counts)).astype(np.float64)
    return StarErrors(squared[of], absolute[of], counts[of])
