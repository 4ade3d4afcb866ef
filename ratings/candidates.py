"""The methods that say how many stars, as `posterity evaluate` measures them, with the settings to choose from."""

from dataclasses import replace
from functools import partial

from ratings.baselines import baseline_predictors
from ratings.blend import Fit, fit_blend
from ratings.choosing import Method, Setting
from ratings.factors import Factors
from ratings.folding import FoldedUsers, fold_in_all
from ratings.item_sides import item_side
from ratings.matrix import RatingsMatrix
from ratings.methods import RatingPredictor
from ratings.neighbourhood import NeighbourhoodOptions, fit_neighbourhood
from ratings.sgd import ACCURATE, FactorOptions, fit_sgd

ARTICLE = FactorOptions(factors=40, learning_rate=0.005, regularization=0.1)  # constant rate, as its source has it
BLENDED_SEED = 0


def predictors(quick: bool = False) -> list[Method[RatingPredictor]]:
    """Methods that say how many stars; `quick` leaves each its default setting only."""
    found = [*baseline_predictors(), *_neighbourhoods(), *_explicit(), _folded(), _blend()]
    return [method.first() for method in found] if quick else found


def fit_explicit(train: RatingsMatrix, options: FactorOptions) -> Factors:
    """The factors of `ratings.sgd.fit_sgd` alone.

    Raises:
        NothingToFit, FitDiverged: as there. KeyboardInterrupt: stopped by hand; half a fit is no figure.
    """
    fit = fit_sgd(train, options)
    if fit.interrupted:
        raise KeyboardInterrupt
    return fit.factors


def fit_folded(train: RatingsMatrix, options: FactorOptions) -> FoldedUsers:
    """The movies' side of explicit factors with every user folded in, as the service does it."""
    factors = fit_explicit(train, options)
    return fold_in_all(train, item_side(factors, train.movie_ids, options.regularization))


def _neighbourhoods() -> list[Method[RatingPredictor]]:
    def settings(default: NeighbourhoodOptions) -> tuple[Setting[RatingPredictor], ...]:
        return tuple(
            Setting(f"{k} neighbours, shrinkage {shrinkage:g}", _neighbourhood(default, k, shrinkage))
            for k, shrinkage in ((40, 50.0), (20, 50.0), (80, 50.0), (40, 20.0), (40, 100.0))
        )

    return [
        Method("user neighbours", settings(NeighbourhoodOptions(by="user"))),
        Method("movie neighbours", settings(NeighbourhoodOptions(by="movie"))),
    ]


def _neighbourhood(default: NeighbourhoodOptions, k: int, shrinkage: float) -> Fit:
    return partial(fit_neighbourhood, options=replace(default, neighbours=k, shrinkage=shrinkage))


def _explicit() -> list[Method[RatingPredictor]]:
    ours = (ACCURATE, replace(ACCURATE, factors=100), replace(ACCURATE, regularization=ACCURATE.regularization * 1.3))
    article = [ARTICLE, *(replace(ARTICLE, regularization=reg) for reg in (0.05, 0.15))]
    alternating = [replace(options, updates="alternating") for options in article]
    return [
        Method("SGD factors, the article's", tuple(_sgd(options) for options in article)),
        Method("SGD factors, alternating", tuple(_sgd(options) for options in alternating)),
        Method("SGD factors", tuple(_sgd(options) for options in ours)),
    ]


def _sgd(options: FactorOptions) -> Setting[RatingPredictor]:
    return Setting(words_of(options), partial(fit_explicit, options=options))


def words_of(options: FactorOptions) -> str:
    """The settings in a few words, for a table."""
    return f"{options.factors} factors, L2 {options.regularization:.3g}, rate {options.learning_rate:g}"


def _folded() -> Method[RatingPredictor]:
    return Method("SGD factors, users folded in", (Setting(words_of(ACCURATE), partial(fit_folded, options=ACCURATE)),))


def _blend() -> Method[RatingPredictor]:
    parts = (
        partial(fit_explicit, options=ACCURATE),
        partial(fit_neighbourhood, options=NeighbourhoodOptions(by="movie")),
        partial(fit_neighbourhood, options=NeighbourhoodOptions(by="user")),
    )
    fit = partial(fit_blend, fits=parts, seed=BLENDED_SEED)
    return Method("blend of SGD and neighbours", (Setting("weights by least squares", fit),))
