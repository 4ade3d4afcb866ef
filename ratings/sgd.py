"""Explicit factors by stochastic gradient descent: `mu + b_u + b_i + x_u . y_i`, seeded and reproducible.

One thread: the same ratings, options and machine give the same numbers bit for bit.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ratings.errors import FitDiverged, NothingToFit
from ratings.kernels import sgd_epoch, squared_error
from ratings.matrix import RatingsMatrix
from ratings.splits import validation_split

MIN_RATINGS = 10  # fewer cannot be split into training and validation
EXPLODED_RMSE = 100.0  # stars; the scale is 0.5 to 5


@dataclass(frozen=True, slots=True)
class FactorOptions:
    """How to fit. The defaults are the best of `benchmarks/neighbours.py` on its validation split.

    Attributes:
        factors: numbers per user and per movie. learning_rate: step per rating. regularization: L2 weight.
        max_epochs: passes over the ratings at most. patience: epochs without a better validation error before it stops.
        validation_share: share of the ratings that decide when to stop; they are learned from afterwards.
        seed: of the start values, the split and the order.
    """

    factors: int = 128
    learning_rate: float = 0.005
    regularization: float = 0.06
    max_epochs: int = 150
    patience: int = 5
    validation_share: float = 0.1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class EpochReport:
    """How far a fit is; errors in stars."""

    epoch: int
    max_epochs: int
    train_rmse: float
    validation_rmse: float


@dataclass(slots=True)
class Factors:
    """Biases and factors in the rows of one matrix: float32 (n_users,), (n_movies,), (n_users, f), (n_movies, f)."""

    mu: float
    user_biases: NDArray[np.float32]
    item_biases: NDArray[np.float32]
    user_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]

    def arrays(self) -> tuple[NDArray[np.float32], ...]:
        """The four arrays in the kernels' order."""
        return self.user_biases, self.item_biases, self.user_factors, self.item_factors


@dataclass(frozen=True, slots=True)
class Fit:
    """A finished fit: the factors, the epoch they come from, the learning curve, and whether it was stopped by hand."""

    factors: Factors
    best_epoch: int
    curve: tuple[EpochReport, ...] = field(default=())
    interrupted: bool = False


Progress = Callable[[EpochReport], None]
Triples = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]


def fit_sgd(matrix: RatingsMatrix, options: FactorOptions, progress: Progress | None = None) -> Fit:
    """Finds the number of epochs on a validation split, then fits that long on all ratings.

    Ctrl-C ends the search with the best epoch so far, and says so in the result.

    Raises:
        NothingToFit: fewer than 10 ratings. FitDiverged: the error is no longer a number, or grew beyond reason.
    """
    triples = matrix.triples()
    if len(triples[2]) < MIN_RATINGS:
        raise NothingToFit(f"{len(triples[2])} ratings are too few to learn from; import at least {MIN_RATINGS}")
    held_out = validation_split(len(triples[2]), options.validation_share, options.seed)
    train, validation = _part(triples, ~held_out), _part(triples, held_out)
    curve, interrupted = _search(matrix, train, validation, options, progress)
    best = min(curve, key=lambda report: report.validation_rmse).epoch if curve else 1
    factors = _fit_epochs(matrix, triples, options, best)
    return Fit(factors, best, tuple(curve), interrupted)


def _search(
    matrix: RatingsMatrix, train: Triples, validation: Triples, options: FactorOptions, progress: Progress | None
) -> tuple[list[EpochReport], bool]:
    """The learning curve until validation stops improving; and whether it was interrupted."""
    factors, draw = _start(matrix, train, options)
    curve: list[EpochReport] = []
    try:
        for epoch in range(1, options.max_epochs + 1):
            train_rmse = _epoch(factors, train, options, draw, epoch)
            validation_rmse = float(
                np.sqrt(squared_error(*validation, np.float32(factors.mu), *factors.arrays()) / len(validation[2]))
            )
            curve.append(EpochReport(epoch, options.max_epochs, train_rmse, validation_rmse))
            if progress is not None:
                progress(curve[-1])
            best = min(curve, key=lambda report: report.validation_rmse)
            if epoch - best.epoch >= options.patience:
                break
    except KeyboardInterrupt:
        return curve, True
    return curve, False


def _fit_epochs(matrix: RatingsMatrix, triples: Triples, options: FactorOptions, epochs: int) -> Factors:
    factors, draw = _start(matrix, triples, options)
    for epoch in range(1, epochs + 1):
        _epoch(factors, triples, options, draw, epoch)
    return factors


def _start(matrix: RatingsMatrix, triples: Triples, options: FactorOptions) -> tuple[Factors, np.random.Generator]:
    """Biases 0 and factors from N(0, 1/k) read as a standard deviation of 1/k, as the article's source draws them."""
    draw = np.random.default_rng(options.seed)
    users, movies, k = len(matrix.user_ids), len(matrix.movie_ids), options.factors
    factors = Factors(
        mu=float(triples[2].mean(dtype=np.float64)),
        user_biases=np.zeros(users, np.float32),
        item_biases=np.zeros(movies, np.float32),
        user_factors=draw.normal(0, 1 / k, (users, k)).astype(np.float32),
        item_factors=draw.normal(0, 1 / k, (movies, k)).astype(np.float32),
    )
    return factors, draw


def _epoch(factors: Factors, triples: Triples, options: FactorOptions, draw: np.random.Generator, epoch: int) -> float:
    """One pass in a new order; the root mean squared error met on the way."""
    order = draw.permutation(len(triples[2]))
    rates = np.float32(options.learning_rate), np.float32(options.regularization)
    squared = sgd_epoch(order, *triples, np.float32(factors.mu), *factors.arrays(), *rates)
    rmse = float(np.sqrt(squared / len(order)))
    if not rmse < EXPLODED_RMSE:
        raise FitDiverged(epoch, options.learning_rate)
    return rmse


def _part(triples: Triples, chosen: NDArray[np.bool_]) -> Triples:
    rows, cols, stars = triples
    return rows[chosen], cols[chosen], stars[chosen]
