"""95 % intervals by drawing users again (Efron 1979): how much a figure depends on who happened to be measured."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000  # the ends move by about 2 % of the interval's width from seed to seed
PERCENTILES = (2.5, 97.5)
CELLS_AT_ONCE = 1 << 22  # resamples x users drawn together: up to 128 MB


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval, in the figure's unit."""

    value: float
    low: float
    high: float

    def root(self) -> "Estimate":
        """Of the square root: of an RMSE, from that of its MSE."""
        return Estimate(float(np.sqrt(self.value)), float(np.sqrt(self.low)), float(np.sqrt(self.high)))


def mean_of(values: NDArray[np.float64], seed: int) -> Estimate:
    """Mean over users of one number each: float64 (n,), n >= 1."""
    return means_of(values[:, None], seed)[0]


def means_of(values: NDArray[np.float64], seed: int) -> list[Estimate]:
    """Means over users of several numbers each, from the same draws: float64 (n, m), n >= 1; m estimates."""
    return _ratios(values, np.ones((len(values), 1)), seed)


def ratio_of(sums: NDArray[np.float64], counts: NDArray[np.int64] | NDArray[np.float64], seed: int) -> Estimate:
    """`sums.sum() / counts.sum()`: a mean over what users have several of, the users drawn with all they have.

    Args:
        sums: (n,), n >= 1. counts: (n,), above 0. seed: the same gives the same draws, whatever is measured.
    """
    return _ratios(sums[:, None], counts[:, None], seed)[0]


def difference_of(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], counts: NDArray[np.int64] | NDArray[np.float64], seed: int
) -> Estimate:
    """Ours minus theirs, as `ratio_of` has them, of the same users drawn together.

    Much sharper than two intervals side by side: a user who is hard for one method is hard for the other, too. An
    interval that holds 0 says that these users cannot tell the two apart.
    """
    return ratio_of(ours - theirs, counts, seed)


def _ratios(sums: NDArray[np.float64], counts: NDArray[np.int64] | NDArray[np.float64], seed: int) -> list[Estimate]:
    drawn = np.concatenate([(weights @ sums) / (weights @ counts) for weights in _weights(len(sums), seed)])
    ends = np.percentile(drawn, PERCENTILES, axis=0).T
    values = sums.sum(axis=0) / counts.sum(axis=0)
    return [Estimate(float(value), float(low), float(high)) for value, (low, high) in zip(values, ends, strict=True)]


def _weights(n: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each user is drawn in each resample: (some resamples, n), n draws with replacement in each."""
    draw = np.random.default_rng(seed)
    at_once = max(1, CELLS_AT_ONCE // n)
    for start in range(0, RESAMPLES, at_once):
        size = min(at_once, RESAMPLES - start)
        cells = draw.integers(n, size=(size, n)) + np.arange(size)[:, None] * n
        yield np.bincount(cells.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
