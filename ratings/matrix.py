"""Ratings as a sparse matrix with two id vocabularies: never a matrix as wide as the largest id."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.columns import RatingColumns, latest_of_each_pair
from ratings.errors import UnknownUser, UnratedMovie


@dataclass(frozen=True, slots=True)
class RatingsMatrix:
    """Users x movies.

    Attributes:
        user_items: CSR float32 (n_users, n_movies), stars; what is not stored is missing, not zero.
        user_ids, movie_ids: int64, sorted: the ids of the rows and of the columns.
    """

    user_items: csr_matrix
    user_ids: NDArray[np.int64]
    movie_ids: NDArray[np.int64]

    @classmethod
    def from_columns(cls, columns: RatingColumns) -> Self:
        """The matrix of these ratings; of a pair rated twice the latest counts."""
        latest, _ = latest_of_each_pair(columns)
        user_ids, rows = np.unique(latest.user_ids.astype(np.int64), return_inverse=True)
        movie_ids, cols = np.unique(latest.movie_ids.astype(np.int64), return_inverse=True)
        shape = (len(user_ids), len(movie_ids))
        return cls(csr_matrix((latest.ratings, (rows, cols)), shape=shape), user_ids, movie_ids)

    def __len__(self) -> int:
        return int(self.user_items.nnz)

    @property
    def n_ratings(self) -> NDArray[np.int64]:
        """Ratings of each movie: int64 (n_movies,)."""
        return np.bincount(self.user_items.indices, minlength=len(self.movie_ids)).astype(np.int64)

    @property
    def sparsity(self) -> float:
        """Share of the cells that hold a rating, in [0, 1]."""
        cells = len(self.user_ids) * len(self.movie_ids)
        return len(self) / cells if cells else 0.0

    def row_of_user(self, user_id: int) -> int:
        """Row of a user.

        Raises:
            UnknownUser: without ratings here.
        """
        row = _position(self.user_ids, user_id)
        if row is None:
            raise UnknownUser(user_id)
        return row

    def row_of_movie(self, movie_id: int) -> int:
        """Column of a movie.

        Raises:
            UnratedMovie: without ratings here.
        """
        row = _position(self.movie_ids, movie_id)
        if row is None:
            raise UnratedMovie(movie_id)
        return row

    def triples(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
        """Row, column and stars of every rating, by row: int32, int32, float32, each (n,)."""
        coo = self.user_items.tocoo()
        return coo.row.astype(np.int32), coo.col.astype(np.int32), coo.data.astype(np.float32)


def _position(ids: NDArray[np.int64], wanted: int) -> int | None:
    place = int(np.searchsorted(ids, wanted))
    return place if place < len(ids) and ids[place] == wanted else None
