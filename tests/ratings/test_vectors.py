"""The vectors that are published, whatever made them, and ranking by the taste that ratings show."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.als import AlsOptions, fit_als
from ratings.ease import EaseOptions, fit_ease
from ratings.errors import NothingToFit
from ratings.factors import Factors
from ratings.matrix import RatingsMatrix
from ratings.planning import VectorMethod, VectorPlan
from ratings.sgd import FactorOptions, fit_sgd
from ratings.tastes import TASTE_POWER, Taste
from ratings.vectors import HALF_SUPPORT, TasteRanker, fit_vectors, supported


def matrix_of(dense: NDArray[np.float64] | list[list[float]]) -> RatingsMatrix:
    """0 stands for a missing rating."""
    user_items = csr_matrix(np.asarray(dense, np.float32))
    users, movies = user_items.shape
    return RatingsMatrix(user_items, np.arange(1, users + 1, dtype=np.int64), np.arange(1, movies + 1, dtype=np.int64))


def random_matrix() -> RatingsMatrix:
    draw = np.random.default_rng(0)
    return matrix_of(np.where(draw.random((25, 12)) < 0.5, draw.integers(1, 11, (25, 12)) / 2, 0.0))


def factors_of(matrix: RatingsMatrix) -> Factors:
    return fit_sgd(matrix, FactorOptions(factors=3, max_epochs=3)).factors


def test_support_and_direction_by_hand() -> None:
    """20 ratings at a half support of 20 is a half; (3, 4) has length 5."""
    rows = supported(np.array([[3, 4], [0, -2]], np.float32), np.array([20, 60]), 20.0)
    assert rows == pytest.approx(np.array([[0.3, 0.4], [0, -0.75]]))
    assert rows.dtype == np.float32


def test_without_half_support_every_row_has_length_one_but_a_row_of_zeros() -> None:
    rows = supported(np.array([[3, 4], [1e-20, 0], [0, 0]], np.float32), np.array([1, 1, 0]), 0.0)
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1, 0])
    assert np.isfinite(rows).all()


def test_inner_products_are_the_cosine_times_the_support_of_both() -> None:
    factors, counts = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32), np.array([1, 5, 20, 80, 320])
    rows = supported(factors, counts, 20.0)
    units = factors / np.linalg.norm(factors, axis=1)[:, None]
    support = counts / (counts + 20)
    assert rows @ rows.T == pytest.approx((units @ units.T) * np.outer(support, support), abs=1e-6)


def test_each_plan_is_carried_out() -> None:
    matrix = random_matrix()
    factors = factors_of(matrix)
    wanted = {
        "ease": fit_ease(matrix, EaseOptions()),
        "als": fit_als(matrix, AlsOptions()).item_factors,
        "sgd": supported(factors.item_factors, matrix.n_ratings, HALF_SUPPORT),
    }
    for method, rows in wanted.items():
        found = fit_vectors(matrix, VectorPlan(method, None, "because"), factors)  # type: ignore[arg-type]
        assert (found.method, found.why) == (method, "because")
        assert found.rows.tobytes() == np.ascontiguousarray(rows).tobytes()
        assert found.options, "how they were fitted is kept with them"


def test_a_plan_of_a_part_folds_the_others_in() -> None:
    matrix = random_matrix()
    found = fit_vectors(matrix, VectorPlan("ease", 8, ""), factors_of(matrix))
    assert (found.rows == fit_ease(matrix, EaseOptions(), 8)).all()
    assert (found.rows[:, :7] != fit_ease(matrix, EaseOptions())[:, :7]).any()


@pytest.mark.parametrize("method", ["ease", "als", "sgd"])
def test_vectors_are_finite_float32_with_zeros_for_the_unrated(method: VectorMethod) -> None:
    dense = random_matrix().user_items.toarray()
    dense[:, 5] = 0
    matrix = matrix_of(dense)
    rows = fit_vectors(matrix, VectorPlan(method, None, ""), factors_of(matrix)).rows
    assert rows.dtype == np.float32
    assert len(rows) == 12
    assert np.isfinite(rows).all()
    assert not rows[5].any()


def test_two_movies_are_too_few_for_ease_and_enough_for_the_others() -> None:
    matrix = matrix_of([[5, 4], [3, 2], [1, 5], [2, 2], [4, 4]])
    factors = factors_of(matrix)
    with pytest.raises(NothingToFit, match="fewer than 3 movies"):
        fit_vectors(matrix, VectorPlan("ease", None, ""), factors)
    assert fit_vectors(matrix, VectorPlan("als", None, ""), factors).rows.any()
    assert fit_vectors(matrix, VectorPlan("sgd", None, ""), factors).rows.any()


def test_affinities_by_hand() -> None:
    """5 stars count 1, 2.5 a half at power 1 and a quarter at 2; |v| is 1, 2 and 2."""
    vectors = np.array([[1, 0], [0, 2], [2, 0]], np.float32)
    train = matrix_of([[5, 2.5, 0], [0, 0, 0]])
    rows = np.array([0, 1], np.int32)
    assert TasteRanker(vectors, train, 1.0).scores(rows) == pytest.approx(np.array([[1, 2, 2], [0, 0, 0]]))
    assert TasteRanker(vectors, train, 2.0).scores(rows) == pytest.approx(np.array([[1, 1, 2], [0, 0, 0]]))
    assert TasteRanker(vectors, train, 0.0).scores(rows) == pytest.approx(np.array([[1, 4, 2], [0, 0, 0]]))
    assert TasteRanker(vectors, train, 1.0, debias=1.0).scores(rows) == pytest.approx(np.array([[1, 1, 1], [0, 0, 0]]))


def test_a_movie_with_a_zero_vector_scores_zero_at_any_debias() -> None:
    vectors = np.array([[1, 0], [0, 0]], np.float32)
    for debias in (0.0, 0.5, 1.0):
        assert TasteRanker(vectors, matrix_of([[5, 5]]), 1.0, debias).scores(np.array([0], np.int32))[0, 1] == 0


def test_it_ranks_as_the_service_does() -> None:
    matrix = random_matrix()
    vectors = fit_ease(matrix, EaseOptions(dimensions=5))
    scores = TasteRanker(vectors, matrix, TASTE_POWER).scores(np.arange(25, dtype=np.int32))
    for row in (0, 13, 24):
        mine = matrix.user_items[row]
        taste = Taste(matrix.movie_ids[mine.indices], mine.data, vectors[mine.indices])
        assert scores[row] == pytest.approx(vectors @ taste.vector(), abs=1e-5)


def test_asking_changes_nothing() -> None:
    matrix = random_matrix()
    before = matrix.user_items.data.copy()
    TasteRanker(fit_ease(matrix, EaseOptions()), matrix, 3.0, 0.5).scores(np.arange(25, dtype=np.int32))
    assert (matrix.user_items.data == before).all()
