"""Partial correlations: both ways give what the dense inverse gives, and the Gram matrices are what NumPy says."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, random_array

from ratings import gram
from ratings.gram import gram_of_movies, gram_of_users
from ratings.partial import ROWS_AT_ONCE, LowRank, by_movies, by_users, correlations_of, inverse_of_movies

SHAPES = [(1, 3), (4, 4), (12, 5), (5, 12), (40, ROWS_AT_ONCE + 44), (20, ROWS_AT_ONCE)]


def sparse(rows: int, cols: int, density: float = 0.3) -> csr_matrix:
    """Numbers of both signs, as the second channel has them."""
    drawn = random_array((rows, cols), density=density, rng=np.random.default_rng([rows, cols]), format="csr")
    drawn.data -= 0.4
    return csr_matrix(drawn)


def oracle(x: csr_matrix, regularization: float) -> NDArray[np.float64]:
    """S by its definition: the whole inverse, then -P_ij / sqrt(P_ii P_jj)."""
    dense = x.toarray()
    inverse = np.linalg.inv(dense.T @ dense + regularization * np.eye(dense.shape[1]))
    roots = np.sqrt(np.diag(inverse))
    correlations: NDArray[np.float64] = -inverse / np.outer(roots, roots)
    np.fill_diagonal(correlations, 0)
    return correlations


def test_two_movies_and_one_user_by_hand() -> None:
    """X = [1 2], lambda = 1: P = [[5, -2], [-2, 2]] / 6, so S_01 = 2 / sqrt(5 * 2)."""
    x = csr_matrix(np.array([[1.0, 2.0]]))
    want = np.array([[0, 2 / np.sqrt(10)], [2 / np.sqrt(10), 0]])
    assert by_movies(x, 1.0).matrix == pytest.approx(want, abs=1e-7)
    assert by_users(x, 1.0).times(np.eye(2, dtype=np.float32)) == pytest.approx(want, abs=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("regularization", [0.5, 60.0])
def test_both_ways_give_what_the_dense_inverse_gives(shape: tuple[int, int], regularization: float) -> None:
    x = sparse(*shape)
    want, identity = oracle(x, regularization), np.eye(shape[1], dtype=np.float32)
    for way in (by_movies, by_users):
        np.testing.assert_allclose(way(x, regularization).times(identity), want, rtol=0, atol=1e-6)


def test_the_matrix_is_symmetric_with_a_diagonal_of_zero() -> None:
    found = by_movies(sparse(40, ROWS_AT_ONCE + 44), 0.5).matrix
    assert (found == found.T).all()
    assert not np.diag(found).any()


@pytest.mark.parametrize("way", [by_users, by_movies])
def test_one_vector_and_many_are_multiplied_alike(way: type) -> None:
    x = sparse(7, 9)
    correlations = way(x, 0.5)
    vectors = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    assert len(correlations) == 9
    together = correlations.times(vectors)
    assert together.dtype == np.float32
    for column in range(3):
        alone = correlations.times(vectors[:, column])
        assert alone.shape == (9,)
        assert alone == pytest.approx(together[:, column], abs=1e-6)
        assert alone == pytest.approx(oracle(x, 0.5) @ vectors[:, column], abs=1e-5)


def test_fewer_users_than_movies_never_make_a_matrix_of_all_movies() -> None:
    found = by_users(sparse(6, 500), 0.5)
    assert isinstance(found, LowRank)
    assert found.half.shape == (6, 500)


def test_a_movie_without_ratings_has_to_do_with_nobody() -> None:
    x = sparse(20, 10, density=0.6).tolil()
    x[:, 4] = 0
    for found in (by_movies(csr_matrix(x), 0.5), by_users(csr_matrix(x), 0.5)):
        times = found.times(np.eye(10, dtype=np.float32))
        assert not times[4].any()
        assert not times[:, 4].any()


def test_the_inverse_is_that_of_the_regularized_gram_matrix_in_its_lower_triangle() -> None:
    x = sparse(30, 12)
    want = np.linalg.inv((x.T @ x).toarray() + 2 * np.eye(12))
    assert np.tril(inverse_of_movies(x, 2.0)) == pytest.approx(np.tril(want), abs=1e-12)


def test_what_is_left_in_the_other_triangle_does_not_matter() -> None:
    inverse = inverse_of_movies(sparse(30, 12), 2.0)
    soiled = inverse + np.triu(np.full((12, 12), 1e6), 1)
    assert (correlations_of(soiled).matrix == correlations_of(inverse).matrix).all()


@pytest.mark.parametrize("shape", [*SHAPES, (200, 30)])
def test_gram_matrices_are_the_products_by_their_definition(shape: tuple[int, int]) -> None:
    x = sparse(*shape, density=0.2)
    dense = x.toarray()
    np.testing.assert_allclose(gram_of_movies(x), dense.T @ dense, rtol=0, atol=1e-12)
    np.testing.assert_allclose(gram_of_users(x), dense @ dense.T, rtol=0, atol=1e-12)


def test_users_and_movies_without_ratings_leave_zeros_in_the_gram_matrices() -> None:
    dense = np.array([[0, 0, 0, 0], [0, 2.0, 0, 3.0], [0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0, 0]])
    want = np.zeros((4, 4))
    want[1, 1], want[1, 3], want[3, 1], want[3, 3] = 5, 6, 6, 9
    assert (gram_of_movies(csr_matrix(dense)) == want).all()
    assert (gram_of_movies(csr_matrix(np.zeros((3, 4)))) == 0).all()
    assert (gram_of_users(csr_matrix(dense)) == dense @ dense.T).all()


def test_a_movie_that_everybody_rated_does_not_upset_the_strips() -> None:
    """Strips are of equal work: most of them are empty where one movie has nearly all ratings."""
    dense = np.zeros((50, 40))
    dense[:, 7] = np.arange(1, 51)
    dense[3, 39], dense[4, 0] = 2, 5
    assert gram_of_movies(csr_matrix(dense)) == pytest.approx(dense.T @ dense, rel=1e-14)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_sums_are_the_same_bits_however_many_threads_there_are(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = sparse(300, 150)
    want = gram_of_movies(x).tobytes()
    monkeypatch.setattr(gram, "cores", lambda: threads)
    assert gram_of_movies(x).tobytes() == want
