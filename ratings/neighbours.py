"""The vectors behind `GET /similar?by=ratings`: factors of length 1, shortened where few ratings support them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ratings.model import FactorModel

# A movie with this many ratings counts half. The plain cosine of the factors (the article's way) answers with movies
# of one or two ratings; benchmarks/neighbours.py shows what each value does to ranking, genres and popularity.
HALF_SUPPORT = 20
METRIC: Final = "inner_product"


def neighbour_vectors(model: FactorModel) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Movie ids (n,) and vectors (n, factors) for an inner-product index, in the same order; every rated movie.

    The inner product of two of them is the cosine of their factors times the support `n / (n + 20)` of both, so it
    lies in [-1, 1] and favours neighbours that many people rated. Both arrays are new.
    """
    return model.movie_ids.copy(), supported(model.item_factors, model.n_ratings, HALF_SUPPORT)


def supported(
    item_factors: NDArray[np.float32], n_ratings: NDArray[np.int64], half_support: float
) -> NDArray[np.float32]:
    """Rows of length n / (n + half_support), in the direction of the factors; float32 (n, factors).

    A movie whose factors are all zero keeps a zero row: it answers, and is nobody's neighbour.
    """
    factors = item_factors.astype(np.float64)
    lengths = np.linalg.norm(factors, axis=1)
    support = n_ratings / (n_ratings + half_support)
    scale = np.divide(support, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return np.asarray(factors * scale[:, None], dtype=np.float32)
