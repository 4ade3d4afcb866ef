"""The vectors behind `GET /similar?by=ratings` and recommendations: one row a movie, made for inner products."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ratings.als import AlsOptions, fit_als
from ratings.ease import EaseOptions, fit_ease
from ratings.factors import Factors
from ratings.matrix import RatingsMatrix
from ratings.methods import MOST_STARS
from ratings.planning import VectorPlan

METRIC: Final = "inner_product"
HALF_SUPPORT = 20.0  # ratings at which a movie counts half, where vectors come from explicit factors (decision 3)


@dataclass(frozen=True, slots=True)
class RatingVectors:
    """Vectors of the movies of one matrix.

    Attributes:
        rows: float32 (n_movies, d); a movie of which nothing is known has zeros: it is nobody's neighbour.
        method, why: what they are and what decided that. options: how they were fitted; plain values.
    """

    rows: NDArray[np.float32]
    method: str
    why: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TasteRanker:
    """Ranks by the affinity of a user's rated movies: a movie ranker, and what the service does for recommendations.

    Attributes:
        rows: float32 (n_movies, d). train: what the users rated. power: a rated movie counts `(stars / 5) ** power`.
    """

    rows: NDArray[np.float32]
    train: RatingsMatrix
    power: float
    debias: float = 0.0

    def scores(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """`q . v_i / |v_i|^debias`, q being the weighted sum of the rated movies' vectors: float32 (m, n_movies)."""
        mine = self.train.user_items[rows].copy()
        mine.data = (mine.data / np.float32(MOST_STARS)) ** np.float32(self.power)
        affinities = np.asarray((mine @ self.rows) @ self.rows.T, np.float32)
        if self.debias == 0:
            return affinities
        lengths = np.linalg.norm(self.rows, axis=1)
        return np.asarray(affinities / np.where(lengths > 0, lengths, 1) ** np.float32(self.debias), np.float32)


def fit_vectors(matrix: RatingsMatrix, plan: VectorPlan, factors: Factors) -> RatingVectors:
    """The vectors that the plan names; `factors` are the explicit ones of the same matrix.

    Raises:
        NothingToFit: too few movies with ratings.
    """
    if plan.method == "ease":
        ease = EaseOptions()
        return RatingVectors(fit_ease(matrix, ease, plan.fitted), "ease", plan.why, asdict(ease))
    if plan.method == "als":
        als = AlsOptions()
        return RatingVectors(fit_als(matrix, als).item_factors, "als", plan.why, asdict(als))
    rows = supported(factors.item_factors, matrix.n_ratings, HALF_SUPPORT)
    return RatingVectors(rows, "sgd", plan.why, {"half_support": HALF_SUPPORT})


def supported(
    item_factors: NDArray[np.float32], n_ratings: NDArray[np.int64], half_support: float
) -> NDArray[np.float32]:
    """Rows of length n / (n + half_support), in the direction of the factors; float32 (n, factors).

    Their inner product is the cosine of the factors, the article's way, times the support of both movies. A movie whose
    factors are all zero keeps a zero row: it answers, and is nobody's neighbour. At a half support of 0 every other row
    has length 1.
    """
    factors = item_factors.astype(np.float64)
    lengths = np.linalg.norm(factors, axis=1)
    support = n_ratings / np.maximum(n_ratings + half_support, 1)
    scale = np.divide(support, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return np.asarray(factors * scale[:, None], dtype=np.float32)
