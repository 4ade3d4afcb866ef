"""Symmetric EASE: movies are near that predict each other when all other movies are known.

EASE (Steck 2019, arXiv 1905.03375) has a closed form in `P = (X^T X + lambda I)^-1`. Its symmetric part,
`S_ij = -P_ij / sqrt(P_ii P_jj)` with a diagonal of zero, holds the partial correlations of the movies. The leading
eigenvectors of S, scaled by the roots of their eigenvalues, are vectors whose inner products come as near to S as that
many numbers can: what an inner-product index wants. X is what `ratings.channels` makes of the ratings; scaling one of
its columns changes nothing in S but that movie's regularization.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh
from threadpoolctl import threadpool_limits

from ratings.channels import ChannelOptions, channels
from ratings.errors import NothingToFit
from ratings.matrix import RatingsMatrix
from ratings.partial import LowRank, PartialCorrelations, by_movies, by_users, cheaper_side
from ratings.tail import fold_in_movies

TOLERANCE = 1e-4  # of an eigenvalue, relative: beyond it float32 vectors do not change, and hard spectra take for ever
MIN_MOVIES = 3  # an eigenvector fewer than movies: one number for two movies says nothing


@dataclass(frozen=True, slots=True)
class EaseOptions:
    """How to fit; the defaults were chosen on validation splits (`benchmarks/ratings.py`).

    Attributes:
        dimensions: numbers per movie at most. regularization: lambda above, in squared units of X.
        channels: what X holds.

    Raises:
        ValueError: dimensions below 1, or a regularization that is not above 0.
    """

    dimensions: int = 256
    regularization: float = 60.0
    channels: ChannelOptions = field(default_factory=ChannelOptions)

    def __post_init__(self) -> None:
        if self.dimensions < 1 or not 0 < self.regularization < np.inf:
            raise ValueError(f"dimensions={self.dimensions}, regularization={self.regularization}: wanted both above 0")


def fit_ease(matrix: RatingsMatrix, options: EaseOptions, most: int | None = None) -> NDArray[np.float32]:
    """Vectors of all movies: float32 (n_movies, d), d = dimensions or fewer where there are not so many movies.

    The cheaper side decides the way and the cost, see `ratings.partial`; both give the same vectors up to rounding and
    the last digits of an eigensolver. A movie without ratings has a zero vector. The sign of each dimension is fixed:
    its largest number is positive.

    Args:
        most: so many of the most-rated movies, three at least, are fitted, by movies, and the others folded in; None
            fits all.

    Raises:
        NothingToFit: fewer than three movies with ratings.
    """
    if np.count_nonzero(matrix.n_ratings) < MIN_MOVIES:
        raise NothingToFit(f"fewer than {MIN_MOVIES} movies have ratings: too few to learn from; import more")
    x = channels(matrix, options.channels)
    if most is not None and most < x.shape[1]:
        head = np.sort(np.argsort(-matrix.n_ratings, kind="stable")[: max(most, MIN_MOVIES)])
        vectors = fold_in_movies(x, head, options.regularization, lambda s: leading(s, options.dimensions))
    else:
        cheaper = by_users if cheaper_side(*x.shape) == "users" else by_movies
        vectors = leading(cheaper(x, options.regularization), options.dimensions)
    vectors[matrix.n_ratings == 0] = 0  # the eigensolver leaves some 1e-12 there, of which a cosine would make a 1
    return vectors


def leading(correlations: PartialCorrelations, dimensions: int) -> NDArray[np.float32]:
    """Leading eigenvectors scaled by the roots of their eigenvalues: float32 (n_movies, d), the longest first."""
    movies = len(correlations)
    count = min(dimensions, movies - 1)
    operator = LinearOperator((movies, movies), matvec=correlations.times, matmat=correlations.times, dtype=np.float32)
    start = np.random.default_rng(0).normal(size=movies)  # a fixed one: the same data give the same vectors
    if not correlations.times(start.astype(np.float32)).any():  # no movie has to do with another; ARPACK refuses a zero
        return np.zeros((movies, count), np.float32)
    # A product with the thin half is a matter of memory: more threads of BLAS only wait for each other, tenfold where
    # other programs have work too.
    with threadpool_limits(1 if isinstance(correlations, LowRank) else None, "blas"):
        values, vectors = eigsh(operator, k=count, which="LA", v0=start, tol=TOLERANCE)
    order = np.argsort(-values, kind="stable")
    values, vectors = np.clip(values[order], 0, None), vectors[:, order]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[largest, np.arange(count)] < 0, -1, 1)
    return np.ascontiguousarray(vectors * (signs * np.sqrt(values)), dtype=np.float32)
