"""The bars to be above."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from ratings.errors import NothingToFit
from ratings.matrix import RatingsMatrix
from ratings.popularity import fit_global_mean, fit_popularity


def matrix_of(dense: list[list[float]]) -> RatingsMatrix:
    user_items = csr_matrix(np.array(dense, np.float32))
    users, movies = user_items.shape
    return RatingsMatrix(user_items, np.arange(users, dtype=np.int64), np.arange(movies, dtype=np.int64))


def test_the_global_mean_is_over_ratings_not_cells() -> None:
    fitted = fit_global_mean(matrix_of([[4, 0, 1], [0, 0, 1]]))
    predicted = fitted.predict(np.array([0, 1], np.int32), np.array([1, 2], np.int32))
    assert predicted.dtype == np.float32
    assert predicted.tolist() == [2, 2]


def test_popularity_counts_ratings_or_likes_and_is_the_same_for_everybody() -> None:
    train = matrix_of([[4, 0, 1], [3, 0, 5], [3, 5, 0]])
    rows = np.array([2, 0], np.int32)
    assert fit_popularity(train).scores(rows).tolist() == [[3, 1, 2], [3, 1, 2]]
    assert fit_popularity(train, least_stars=4.0).scores(rows).tolist() == [[1, 1, 1], [1, 1, 1]]


def test_nothing_to_learn_from_is_said() -> None:
    for fit in (fit_global_mean, fit_popularity):
        with pytest.raises(NothingToFit, match="no ratings"):
            fit(matrix_of([[0, 0]]))
