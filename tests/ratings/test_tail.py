"""Movies folded in one by one: exactly as if each were the only movie more, and nearly as if all were fitted."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings import tail
from ratings.channels import ChannelOptions
from ratings.ease import EaseOptions, fit_ease, leading
from ratings.matrix import RatingsMatrix
from ratings.neighbourly import nearest
from ratings.partial import Dense
from ratings.tail import fold_in_movies

LAMBDA = 1.5


def random_x(rows: int, cols: int, density: float = 0.4) -> csr_matrix:
    draw = np.random.default_rng([rows, cols])
    return csr_matrix(np.where(draw.random((rows, cols)) < density, draw.normal(size=(rows, cols)), 0.0))


def correlations(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """S by its definition."""
    inverse = np.linalg.inv(x.T @ x + LAMBDA * np.eye(x.shape[1]))
    roots = np.sqrt(np.diag(inverse))
    found: NDArray[np.float64] = -inverse / np.outer(roots, roots)
    np.fill_diagonal(found, 0)
    return found


def with_identity(found: Dense) -> NDArray[np.float32]:
    """In place of eigenvectors one dimension a fitted movie: the vectors are then the correlations themselves."""
    return np.eye(len(found), dtype=np.float32)


def genres(users: int, movies: int, kinds: int = 5) -> RatingsMatrix:
    """Users of a kind see the movies of their kind and like them, and now and then one of another kind."""
    draw = np.random.default_rng([users, movies])
    same = (np.arange(users)[:, None] - np.arange(movies)) % kinds == 0
    chance = np.where(same, 0.6, 0.05) * np.linspace(1.2, 0.5, movies)
    stars = np.where(same, draw.integers(7, 11, same.shape), draw.integers(2, 7, same.shape)) / 2
    seen = csr_matrix(np.where(draw.random(same.shape) < chance, stars, 0).astype(np.float32))
    return RatingsMatrix(seen, np.arange(1, users + 1, dtype=np.int64), np.arange(1, movies + 1, dtype=np.int64))


def test_one_movie_more_by_hand() -> None:
    """X = [1 2], lambda 1.5, movie 0 fitted: P_00 = 1 / 2.5, g = 2, w = .8, s = 4 + 1.5 - 1.6 = 3.9."""
    found = fold_in_movies(csr_matrix(np.array([[1.0, 2.0]])), np.array([0]), LAMBDA, with_identity)
    assert found[0, 0] == 1
    assert found[1, 0] == pytest.approx(0.8 / np.sqrt(3.9 / 2.5 + 0.64), abs=1e-6)


@pytest.mark.parametrize("at_once", [1, 3, 512])
def test_each_folded_movie_correlates_as_in_the_exact_inverse_with_it_added(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "MOVIES_AT_ONCE", at_once)
    x, head = random_x(25, 14), np.array([0, 2, 3, 7, 8, 11, 13])
    found = fold_in_movies(x, head, LAMBDA, with_identity)
    dense = x.toarray()
    assert (found[head] == np.eye(len(head))).all()
    for movie in np.setdiff1d(np.arange(14), head):
        exact = correlations(dense[:, [*head, movie]])[-1, :-1]
        assert found[movie] == pytest.approx(exact, abs=1e-6), movie


def test_the_fitted_movies_get_the_vectors_they_would_have_alone() -> None:
    x, head = random_x(25, 14), np.array([1, 4, 5, 6, 9, 12])
    found = fold_in_movies(x, head, LAMBDA, lambda s: leading(s, 3))
    alone = leading(Dense(correlations(x.toarray()[:, head]).astype(np.float32)), 3)
    assert found[head] == pytest.approx(alone, abs=1e-5)


def test_a_folded_movies_vector_is_the_least_squares_one() -> None:
    x, head = random_x(40, 16), np.array([0, 1, 2, 5, 7, 8, 10, 12, 13, 15])
    found = fold_in_movies(x, head, LAMBDA, lambda s: leading(s, 4)).astype(np.float64)
    for movie in np.setdiff1d(np.arange(16), head):
        exact = correlations(x.toarray()[:, [*head, movie]])[-1, :-1]
        want = np.linalg.lstsq(found[head], exact, rcond=None)[0]
        assert found[movie] == pytest.approx(want, abs=1e-4), movie


def test_dimensions_of_no_length_are_left_at_zero() -> None:
    """Eigenvalues of zero or less have vectors of length zero: dividing by it would make everything out of nothing."""
    x = random_x(30, 12)
    found = fold_in_movies(x, np.arange(8), LAMBDA, lambda s: leading(s, 256))
    silent = np.linalg.norm(found[:8], axis=0) < 1e-3
    assert silent.any()
    assert not found[8:, silent].any()
    assert np.abs(found).max() < 10


def test_dimensions_of_next_to_no_length_say_nothing_of_a_folded_movie() -> None:
    """Rounding makes eigenvalues of 1e-8 from those of 0: dividing by them would drown all else."""

    def one_too_short(found: Dense) -> NDArray[np.float32]:
        return np.column_stack([np.eye(len(found)), np.full(len(found), 1e-4)]).astype(np.float32)

    x = random_x(30, 12)
    found = fold_in_movies(x, np.arange(8), LAMBDA, one_too_short)
    assert not found[8:, 8].any()
    assert found[8:, :8].any(axis=1).all()


def test_a_folded_movie_without_ratings_has_a_zero_vector() -> None:
    x = random_x(25, 9).tolil()
    x[:, 4] = 0
    found = fold_in_movies(csr_matrix(x), np.array([0, 1, 2, 3, 5]), LAMBDA, lambda s: leading(s, 3))
    assert not found[4].any()
    assert found[6].any()


def test_all_but_a_few_fitted_gives_nearly_the_neighbours_of_all_fitted() -> None:
    """Also of and among the movies folded in, which know of one another by way of the fitted ones only."""
    matrix, options = genres(200, 60), EaseOptions(8, 10.0, ChannelOptions())
    asked = np.arange(60, dtype=np.int32)
    whole, partly = (nearest(fit_ease(matrix, options, most), asked, k=8) for most in (None, 52))
    common = np.mean([len(np.intersect1d(one, other)) / 8 for one, other in zip(whole, partly, strict=True)])
    assert common > 0.8
    folded = np.argsort(-matrix.n_ratings, kind="stable")[52:]
    assert (partly[folded] % 5 == folded[:, None] % 5).mean() > 0.95


def test_the_most_rated_are_the_ones_fitted() -> None:
    matrix = genres(100, 30)
    head = np.sort(np.argsort(-matrix.n_ratings, kind="stable")[:10])
    part = RatingsMatrix(csr_matrix(matrix.user_items[:, head]), matrix.user_ids, matrix.movie_ids[head])
    alone = EaseOptions(4, 5.0, ChannelOptions(agreement=0.0))  # without the biases, which all ratings have a part in
    assert fit_ease(matrix, alone, 10)[head] == pytest.approx(fit_ease(part, alone), abs=1e-4)


def test_a_head_that_holds_all_movies_is_no_folding() -> None:
    matrix = genres(40, 12)
    want = fit_ease(matrix, EaseOptions(4, 5.0))
    for most in (12, 13, 1000):
        assert (fit_ease(matrix, EaseOptions(4, 5.0), most) == want).all()
