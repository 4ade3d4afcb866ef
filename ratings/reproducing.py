"""The article's numbers from start to end, and beside them what the same ratings give when they are used well.

Wann-Jiun Ma, "Deep Learning Meets Recommendation Systems", 2017. Every error here is a mean squared one, in stars
squared, by seed; `ratings.side_by_side` looks at what the same methods recommend.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ratings.article import ArticleExplained, article_columns, explain_article
from ratings.biases import fit_biases
from ratings.candidates import ARTICLE
from ratings.matrix import RatingsMatrix
from ratings.methods import RatingPredictor
from ratings.metrics import star_errors
from ratings.neighbourhood import NeighbourhoodOptions, fit_neighbourhood
from ratings.popularity import fit_global_mean
from ratings.sgd import ACCURATE, FactorOptions, Fit, fit_sgd
from ratings.splits import Split, count_per_user

Progress = Callable[[str, int, int], None]  # what, steps done, steps in all

HELD_OUT = 10  # of each user, as in the article; different ones here, and never more than half
EPOCHS, QUICK_EPOCHS = 200, 40


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done.

    Attributes:
        seeds: of splits, one at least. epochs: of an SGD fit at most. dimensions: numbers a movie that EASE keeps.
        quick: a shortened run, whose figures meet no bar.
    """

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    epochs: int = EPOCHS
    dimensions: int = 256
    quick: bool = False

    @classmethod
    def shortened(cls) -> "Effort":
        """One seed, fewer epochs, fewer dimensions."""
        return cls(seeds=(0,), epochs=QUICK_EPOCHS, dimensions=64, quick=True)

    @property
    def article(self) -> FactorOptions:
        """The article's factors, so many epochs at most; the curve is drawn to its end, the best epoch is taken."""
        return replace(ARTICLE, max_epochs=self.epochs, patience=self.epochs)

    @property
    def without_l2(self) -> FactorOptions:
        """The same without regularization."""
        return replace(self.article, regularization=0.0)

    @property
    def ours(self) -> FactorOptions:
        """The settings that Posterity trains with."""
        return replace(ACCURATE, max_epochs=min(self.epochs, ACCURATE.max_epochs))


@dataclass(frozen=True, slots=True)
class Errors:
    """One method's mean squared errors, one for each seed, in stars squared; `name` is for programs."""

    name: str
    by_seed: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return float(np.mean(self.by_seed))


@dataclass(frozen=True, slots=True)
class Curve:
    """How a fit went, on the first seed; mean squared errors after each epoch, in stars squared.

    Attributes:
        train: on the ratings learned from, while they are learned. validation: on a tenth of the training side.
        best_epoch: the one with the least validation error, counted from 1.
    """

    name: str
    options: FactorOptions
    train: tuple[float, ...]
    validation: tuple[float, ...]
    best_epoch: int


@dataclass(frozen=True, slots=True)
class Reproduced:
    """The numbers of the article and the right ones.

    Attributes:
        sparsity: share of rated cells over movie ids 1 to 9000, in [0, 1]. zero: mean of the squared stars there, which
            is the error of predicting 0 stars for everything.
        article: errors on the article's own split, ten draws with replacement, movie ids up to 9000.
        right: errors on ten different ratings held out of each user, all movies, clipped to the scale.
        curves: of the SGD settings.
    """

    sparsity: float
    zero: float
    article: tuple[Errors, ...]
    right: tuple[Errors, ...]
    curves: tuple[Curve, ...] = field(repr=False)

    def mean(self, name: str) -> float:
        """Mean over the seeds of the errors with this name, those of the article first.

        Raises:
            KeyError: there are none.
        """
        return {errors.name: errors.mean for errors in (*self.right, *self.article)}[name]


def steps(effort: Effort) -> int:
    """How many steps `reproduce_errors` tells its progress about."""
    return 2 * len(effort.seeds)


def reproduce_errors(matrix: RatingsMatrix, effort: Effort, progress: Progress) -> Reproduced:
    """Everything that is measured in stars; 8 s a seed for 100,000 ratings, and as the square of the users.

    Raises:
        NothingToFit: too few ratings. KeyboardInterrupt: a fit was stopped by hand.
    """
    explained, right = [], []
    curves: tuple[Curve, ...] = ()
    for place, seed in enumerate(effort.seeds):
        progress(f"the article's formula, seed {seed}", 2 * place, steps(effort))
        explained.append(explain_article(matrix, seed))
        progress(f"predicting stars, seed {seed}", 2 * place + 1, steps(effort))
        measured = _Predictors(count_per_user(matrix, HELD_OUT, seed), effort, seed)
        right.append(measured.errors())
        curves = curves or measured.curves
    by_seed = tuple(Errors(name, tuple(errors[name] for errors in right)) for name in right[0])
    zero = float(np.mean(article_columns(matrix).data ** 2))
    return Reproduced(explained[0].sparsity, zero, _of_article(explained), by_seed, curves)


def finished(fit: Fit) -> Fit:
    """The same fit.

    Raises:
        KeyboardInterrupt: it was stopped by hand; its numbers would be of fewer epochs than they claim.
    """
    if fit.interrupted:
        raise KeyboardInterrupt
    return fit


class _Predictors:
    """Every predictor on one split; keeps the learning curves."""

    def __init__(self, split: Split, effort: Effort, seed: int) -> None:
        self._split = split
        self._settings = {
            "sgd_without_l2": replace(effort.without_l2, seed=seed),
            "sgd_article": replace(effort.article, seed=seed),
            "sgd_ours": replace(effort.ours, seed=seed),
        }
        self.curves: tuple[Curve, ...] = ()

    def errors(self) -> dict[str, float]:
        train = self._split.train
        found = {
            "global_mean": self._mse(fit_global_mean(train)),
            "biases": self._mse(fit_biases(train)),
            "user_similarity": self._mse(fit_neighbourhood(train, NeighbourhoodOptions(by="user"))),
            "movie_similarity": self._mse(fit_neighbourhood(train, NeighbourhoodOptions(by="movie"))),
        }
        for name, options in self._settings.items():
            fit = finished(fit_sgd(train, options))
            found[name] = self._mse(fit.factors)
            self.curves += (_curve(name, options, fit),)
        return found

    def _mse(self, predictor: RatingPredictor) -> float:
        return star_errors(predictor, self._split.test).mse


def _curve(name: str, options: FactorOptions, fit: Fit) -> Curve:
    train = tuple(report.train_rmse**2 for report in fit.curve)
    validation = tuple(report.validation_rmse**2 for report in fit.curve)
    return Curve(name, options, train, validation, fit.best_epoch)


def _of_article(explained: Sequence[ArticleExplained]) -> tuple[Errors, ...]:
    figures = {
        "article_user": [it.errors.user for it in explained],
        "article_user_different": [it.without_replacement for it in explained],
        "article_user_all_movies": [it.all_movies for it in explained],
        "article_movie": [it.errors.movie for it in explained],
        "article_user_raters": [it.errors.user_raters_only for it in explained],
        "article_movie_raters": [it.errors.movie_raters_only for it in explained],
        "article_global_mean": [it.errors.global_mean for it in explained],
        "article_biases": [it.errors.biases for it in explained],
    }
    return tuple(Errors(name, tuple(values)) for name, values in figures.items())
