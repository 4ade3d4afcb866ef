"""Errors of predicted stars: by hand, by user, and never a silent NaN."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.errors import NothingToFit
from ratings.matrix import RatingsMatrix
from ratings.metrics import NotANumber, star_errors


class Says:
    """Predicts from a table."""

    def __init__(self, table: list[list[float]]) -> None:
        self.table = np.array(table, np.float32)

    def predict(self, rows: NDArray[np.int32], cols: NDArray[np.int32]) -> NDArray[np.float32]:
        return self.table[rows, cols]


def matrix_of(dense: list[list[float]]) -> RatingsMatrix:
    user_items = csr_matrix(np.array(dense, np.float32))
    users, movies = user_items.shape
    return RatingsMatrix(user_items, np.arange(users, dtype=np.int64), np.arange(movies, dtype=np.int64))


def test_errors_are_summed_by_user_and_averaged_over_ratings() -> None:
    errors = star_errors(Says([[4, 9, 2], [9, 9, 9], [9, 5, 9]]), matrix_of([[5, 0, 2.5], [0, 0, 0], [0, 2, 0]]))
    assert errors.squared == pytest.approx([1.25, 9])  # the user in the middle has nothing held out
    assert errors.absolute == pytest.approx([1.5, 3])
    assert errors.counts.tolist() == [2, 1]
    assert errors.mse == pytest.approx(10.25 / 3)
    assert errors.rmse == pytest.approx((10.25 / 3) ** 0.5)
    assert errors.mae == pytest.approx(1.5)


def test_a_run_of_pairs_ends_nowhere_between(monkeypatch: pytest.MonkeyPatch) -> None:
    test = matrix_of(np.random.default_rng(0).integers(1, 6, (7, 9)).tolist())
    whole = star_errors(Says([[3.0] * 9] * 7), test)
    monkeypatch.setattr("ratings.metrics.PAIRS_AT_ONCE", 4)
    parts = star_errors(Says([[3.0] * 9] * 7), test)
    assert (parts.squared == whole.squared).all()


def test_nothing_held_out_is_said() -> None:
    with pytest.raises(NothingToFit, match="no ratings are held out"):
        star_errors(Says([[3]]), matrix_of([[0]]))


def test_a_prediction_of_nan_is_an_error_of_the_method_and_no_figure() -> None:
    with pytest.raises(NotANumber, match="2 predictions that are not numbers"):
        star_errors(Says([[np.nan, 3, np.nan]]), matrix_of([[1, 1, 1]]))
