"""Ratings as a sparse matrix with two id vocabularies: never a matrix as wide as the largest id."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.columns import RatingColumns, latest_of_each_pair
from ratings.errors import UnknownUser, UnratedMovie

ROWS_AT_ONCE = 1 << 20  # of ratings whose movies are looked up together


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
        """The matrix of these ratings; of a pair rated twice the latest counts.

        Where they are sorted and without doubles, as imported ones are, the matrix shares their stars with the columns
        and takes 4 bytes a rating beside them.
        """
        latest, _ = latest_of_each_pair(columns)
        starts = np.flatnonzero(np.diff(latest.user_ids, prepend=-1))
        movie_ids = np.unique(latest.movie_ids)
        cols = np.empty(len(latest), np.int32)
        for start in range(0, len(latest), ROWS_AT_ONCE):
            run = slice(start, start + ROWS_AT_ONCE)
            cols[run] = np.searchsorted(movie_ids, latest.movie_ids[run])
        row_ends = np.append(starts, len(latest))
        shape = (len(starts), len(movie_ids))
        user_items = csr_matrix((latest.ratings, cols, row_ends), shape=shape)
        return cls(user_items, latest.user_ids[starts].astype(np.int64), movie_ids.astype(np.int64))

    def __len__(self) -> int:
        return int(self.user_items.nnz)

    @property
    def n_ratings(self) -> NDArray[np.int64]:
        """Ratings of each movie: int64 (n_movies,)."""
        return np.bincount(self.user_items.indices, minlength=len(self.movie_ids)).astype(np.int64)

    @property
    def mean_ratings(self) -> NDArray[np.float64]:
        """Mean stars of each movie: float64 (n_movies,); 0 without ratings."""
        sums = np.bincount(self.user_items.indices, weights=self.user_items.data, minlength=len(self.movie_ids))
        means: NDArray[np.float64] = sums / np.maximum(self.n_ratings, 1)
        return means

    @property
    def ratings_per_user(self) -> NDArray[np.int64]:
        """Ratings of each user: int64 (n_users,)."""
        counts: NDArray[np.int64] = np.diff(self.user_items.indptr).astype(np.int64)
        return counts

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
        """Row, column and stars of every rating, by row: int32, int32, float32, each (n,); to be read only."""
        coo = self.user_items.tocoo(copy=False)
        return coo.row.astype(np.int32, copy=False), coo.col.astype(np.int32, copy=False), coo.data


def _position(ids: NDArray[np.int64], wanted: int) -> int | None:
    place = int(np.searchsorted(ids, wanted))
    return place if place < len(ids) and ids[place] == wanted else None
