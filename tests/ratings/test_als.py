"""Implicit ALS: seeded, zeros for who has no ratings, and neighbours that make sense."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.als import AlsOptions, fit_als
from ratings.errors import NothingToFit
from ratings.matrix import RatingsMatrix
from ratings.neighbourly import nearest

SMALL = AlsOptions(factors=6, iterations=10)


def matrix_of(dense: NDArray[np.float64] | list[list[float]]) -> RatingsMatrix:
    """0 stands for a missing rating."""
    user_items = csr_matrix(np.asarray(dense, np.float32))
    users, movies = user_items.shape
    return RatingsMatrix(user_items, np.arange(1, users + 1, dtype=np.int64), np.arange(1, movies + 1, dtype=np.int64))


def seen_checkerboard(users: int = 60, movies: int = 20) -> NDArray[np.float64]:
    """Even users have seen most even movies and hardly an odd one; odd users the other way round."""
    u, m = np.meshgrid(np.arange(users), np.arange(movies), indexing="ij")
    chance = np.where((u + m) % 2 == 0, 0.7, 0.03)
    return np.where(np.random.default_rng(0).random(u.shape) < chance, 4.0, 0.0)


def test_neighbours_on_a_checkerboard_share_the_parity() -> None:
    fitted = fit_als(matrix_of(seen_checkerboard()), SMALL)
    lists = nearest(fitted.item_factors, np.arange(20, dtype=np.int32), k=9)
    assert (lists % 2 == np.arange(20)[:, None] % 2).mean() > 0.98


def test_users_are_drawn_to_the_movies_of_their_parity() -> None:
    fitted = fit_als(matrix_of(seen_checkerboard()), replace(SMALL, factors=2))
    scores = fitted.scores(np.array([0, 1], np.int32))
    assert scores.shape == (2, 20)
    assert scores.dtype == np.float32
    assert scores[0, ::2].min() > scores[0, 1::2].max()
    assert scores[1, 1::2].min() > scores[1, ::2].max()


def test_scores_are_inner_products_with_every_movie() -> None:
    fitted = fit_als(matrix_of(seen_checkerboard()), SMALL)
    rows = np.array([5, 0, 5], np.int32)
    assert fitted.scores(rows) == pytest.approx(fitted.user_factors[rows] @ fitted.item_factors.T)


def test_the_same_seed_gives_the_same_numbers_and_another_gives_others() -> None:
    matrix = matrix_of(seen_checkerboard())
    one, again, other = (fit_als(matrix, replace(SMALL, seed=seed)) for seed in (3, 3, 4))
    assert one.item_factors.tobytes() == again.item_factors.tobytes()
    assert one.user_factors.tobytes() == again.user_factors.tobytes()
    assert (one.item_factors != other.item_factors).any()


def test_who_has_no_ratings_has_zeros() -> None:
    dense = seen_checkerboard()
    dense[:, 3] = dense[7] = dense[-1] = 0
    fitted = fit_als(matrix_of(dense), SMALL)
    assert not fitted.item_factors[3].any()
    assert not fitted.user_factors[7].any()
    assert not fitted.user_factors[-1].any()
    assert np.isfinite(fitted.item_factors).all()
    assert fitted.item_factors[dense.any(axis=0)].any(axis=1).all()


@pytest.mark.parametrize("confidence", [0.0, 4.0, 40.0])
def test_one_factor_is_the_fixed_point_of_the_papers_equation(confidence: float) -> None:
    """`x_u = sum of c y / (sum over all of y^2 + sum of (c - 1) y^2 + regularization)`, one number each, by hand."""
    dense = seen_checkerboard(12, 8)
    options = AlsOptions(factors=1, regularization=0.3, confidence=confidence, iterations=200)
    fitted = fit_als(matrix_of(dense), options)
    x, y = fitted.user_factors[:, 0].astype(np.float64), fitted.item_factors[:, 0].astype(np.float64)
    weights = (1 + confidence) * dense / 5
    below = (y**2).sum() + ((weights - 1) * (dense > 0)) @ y**2 + 0.3
    assert x == pytest.approx(weights @ y / below, abs=2e-3)


def test_more_stars_count_more() -> None:
    """Of two movies that the same users saw, the one with more stars is what they are drawn to."""
    dense = np.zeros((20, 6))
    dense[:10, 0], dense[:10, 1], dense[10:, 2], dense[10:, 3] = 5, 1, 4, 4
    dense[::3, 4], dense[1::3, 5] = 3, 3
    scores = fit_als(matrix_of(dense), SMALL).scores(np.arange(10, dtype=np.int32))
    assert (scores[:, 0] > scores[:, 1]).all()


def test_more_factors_than_movies_are_fine() -> None:
    fitted = fit_als(matrix_of([[5, 4, 0], [0, 3, 2]]), AlsOptions(factors=64, iterations=3))
    assert fitted.item_factors.shape == (3, 64)
    assert np.isfinite(fitted.item_factors).all()


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(NothingToFit, match="no ratings"):
        fit_als(matrix_of([[0.0, 0.0]]), SMALL)


def test_the_matrix_is_not_changed() -> None:
    matrix = matrix_of(seen_checkerboard())
    before = matrix.user_items.data.copy()
    fit_als(matrix, SMALL)
    assert (matrix.user_items.data == before).all()


@pytest.mark.parametrize("name", ["factors", "regularization", "confidence", "iterations"])
@pytest.mark.parametrize("wrong", [-1, float("nan")])
def test_options_out_of_range_are_refused_by_name(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=name):
        AlsOptions(**{name: wrong})  # type: ignore[arg-type]
