"""Implicit ALS: factors that explain who rated what, by the library `implicit` (Hu, Koren, Volinsky 2008)."""

from dataclasses import dataclass

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from ratings.errors import NothingToFit
from ratings.matrix import RatingsMatrix
from ratings.methods import MOST_STARS


@dataclass(frozen=True, slots=True)
class AlsOptions:
    """How to fit; the defaults were chosen on validation splits (`posterity evaluate`).

    Attributes:
        factors: numbers per user and per movie. regularization: L2 weight. iterations: passes over both sides.
        confidence: a rating counts `(1 + confidence) * stars / 5`, a movie that was not rated 1. seed: of the start.

    Raises:
        ValueError: a value that is not above 0; the confidence may be 0.
    """

    factors: int = 64
    regularization: float = 1.0
    confidence: float = 4.0
    iterations: int = 15
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("factors", "regularization", "iterations"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name}={getattr(self, name)!r}: wanted a number above 0")
        if not 0 <= self.confidence < np.inf:
            raise ValueError(f"confidence={self.confidence!r}: wanted a number of 0 or more")


@dataclass(frozen=True, slots=True)
class ImplicitFactors:
    """A movie ranker: float32 (n_users, f) and (n_movies, f), zeros where there is no rating."""

    user_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]

    def scores(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """Inner products with every movie: float32 (m, n_movies)."""
        affinities: NDArray[np.float32] = self.user_factors[rows] @ self.item_factors.T
        return affinities

    @property
    def rows(self) -> NDArray[np.float32]:
        """The movies' vectors for an index: their factors."""
        return self.item_factors


def fit_als(matrix: RatingsMatrix, options: AlsOptions) -> ImplicitFactors:
    """Factors of both sides, on all cores; the same seed gives the same numbers.

    Raises:
        NothingToFit: no rating at all.
    """
    if not len(matrix):
        raise NothingToFit("no ratings to learn from; import some")
    whole = matrix.user_items
    weights = csr_matrix((whole.data / np.float32(MOST_STARS), whole.indices, whole.indptr), shape=whole.shape)
    # The library has threads of its own; those of BLAS inside them would slow it down tenfold, as it warns itself.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=options.factors,
            regularization=options.regularization,
            alpha=1 + options.confidence,
            iterations=options.iterations,
            random_state=options.seed,
        )
        model.fit(weights, show_progress=False)
    users, movies = matrix.ratings_per_user, matrix.n_ratings
    return ImplicitFactors(_rated(model.user_factors, users), _rated(model.item_factors, movies))


def _rated(factors: NDArray[np.float32], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """A copy with zeros where there is no rating; the library may leave the numbers of the start there."""
    return np.asarray(np.where(counts[:, None] > 0, factors, 0), np.float32)
