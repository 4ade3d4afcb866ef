"""Explicit factors by stochastic gradient descent: `mu + b_u + b_i + x_u . y_i`, seeded and reproducible.

The same ratings, options and machine give the same numbers bit for bit: with few ratings because there is one thread,
with many because the threads never touch the same user or movie (`ratings.blocks`), however many threads there are.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from ratings.errors import NothingToFit
from ratings.factors import Factors
from ratings.kernels import Stored
from ratings.learner import Learner
from ratings.matrix import RatingsMatrix
from ratings.methods import scale_of
from ratings.options import ACCURATE, FactorOptions
from ratings.passes import stored
from ratings.splits import Split, validation_split

__all__ = ["ACCURATE", "EpochReport", "FactorOptions", "Factors", "Fit", "Progress", "fit_on_split", "fit_sgd"]

MIN_RATINGS = 10  # fewer cannot be split into training and validation


@dataclass(frozen=True, slots=True)
class EpochReport:
    """How far a fit is; errors in stars.

    In the phase "final", which learns from all ratings, the validation error is the one that the search met in this
    epoch, or NaN where there was no search; `max_epochs` is then the number of epochs that was found best.
    """

    epoch: int
    max_epochs: int
    train_rmse: float
    validation_rmse: float
    phase: Literal["search", "final"] = "search"


@dataclass(frozen=True, slots=True)
class Fit:
    """A finished fit: the factors, the epoch they come from, the learning curve, and whether it was stopped by hand.

    The curve is that of the search; empty where `validation_share` is 0.
    """

    factors: Factors
    best_epoch: int
    curve: tuple[EpochReport, ...] = field(default=())
    interrupted: bool = False


Progress = Callable[[EpochReport], None]


def fit_sgd(matrix: RatingsMatrix, options: FactorOptions, progress: Progress | None = None) -> Fit:
    """Finds the number of epochs on a validation split, then fits that long on all ratings.

    Ctrl-C at any time ends it with the best factors so far, those of the search's best epoch, and says so in the
    result; before the first epoch is over there are none, and KeyboardInterrupt goes on to the caller.

    Memory: from `parallel_from` ratings on some 10 bytes each beside the matrix, and the factors up to four times.

    Raises:
        NothingToFit: fewer than 10 ratings. FitDiverged: the error is no longer a number, or grew beyond reason.
    """
    _check_enough(matrix)
    scale = scale_of(matrix.user_items.data)
    if options.validation_share == 0:
        return _without_search(Learner(matrix, None, scale, options), progress or _silent)
    held_out = validation_split(len(matrix), options.validation_share, options.seed)
    found = _search(Learner(matrix, ~held_out, scale, options), stored(matrix, held_out), progress or _silent)
    if found.interrupted:
        return found
    try:
        learner = Learner(matrix, None, scale, options)
        _run(learner, found.best_epoch, found.curve, progress or _silent)
        return replace(found, factors=learner.factors())
    except KeyboardInterrupt:
        return replace(found, interrupted=True)


def fit_on_split(split: Split, options: FactorOptions, progress: Progress | None = None) -> Fit:
    """Learns from `split.train` alone and returns the epoch with the least error on `split.test`.

    Raises:
        NothingToFit: fewer than 10 ratings to learn from, or none to measure on. FitDiverged: see `fit_sgd`.
    """
    _check_enough(split.train)
    if not len(split.test):
        raise NothingToFit("the split holds out no rating to measure on; hold out a greater share")
    learner = Learner(split.train, None, scale_of(split.train.user_items.data), options)
    return _search(learner, stored(split.test), progress or _silent)


def _search(learner: Learner, validation: Stored, progress: Progress) -> Fit:
    """Epochs until validation stops improving; the factors of the best one."""
    most, patience = learner.options.max_epochs, learner.options.patience
    best = _searched(learner, validation)
    curve = list(best.curve)
    try:
        progress(curve[-1])
        while learner.done < most and learner.done - best.best_epoch < patience:
            now = _searched(learner, validation)
            curve += now.curve
            if now.curve[0].validation_rmse < curve[best.best_epoch - 1].validation_rmse:
                best = now
            progress(curve[-1])
    except KeyboardInterrupt:
        return replace(best, curve=tuple(curve), interrupted=True)
    return replace(best, curve=tuple(curve))


def _searched(learner: Learner, validation: Stored) -> Fit:
    """One epoch more: the factors after it, and its errors as a curve of one."""
    train_rmse = learner.epoch()
    report = EpochReport(learner.done, learner.options.max_epochs, train_rmse, learner.error_on(validation))
    return Fit(learner.factors(), learner.done, (report,))


def _without_search(learner: Learner, progress: Progress) -> Fit:
    """All epochs on all ratings; interrupted, those that are done and what the next one has learned so far."""
    interrupted = False
    try:
        _run(learner, learner.options.max_epochs, (), progress)
    except KeyboardInterrupt:
        if not learner.done:
            raise
        interrupted = True
    return Fit(learner.factors(), learner.done, interrupted=interrupted)


def _run(learner: Learner, epochs: int, curve: tuple[EpochReport, ...], progress: Progress) -> None:
    while learner.done < epochs:
        train_rmse = learner.epoch()
        known = curve[learner.done - 1].validation_rmse if curve else np.nan
        progress(EpochReport(learner.done, epochs, train_rmse, known, "final"))


def _check_enough(matrix: RatingsMatrix) -> None:
    if len(matrix) < MIN_RATINGS:
        raise NothingToFit(f"{len(matrix)} ratings are too few to learn from; import at least {MIN_RATINGS}")


def _silent(report: EpochReport) -> None:
    """Nobody wants to know."""
