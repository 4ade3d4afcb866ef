"""The Gram matrices that EASE needs: which movies share users, and which users share movies, weighted by stars."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.kernels import compiled
from ratings.passes import cores

STRIPS: Final = 16  # of rows, filled side by side; a fixed number, so that the sums never depend on the threads


def gram_of_movies(user_items: csr_matrix) -> NDArray[np.float64]:
    """`X^T X` as a dense, symmetric float64 (n_movies, n_movies).

    Only the movies of one user meet, so the work is the sum of the squared history lengths; memory 8 n^2 bytes.

    Args:
        user_items: CSR (n_users, n_movies), indices sorted in each row.
    """
    movies = user_items.shape[1]
    gram = np.zeros((movies, movies))
    # Equal work, not equal rows: the movies at the front of the ids have most of the ratings.
    load = np.cumsum(np.bincount(user_items.indices, minlength=movies))
    borders = np.searchsorted(load, np.linspace(0, load[-1], STRIPS + 1)[1:-1]).tolist()

    def fill(strip: tuple[int, int]) -> None:
        _fill(gram, user_items.indptr, user_items.indices, user_items.data, *strip)

    with ThreadPoolExecutor(cores()) as threads:  # the kernel lets go of the GIL
        list(threads.map(fill, pairwise([0, *borders, movies])))
    return gram


def gram_of_users(user_items: csr_matrix) -> NDArray[np.float64]:
    """`X X^T` as a dense, symmetric float64 (n_users, n_users); memory 8 n^2 bytes and a sparse product beside it."""
    return np.asarray((user_items @ user_items.T).toarray(), dtype=np.float64)


@compiled
def _fill(
    gram: NDArray[np.float64],
    row_ends: NDArray[np.int32],
    cols: NDArray[np.int32],
    values: NDArray[np.float64],
    first: int,
    end: int,
) -> None:
    """Adds up the rows `first` to `end` of both triangles, users in order: the same numbers every time."""
    for user in range(len(row_ends) - 1):
        for a in range(row_ends[user], row_ends[user + 1]):
            if first <= cols[a] < end:
                for b in range(row_ends[user], row_ends[user + 1]):
                    gram[cols[a], cols[b]] += values[a] * values[b]
