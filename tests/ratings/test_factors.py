"""Factors: the sum of four parts, clipped for predictions, and no place read that is not there."""

import numpy as np
import pytest

from ratings.factors import Factors
from ratings.methods import MovieRanker, RatingPredictor


def known_factors() -> Factors:
    two = np.array([[1, 2], [3, 4]], np.float32)
    biases = np.array([0.5, -0.5], np.float32)
    return Factors(3.0, biases, biases, two, (two / 10).astype(np.float32), scale=(1.0, 4.5))


def test_predictions_are_the_sum_clipped_and_scores_are_not_clipped() -> None:
    predictor: RatingPredictor = known_factors()
    ranker: MovieRanker = known_factors()
    rows, cols = np.array([0, 0, 1, 1], np.int32), np.array([0, 1, 0, 1], np.int32)
    sums = [3 + 1 + 0.5, 3 + 0 + 1.1, 3 + 0 + 1.1, 3 - 1 + 2.5]
    assert predictor.predict(rows, cols) == pytest.approx([4.5, 4.1, 4.1, 4.5])
    assert ranker.scores(np.array([1, 0], np.int32)) == pytest.approx(np.array([sums[2:], sums[:2]]))


@pytest.mark.parametrize(("row", "col"), [(2, 0), (-1, 0), (0, 2), (0, -1)])
def test_a_place_that_is_not_there_is_refused(row: int, col: int) -> None:
    with pytest.raises(IndexError, match="there are 0 to 1"):
        known_factors().predict(np.array([row], np.int32), np.array([col], np.int32))
