"""Partial correlations of movies, by the cheaper of two exact ways; both only ever multiply."""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.sparse import csr_matrix

from ratings.gram import gram_of_movies, gram_of_users
from ratings.lapack import cholesky_in_place, inverse_of_factor_in_place

Side = Literal["users", "movies"]
ROW_PAIR_BYTES, CELL_BYTES = 16, 20  # by users: for each pair of rows of X, and for each row and movie
MOVIE_PAIR_BYTES = 12  # by movies: for each pair of movies
ROWS_AT_ONCE = 256  # scaled and narrowed together: bounds what the inverse needs beside itself


def bytes_by(side: Side, rows: int, movies: int) -> int:
    """Memory that a side takes for so many rows of X and movies."""
    if side == "users":
        return ROW_PAIR_BYTES * rows**2 + CELL_BYTES * rows * movies
    return MOVIE_PAIR_BYTES * movies**2


def cheaper_side(rows: int, movies: int) -> Side:
    """The side that takes less memory."""
    return "users" if bytes_by("users", rows, movies) <= bytes_by("movies", rows, movies) else "movies"


class PartialCorrelations(Protocol):
    """The symmetric matrix S, (n_movies, n_movies), with a diagonal of zero."""

    def __len__(self) -> int:
        """Number of movies."""

    def times(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """`S v`: float32, the shape of `vectors`, (n_movies,) or (n_movies, m)."""


class LowRank:
    """S as `Z^T Z` without its diagonal; `half` is Z, float32 (n_rows, n_movies)."""

    def __init__(self, half: NDArray[np.float32]) -> None:
        self.half = half
        self._diagonal = np.einsum("ui,ui->i", half, half)

    def __len__(self) -> int:
        return int(self.half.shape[1])

    def times(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """`S v`, in two products with Z."""
        v = vectors.astype(np.float32)
        diagonal = self._diagonal if v.ndim == 1 else self._diagonal[:, None]
        return np.asarray(self.half.T @ (self.half @ v) - diagonal * v)


class Dense:
    """S as it is: float32 (n_movies, n_movies)."""

    def __init__(self, matrix: NDArray[np.float32]) -> None:
        self.matrix = matrix

    def __len__(self) -> int:
        return len(self.matrix)

    def times(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """`S v`."""
        return np.asarray(self.matrix @ vectors.astype(np.float32))


def by_users(x: csr_matrix, regularization: float) -> LowRank:
    """For far fewer rows of X than movies; nothing as large as movies x movies is ever made.

    With `K = X X^T + lambda I = L L^T` and `Z = L^-1 X`, Woodbury's identity gives `lambda P = I - Z^T Z`. So
    `S_ij = (Z^T Z)_ij / sqrt((1 - a_i) (1 - a_j))` off the diagonal, a_i being the squared length of column i of Z,
    always below 1. Memory: see `bytes_by`; n_rows is twice the users where X has both channels.
    """
    gram = gram_of_users(x)
    gram[np.diag_indices(len(gram))] += regularization
    half = solve_triangular(np.linalg.cholesky(gram), x.toarray(), lower=True, overwrite_b=True)
    half /= np.sqrt(1 - np.einsum("ui,ui->i", half, half))
    return LowRank(half.astype(np.float32))


def by_movies(x: csr_matrix, regularization: float) -> Dense:
    """For fewer movies. Memory: see `bytes_by`; time: n_movies^3 multiplications."""
    return correlations_of(inverse_of_movies(x, regularization))


def inverse_of_movies(x: csr_matrix, regularization: float) -> NDArray[np.float64]:
    """P, in place of the Gram matrix; of the lower triangle, the other one is left over: float64 in Fortran order."""
    gram = gram_of_movies(x)
    gram[np.diag_indices(len(gram))] += regularization
    inverse = gram.T  # the same numbers, in Fortran order
    cholesky_in_place(inverse)
    inverse_of_factor_in_place(inverse)
    return inverse


def correlations_of(inverse: NDArray[np.float64]) -> Dense:
    """S from the lower triangle of P: `-P_ij / sqrt(P_ii P_jj)`, zero on the diagonal."""
    movies = len(inverse)
    roots = 1 / np.sqrt(np.diag(inverse))
    matrix = np.zeros((movies, movies), np.float32)
    for start in range(0, movies, ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, movies)
        rows = slice(start, stop)
        below = np.tril(-inverse[rows, :stop] * roots[rows, None] * roots[:stop], start - 1)
        matrix[rows, :stop] = below
        matrix[:stop, rows] += below.T
    return Dense(matrix)
