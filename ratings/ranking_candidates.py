"""The methods that order lists, as `posterity evaluate` measures them, with the settings to choose from."""

from functools import partial
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ratings.als import AlsOptions, fit_als
from ratings.baselines import baseline_rankers
from ratings.candidates import ARTICLE, fit_explicit, words_of
from ratings.channels import ChannelOptions
from ratings.choosing import Method, Setting
from ratings.ease import EaseOptions, fit_ease
from ratings.matrix import RatingsMatrix
from ratings.memory import free_bytes
from ratings.methods import MovieRanker
from ratings.planning import plan_vectors
from ratings.raw_cosine import RawCosine
from ratings.sgd import ACCURATE, FactorOptions
from ratings.tastes import SIMILAR_DEBIAS, TASTE_POWER
from ratings.vectors import TasteRanker, supported

DEFAULT = EaseOptions()


class _WithRows(Protocol):
    @property
    def rows(self) -> NDArray[np.float32]: ...


def rankers(quick: bool = False) -> list[Method[MovieRanker]]:
    """All of them; `quick` leaves each its default setting only."""
    found = [*baseline_rankers(), *_rankers_of_factors(), _raw_cosine(), _implicit(), *_ease()]
    return [method.first() for method in found] if quick else found


def _rankers_of_factors() -> list[Method[MovieRanker]]:
    return [
        Method("SGD factors, stars", (Setting(words_of(ACCURATE), partial(fit_explicit, options=ACCURATE)),)),
        Method("SGD factors, cosine (the article's)", tuple(map(_cosine_of, (ARTICLE, ACCURATE))), _rows),
    ]


def _cosine_of(options: FactorOptions) -> Setting[MovieRanker]:
    def fit(train: RatingsMatrix) -> TasteRanker:
        rows = supported(fit_explicit(train, options).item_factors, train.n_ratings, half_support=0)
        return TasteRanker(rows, train, TASTE_POWER)

    return Setting(words_of(options), fit)


def _raw_cosine() -> Method[MovieRanker]:
    return Method("cosine of rating columns", (Setting("missing counts as 0", RawCosine),), _rows, debias=1.0)


def _implicit() -> Method[MovieRanker]:
    options = [
        AlsOptions(factors=factors, regularization=regularization, confidence=confidence)
        for factors, regularization, confidence in ((64, 1.0, 4.0), (32, 1.0, 4.0), (64, 5.0, 10.0), (128, 10.0, 10.0))
    ]
    return Method("implicit ALS", tuple(map(_als, options)), _rows, debias=1.0)


def _als(options: AlsOptions) -> Setting[MovieRanker]:
    words = f"{options.factors} factors, L2 {options.regularization:g}, confidence {options.confidence:g}"
    return Setting(words, partial(fit_als, options=options))


def _ease() -> list[Method[MovieRanker]]:
    weighed = [_ease_options(0.7, 60.0), _ease_options(0.7, 120.0), _ease_options(0.4, 60.0)]
    return [
        Method("EASE, seen only", (_of_ease(_ease_options(0.0, 60.0)),), _rows, SIMILAR_DEBIAS),
        Method("EASE", tuple(map(_of_ease, weighed)), _rows, SIMILAR_DEBIAS),
        Method(f"EASE, debias {SIMILAR_DEBIAS:g}", (_of_ease(DEFAULT, SIMILAR_DEBIAS),), _rows, SIMILAR_DEBIAS),
    ]


def _ease_options(agreement: float, regularization: float) -> EaseOptions:
    return EaseOptions(regularization=regularization, channels=ChannelOptions(agreement=agreement))


def _of_ease(options: EaseOptions, debias: float = 0.0) -> Setting[MovieRanker]:
    def fit(train: RatingsMatrix) -> TasteRanker:
        most = plan_vectors(train, free_bytes(), "ease").fitted  # as `train` would
        return TasteRanker(fit_ease(train, options, most), train, TASTE_POWER, debias)

    words = f"{options.dimensions} numbers, L2 {options.regularization:g}, agreement {options.channels.agreement:g}"
    return Setting(words, fit)


def _rows(fitted: MovieRanker) -> NDArray[np.float32]:
    return cast(_WithRows, fitted).rows
