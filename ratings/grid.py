"""Which options predict best: every combination of a grid, measured by cross-validation on the same folds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ratings.errors import FitDiverged
from ratings.matrix import RatingsMatrix
from ratings.options import FactorOptions
from ratings.sgd import Fit, fit_on_split
from ratings.splits import Split, folds


@dataclass(frozen=True, slots=True)
class Grid:
    """Values to combine; the defaults take some two minutes on ml-latest-small with five folds."""

    factors: tuple[int, ...] = (40, 100, 200)
    regularizations: tuple[float, ...] = (0.05, 0.07, 0.1)
    learning_rates: tuple[float, ...] = (0.005, 0.01)

    def settings(self, base: FactorOptions) -> Iterator[FactorOptions]:
        """All combinations, what the grid does not name as in `base`."""
        for factors, regularization, rate in product(self.factors, self.regularizations, self.learning_rates):
            yield replace(base, factors=factors, regularization=regularization, learning_rate=rate)


@dataclass(frozen=True, slots=True)
class GridRow:
    """One combination, measured.

    Attributes:
        mean_rmse, std_rmse: of the least validation error of each fold, in stars; the deviation is that of a sample,
            NaN for one fold. Infinite and NaN where a fold diverged.
        epochs: the epoch with that error in each fold; 0 where it diverged.
    """

    options: FactorOptions
    mean_rmse: float
    std_rmse: float
    epochs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GridResult:
    """All combinations, best first, and how many folds they were measured on: fewer than wanted when interrupted."""

    rows: tuple[GridRow, ...]
    folds: int
    interrupted: bool = False

    @property
    def best(self) -> FactorOptions:
        """Options of the combination with the least mean error."""
        return self.rows[0].options


@dataclass(frozen=True, slots=True)
class GridReport:
    """One more fit is over: how many of how many, what was fitted, its least validation error in stars."""

    done: int
    total: int
    options: FactorOptions
    rmse: float


GridProgress = Callable[[GridReport], None]


def search_grid(
    matrix: RatingsMatrix, grid: Grid, base: FactorOptions, k: int = 5, progress: GridProgress | None = None
) -> GridResult:
    """Measures each combination on the same `k` folds, drawn from the seed of `base`.

    Goes fold by fold, so that Ctrl-C leaves all combinations measured on the folds that are over; before the first one
    is, KeyboardInterrupt goes on to the caller. A combination that diverges comes last and is no error.

    Raises:
        FitDiverged: every combination diverged. NothingToFit: too few ratings. ValueError: no `k` folds can be made.
    """
    settings = list(grid.settings(base))
    measured: list[list[tuple[float, int]]] = []
    interrupted = False
    try:
        for split in folds(matrix, k, base.seed):
            measured.append(_of_fold(split, settings, len(measured), k, progress))
    except KeyboardInterrupt:
        if not measured:
            raise
        interrupted = True
    rows = sorted((_row(*each) for each in zip(settings, *measured, strict=True)), key=lambda row: row.mean_rmse)
    if not np.isfinite(rows[0].mean_rmse):
        raise FitDiverged(1, min(grid.learning_rates))
    return GridResult(tuple(rows), len(measured), interrupted)


def _of_fold(
    split: Split, settings: list[FactorOptions], before: int, k: int, progress: GridProgress | None
) -> list[tuple[float, int]]:
    """Least validation error and its epoch for each of the settings."""
    found: list[tuple[float, int]] = []
    for options in settings:
        found.append(_least(split, options))
        if progress is not None:
            done = before * len(settings) + len(found)
            progress(GridReport(done, k * len(settings), options, found[-1][0]))
    return found


def _least(split: Split, options: FactorOptions) -> tuple[float, int]:
    try:
        fit: Fit = fit_on_split(split, options)
    except FitDiverged:
        return np.inf, 0
    if fit.interrupted:  # half a search says nothing about the best epoch
        raise KeyboardInterrupt
    return fit.curve[fit.best_epoch - 1].validation_rmse, fit.best_epoch


def _row(options: FactorOptions, *measured: tuple[float, int]) -> GridRow:
    errors: NDArray[np.float64] = np.array([error for error, _ in measured])
    epochs = tuple(epoch for _, epoch in measured)
    if not np.isfinite(errors).all():
        return GridRow(options, np.inf, np.nan, epochs)
    spread = float(errors.std(ddof=1)) if len(errors) > 1 else np.nan
    return GridRow(options, float(errors.mean()), spread, epochs)
