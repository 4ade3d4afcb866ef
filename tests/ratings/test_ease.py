"""Symmetric EASE: the vectors are the leading part of the partial correlations, and its neighbours make sense."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.biases import fit_biases
from ratings.channels import ChannelOptions, channels
from ratings.ease import EaseOptions, fit_ease, leading
from ratings.errors import NothingToFit
from ratings.matrix import RatingsMatrix
from ratings.neighbourly import nearest
from ratings.partial import Dense

SEEN_ALONE = ChannelOptions(agreement=0.0, popularity_power=0.0)


def matrix_of(dense: NDArray[np.float64] | list[list[float]]) -> RatingsMatrix:
    """0 stands for a missing rating."""
    user_items = csr_matrix(np.asarray(dense, np.float32))
    users, movies = user_items.shape
    return RatingsMatrix(user_items, np.arange(1, users + 1, dtype=np.int64), np.arange(1, movies + 1, dtype=np.int64))


def random_stars(users: int, movies: int, seed: int = 0, density: float = 0.5) -> NDArray[np.float64]:
    draw = np.random.default_rng([users, movies, seed])
    return np.where(draw.random((users, movies)) < density, draw.integers(1, 11, (users, movies)) / 2, 0.0)


def checkerboard(users: int = 60, movies: int = 20) -> NDArray[np.float64]:
    """Even users love even movies and hate odd ones; odd users the other way round; a fifth of it is missing."""
    u, m = np.meshgrid(np.arange(users), np.arange(movies), indexing="ij")
    seen = np.random.default_rng(0).random(u.shape) < 0.8
    return np.where(seen, np.where((u + m) % 2 == 0, 5.0, 1.0), 0.0)


def x_by_definition(dense: NDArray[np.float64], options: ChannelOptions) -> NDArray[np.float64]:
    """Both channels cell by cell, as the docstring of `channels` has them."""
    biases = fit_biases(matrix_of(dense))
    weights = np.maximum((dense > 0).sum(axis=0), 1.0) ** -options.popularity_power
    expected = biases.mu + biases.user_biases[:, None] + biases.item_biases
    seen = dense / 5 * weights
    liked = np.where(dense > 0, options.agreement * (dense - expected) * weights, 0)
    return np.vstack([seen, liked])


def correlations_by_definition(x: NDArray[np.float64], regularization: float) -> NDArray[np.float64]:
    inverse = np.linalg.inv(x.T @ x + regularization * np.eye(x.shape[1]))
    roots = np.sqrt(np.diag(inverse))
    correlations: NDArray[np.float64] = -inverse / np.outer(roots, roots)
    np.fill_diagonal(correlations, 0)
    return correlations


def positive_part(symmetric: NDArray[np.float64]) -> NDArray[np.float64]:
    """What inner products can give of it: the part of the positive eigenvalues."""
    values, vectors = np.linalg.eigh(symmetric)
    part: NDArray[np.float64] = (vectors * np.clip(values, 0, None)) @ vectors.T
    return part


@pytest.mark.parametrize("shape", [(9, 6), (30, 12), (3, 12), (6, 12), (5, 40)])
@pytest.mark.parametrize("agreement", [0.0, 0.7])
def test_with_dimensions_enough_inner_products_are_the_positive_part_of_the_correlations(
    shape: tuple[int, int], agreement: float
) -> None:
    """A diagonal of zero means one negative eigenvalue at least, so all positive ones are among n - 1."""
    dense, options = random_stars(*shape), ChannelOptions(agreement=agreement, popularity_power=0.3)
    vectors = fit_ease(matrix_of(dense), EaseOptions(256, 2.0, options)).astype(np.float64)
    want = positive_part(correlations_by_definition(x_by_definition(dense, options), 2.0))
    assert vectors.shape == (shape[1], shape[1] - 1)
    assert vectors @ vectors.T == pytest.approx(want, abs=2e-6)


def test_fewer_dimensions_are_the_leading_ones_the_longest_first() -> None:
    dense = random_stars(40, 15)
    vectors = fit_ease(matrix_of(dense), EaseOptions(4, 1.0, SEEN_ALONE)).astype(np.float64)
    values, basis = np.linalg.eigh(correlations_by_definition(dense / 5, 1.0))
    want = (basis * np.sqrt(np.clip(values, 0, None)))[:, ::-1][:, :4]
    assert np.abs(vectors) == pytest.approx(np.abs(want), abs=1e-5)
    lengths = np.linalg.norm(vectors, axis=0)
    assert lengths == pytest.approx(np.sqrt(values[::-1][:4]), abs=1e-6)
    assert (np.diff(lengths) <= 0).all()


def test_the_largest_number_of_each_dimension_is_positive() -> None:
    for seed in range(5):
        vectors = fit_ease(matrix_of(random_stars(30, 12, seed)), EaseOptions(6, 1.0))
        assert (vectors[np.abs(vectors).argmax(axis=0), np.arange(6)] > 0).all()


@pytest.mark.parametrize("shape", [(30, 12), (5, 40)])
def test_the_same_data_give_the_same_vectors(shape: tuple[int, int]) -> None:
    matrix, options = matrix_of(random_stars(*shape)), EaseOptions(8, 1.0)
    assert fit_ease(matrix, options).tobytes() == fit_ease(matrix, options).tobytes()


def test_users_in_another_order_give_the_same_vectors() -> None:
    dense = random_stars(30, 12)
    one, other = (fit_ease(matrix_of(d), EaseOptions(5, 1.0)) for d in (dense, dense[::-1]))
    assert other == pytest.approx(one, abs=1e-4)


@pytest.mark.parametrize("most", [None, 12])
@pytest.mark.parametrize("users", [4, 60])
def test_a_movie_without_ratings_has_a_zero_vector(users: int, most: int | None) -> None:
    """Exactly zero: a cosine makes a 1 of what little an eigensolver leaves."""
    dense = random_stars(users, 30)
    dense[:, ::7] = 0
    vectors = fit_ease(matrix_of(dense), EaseOptions(256, 1.0), most)
    rated = dense.any(axis=0)
    assert not vectors[~rated].any()
    assert vectors[rated].any(axis=1).all()


def test_neighbours_on_a_checkerboard_share_the_parity() -> None:
    vectors = fit_ease(matrix_of(checkerboard()), EaseOptions(dimensions=4))
    lists = nearest(vectors, np.arange(20, dtype=np.int32), k=9)
    assert (lists % 2 == np.arange(20)[:, None] % 2).all()


def opposites() -> NDArray[np.float64]:
    """Movies 0 and 1 are seen by all of 40 users, who give 4 stars to one of them and 3 to the other; 2 is seen by half
    of them, who give it what they gave 0. Movie 3 gets 3.5 from all."""
    dense = np.zeros((40, 4))
    dense[:, 0] = np.where(np.arange(40) % 2 == 0, 4.0, 3.0)
    dense[:, 1] = np.where(np.arange(40) % 2 == 0, 3.0, 4.0)
    dense[:20, 2] = dense[:20, 0]
    dense[:, 3] = 3.5
    return dense


def test_the_second_channel_tells_apart_what_is_seen_together_and_liked_oppositely() -> None:
    """To who counts viewers alone, 1 is nearer to 0 than 2 is: all who saw 0 saw it; but they liked 2 with 0."""
    matrix, ask = matrix_of(opposites()), np.array([0], np.int32)
    alone = fit_ease(matrix, EaseOptions(3, 5.0, ChannelOptions(0.0, 0.0)))
    both = fit_ease(matrix, EaseOptions(3, 5.0, ChannelOptions(2.0, 0.0)))
    assert alone[0] @ alone[1] > alone[0] @ alone[2]
    assert both[0] @ both[1] < 0 < both[0] @ both[2]
    assert nearest(both, ask, k=1)[0, 0] == 2


def test_the_channels_are_what_their_words_say() -> None:
    dense = random_stars(6, 5)
    for options in (ChannelOptions(), ChannelOptions(2.0, 1.0), ChannelOptions(0.5, 0.0)):
        found = channels(matrix_of(dense), options)
        assert found.dtype == np.float64
        assert found.toarray() == pytest.approx(x_by_definition(dense, options), abs=1e-5)
    without = channels(matrix_of(dense), ChannelOptions(0.0, 0.5))
    assert without.shape == (6, 5)
    assert without.toarray() == pytest.approx(x_by_definition(dense, ChannelOptions(0.0, 0.5))[:6], abs=1e-6)


def test_channels_by_hand() -> None:
    """Two users, one movie of two ratings: it weighs 2 ** -1, so 4 stars are 4 / 5 / 2."""
    found = channels(matrix_of([[4, 2], [2, 0]]), ChannelOptions(0.0, 1.0)).toarray()
    assert found == pytest.approx(np.array([[0.4, 0.4], [0.2, 0]]), abs=1e-7)


@pytest.mark.parametrize("dense", [[[5.0, 4.0]], [[5.0, 4.0, 0.0]] * 3, [[0.0, 0.0, 0.0]]])
def test_fewer_than_three_rated_movies_are_too_few(dense: list[list[float]]) -> None:
    with pytest.raises(NothingToFit, match="fewer than 3 movies"):
        fit_ease(matrix_of(dense), EaseOptions())


@pytest.mark.parametrize("most", [None, 1, 2])
def test_movies_that_no_user_shares_have_no_neighbours_and_no_error(most: int | None) -> None:
    vectors = fit_ease(matrix_of(np.diag([5.0, 4.0, 3.0, 2.0])), EaseOptions(), most)
    assert np.isfinite(vectors).all()
    assert np.abs(vectors @ vectors.T)[~np.eye(4, dtype=bool)].max() < 1e-6


def test_correlations_that_are_all_zero_give_zero_vectors() -> None:
    assert (leading(Dense(np.zeros((5, 5), np.float32)), 3) == np.zeros((5, 3))).all()


@pytest.mark.parametrize("wrong", [{"dimensions": 0}, {"regularization": 0.0}, {"regularization": float("nan")}])
def test_options_out_of_range_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EaseOptions(**wrong)  # type: ignore[arg-type]
