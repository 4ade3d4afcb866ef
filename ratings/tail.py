"""Vectors for the movies that an inverse of all movies has no room for: each is added to the fitted ones alone.

Let P be the inverse of the fitted movies' regularized Gram matrix, and g the products of the new movie j with them. The
inverse with j as one movie more has, by the block formula with `w = P g` and `s = g_jj + lambda - g . w`, the diagonal
`P_ii + w_i^2 / s` and the column `-w_i / s`, so the partial correlation is exactly `S_ij = w_i / sqrt(s P_ii + w_i^2)`.
The vector of j is the one whose inner products with the fitted vectors come nearest to these, by least squares.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsymm
from scipy.sparse import csc_matrix, csr_matrix

from ratings.partial import Dense, correlations_of, inverse_of_movies

MOVIES_AT_ONCE = 512  # folded in together: 8 bytes times the fitted movies times this, three times over
LEAST_LENGTH = 1e-6  # of a dimension's squared length: below it nothing can be said along it


def fold_in_movies(
    x: csr_matrix,
    head: NDArray[np.int64],
    regularization: float,
    factored: Callable[[Dense], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Fits the movies of `head` and folds in all others: float32 (n_movies, d).

    Args:
        x: (n_rows, n_movies). head: int64 (m,), sorted columns. factored: makes vectors, (m, d), of the correlations.

    Memory: 12 m^2 bytes, and X twice more. Time: m^3 multiplications, and m^2 for each movie folded in.
    """
    columns = csc_matrix(x)
    fitted = csr_matrix(columns[:, head])
    inverse = inverse_of_movies(fitted, regularization)
    vectors = factored(correlations_of(inverse))
    out = np.zeros((x.shape[1], vectors.shape[1]), np.float32)
    out[head] = vectors
    others = np.setdiff1d(np.arange(x.shape[1]), head)
    squared = np.einsum("md,md->d", vectors, vectors, dtype=np.float64)  # eigenvectors: the dimensions are orthogonal
    along = np.where(squared > LEAST_LENGTH, vectors / np.maximum(squared, LEAST_LENGTH), 0.0)
    for start in range(0, len(others), MOVIES_AT_ONCE):
        some = others[start : start + MOVIES_AT_ONCE]
        added = csc_matrix(columns[:, some])
        out[some] = _correlations(inverse, fitted, added, regularization).T @ along
    return out


def _correlations(
    inverse: NDArray[np.float64], fitted: csr_matrix, added: csc_matrix, regularization: float
) -> NDArray[np.float64]:
    """S of the fitted movies with each added one: float64 (m, added)."""
    products = (fitted.T @ added).toarray(order="F")
    w = dsymm(1.0, inverse, products, lower=1)  # P keeps its lower triangle only
    own = np.asarray(added.multiply(added).sum(axis=0)).ravel() + regularization
    s = own - np.einsum("mj,mj->j", products, w)
    return np.asarray(w / np.sqrt(s * np.diag(inverse)[:, None] + w**2))
