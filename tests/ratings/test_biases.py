"""Biases: damped means, movie first, kept on the scale of the data."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from ratings.biases import fit_biases
from ratings.errors import NothingToFit
from ratings.matrix import RatingsMatrix
from ratings.methods import RatingPredictor
from ratings.reading import read_ratings_csv
from ratings.splits import count_per_user

BUNDLED = Path(__file__).resolve().parents[2] / "data" / "ml-latest-small" / "ratings.csv"
HALF_STARS = st.integers(0, 10).map(lambda half: half / 2)  # 0: no rating


def matrix_of(dense: list[list[float]]) -> RatingsMatrix:
    """0 stands for a missing rating."""
    user_items = csr_matrix(np.array(dense, np.float32))
    users, movies = user_items.shape
    return RatingsMatrix(user_items, np.arange(users, dtype=np.int64), np.arange(movies, dtype=np.int64))


def test_the_movies_bias_is_taken_first_and_both_are_damped() -> None:
    biases = fit_biases(matrix_of([[5, 3], [4, 0]]), damping=1.0)
    # mu = 4; movie 0: (1 + 0) / (2 + 1), movie 1: -1 / (1 + 1); user 0: (1 - 1/3 + -1 + 1/2) / 3, user 1: -1/3 / 2
    assert biases.mu == pytest.approx(4)
    assert biases.item_biases == pytest.approx([1 / 3, -1 / 2])
    assert biases.user_biases == pytest.approx([1 / 18, -1 / 6])
    assert biases.predict(np.array([0, 1], np.int32), np.array([0, 1], np.int32)) == pytest.approx(
        [4 + 1 / 3 + 1 / 18, 4 - 1 / 2 - 1 / 6]
    )


def test_predictions_stay_on_the_scale_of_the_data() -> None:
    biases = fit_biases(matrix_of([[5, 5, 0], [5, 0, 1], [1, 1, 1]]), damping=0.0)
    everywhere = np.indices((3, 3)).reshape(2, -1).astype(np.int32)
    predicted = biases.predict(*everywhere)
    assert predicted.dtype == np.float32
    assert (predicted.min(), predicted.max()) == (1, 5)


def test_no_rating_means_no_bias_with_and_without_damping() -> None:
    for damping in (0.0, 5.0):
        biases: RatingPredictor = fit_biases(matrix_of([[4, 0, 2], [0, 0, 0]]), damping)
        assert biases.predict(np.array([1], np.int32), np.array([1], np.int32)) == pytest.approx([3.0])


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(NothingToFit, match="no ratings"):
        fit_biases(matrix_of([[0, 0]]))


@given(
    st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(HALF_STARS, min_size=n, max_size=n), min_size=1, max_size=5)),
    st.sampled_from([0.0, 1.0, 5.0]),
)
def test_any_matrix_gives_finite_predictions_within_its_scale(dense: list[list[float]], damping: float) -> None:
    matrix = matrix_of(dense)
    if not len(matrix):
        return
    biases = fit_biases(matrix, damping)
    predicted = biases.predict(*np.indices(matrix.user_items.shape).reshape(2, -1).astype(np.int32))
    assert (predicted >= matrix.user_items.data.min()).all()
    assert (predicted <= matrix.user_items.data.max()).all()


def test_on_the_articles_split_the_error_is_the_known_one() -> None:
    """.8505 in performance.md section 5, another draw of the ten."""
    columns = read_ratings_csv(BUNDLED, np.arange(1, 200_000, dtype=np.int64))[0]
    split = count_per_user(RatingsMatrix.from_columns(columns), 10, seed=0)
    rows, cols, stars = split.test.triples()
    mse = float(np.mean((fit_biases(split.train).predict(rows, cols) - stars) ** 2))
    assert 0.83 < mse < 0.87
