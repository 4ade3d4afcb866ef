"""Prediction by neighbours: by hand, against a dense oracle, on the article's split, and with 60,000 movies."""

import tracemalloc
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.biases import fit_biases
from ratings.errors import NothingToFit
from ratings.matrix import RatingsMatrix
from ratings.methods import RatingPredictor
from ratings.neighbourhood import NeighbourhoodOptions, fit_neighbourhood
from ratings.reading import read_ratings_csv
from ratings.splits import Split, count_per_user

BUNDLED = Path(__file__).resolve().parents[2] / "data" / "ml-latest-small" / "ratings.csv"
HALF_STARS = st.integers(0, 10).map(lambda half: half / 2)  # 0: no rating
BOTH = pytest.mark.parametrize("by", ["user", "movie"])


def matrix_of(dense: NDArray[np.float64] | list[list[float]]) -> RatingsMatrix:
    """0 stands for a missing rating."""
    user_items = csr_matrix(np.array(dense, np.float32))
    users, movies = user_items.shape
    return RatingsMatrix(user_items, np.arange(users, dtype=np.int64), np.arange(movies, dtype=np.int64))


def everywhere(matrix: RatingsMatrix) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    rows, cols = np.indices(matrix.user_items.shape, np.int32).reshape(2, -1)
    return rows, cols


def predicted(dense: NDArray[np.float64] | list[list[float]], options: NeighbourhoodOptions) -> NDArray[np.float32]:
    """Of every pair, as a matrix like `dense`."""
    matrix = matrix_of(dense)
    return fit_neighbourhood(matrix, options).predict(*everywhere(matrix)).reshape(matrix.user_items.shape)


def oracle(matrix: RatingsMatrix, options: NeighbourhoodOptions) -> NDArray[np.float64]:
    """The same from dense matrices, pair by pair: float64, like the matrix."""
    stars = matrix.user_items.toarray().astype(np.float64)
    biases = fit_biases(matrix, options.damping)
    habitual = biases.mu + biases.user_biases.astype(np.float64)[:, None] + biases.item_biases
    rated, deviations = stars > 0, np.where(stars > 0, stars - habitual, 0)
    if options.by == "movie":
        rated, deviations = rated.T, deviations.T
    lengths = np.linalg.norm(deviations, axis=1)
    units = deviations / np.where(lengths > 0, lengths, 1)[:, None]
    common = rated.astype(float) @ rated.T
    similar = units @ units.T * common / np.maximum(common + options.shrinkage, 1e-9)
    expected = np.zeros(deviations.shape)
    for row, col in np.ndindex(*deviations.shape):
        others = [n for n in np.flatnonzero(rated[:, col]) if n != row and similar[row, n] > 0]
        nearest = sorted(others, key=lambda n: -similar[row, n])[: options.neighbours]
        weights = similar[row, nearest]
        if len(nearest):
            expected[row, col] = weights @ deviations[nearest, col] / (weights.sum() + options.pull)
    return np.clip(habitual + (expected if options.by == "user" else expected.T), *biases.scale)


def random_stars(users: int, movies: int, seed: int) -> NDArray[np.float64]:
    """A third of the cells; not in half stars, so that no two similarities are equal."""
    generator = np.random.default_rng(seed)
    return generator.uniform(1, 5, (users, movies)) * (generator.random((users, movies)) < 0.35)


@cache
def articles_split() -> Split:
    columns = read_ratings_csv(BUNDLED, np.arange(1, 200_000, dtype=np.int64))[0]
    return count_per_user(RatingsMatrix.from_columns(columns), 10, seed=0)


def test_alike_users_lend_their_deviations_by_hand() -> None:
    # With this damping there are no biases to speak of: deviations are stars - 3.
    dense = [[5, 1, 0], [4, 2, 4], [1, 5, 2]]
    options = NeighbourhoodOptions("user", neighbours=2, shrinkage=2, pull=0.25, damping=1e9)
    # (2, -2) and (1, -1, 1): cosine 4 / sqrt(8 x 3), half of it with two in common; user 2 is unlike and has no say
    weight = 4 / 24**0.5 / 2
    assert predicted(dense, options)[0, 2] == pytest.approx(3 + weight * 1 / (weight + 0.25), abs=1e-5)


def test_alike_movies_lend_their_deviations_by_hand() -> None:
    dense = [[5, 4, 1], [1, 2, 5], [0, 4, 2]]
    options = NeighbourhoodOptions("movie", neighbours=2, shrinkage=2, pull=0.25, damping=1e9)
    # mean 3: movie 0 is (2, -2), movie 1 (1, -1, 1), movie 2 its opposite and without a say
    weight = 4 / 24**0.5 / 2
    assert predicted(dense, options)[2, 0] == pytest.approx(3 + weight * 1 / (weight + 0.25), abs=1e-5)


def test_of_many_neighbours_only_the_nearest_count() -> None:
    dense = [[5, 1, 0], [5, 1, 4], [3, 1, 2]]
    one = NeighbourhoodOptions("user", neighbours=1, shrinkage=0, pull=0, damping=1e9)
    mean = np.mean([5, 1, 5, 1, 4, 3, 1, 2])
    nearest = mean + (4 - mean)
    assert predicted(dense, one)[0, 2] == pytest.approx(nearest, abs=1e-5)
    both = NeighbourhoodOptions("user", neighbours=2, shrinkage=0, pull=0, damping=1e9)
    assert 2 < predicted(dense, both)[0, 2] < nearest


@BOTH
def test_a_rating_does_not_predict_itself(by: str) -> None:
    """A cell's own stars change what is expected there only through the biases, which this damping takes away."""
    options = NeighbourhoodOptions(by, damping=1e9)
    alone = predicted([[5, 0, 0], [0, 1, 0], [0, 0, 3]], options)
    assert alone == pytest.approx(np.full((3, 3), 3.0), abs=1e-5)


@BOTH
@pytest.mark.parametrize(("neighbours", "shrinkage", "pull"), [(1, 0.0, 0.0), (3, 5.0, 0.1), (40, 50.0, 0.1)])
def test_it_is_what_dense_matrices_give(by: str, neighbours: int, shrinkage: float, pull: float) -> None:
    matrix = matrix_of(random_stars(30, 25, seed=neighbours))
    options = NeighbourhoodOptions(by, neighbours, shrinkage, pull)
    got = fit_neighbourhood(matrix, options).predict(*everywhere(matrix))
    assert got == pytest.approx(oracle(matrix, options).ravel(), abs=1e-4)


@BOTH
def test_the_order_of_the_pairs_does_not_matter(by: str) -> None:
    matrix = matrix_of(random_stars(20, 20, seed=1))
    neighbourhood = fit_neighbourhood(matrix, NeighbourhoodOptions(by))
    rows, cols = everywhere(matrix)
    mixed = np.random.default_rng(0).permutation(len(rows))
    assert (neighbourhood.predict(rows[mixed], cols[mixed]) == neighbourhood.predict(rows, cols)[mixed]).all()


@BOTH
def test_more_neighbours_than_there_are_is_all_of_them(by: str) -> None:
    dense = random_stars(8, 9, seed=2)
    all_of_them = predicted(dense, NeighbourhoodOptions(by, neighbours=9))
    assert (predicted(dense, NeighbourhoodOptions(by, neighbours=10**9)) == all_of_them).all()


@BOTH
def test_the_defaults_beat_biases_and_surprises_neighbours_on_the_articles_split(by: str) -> None:
    """Surprise's item kNN-baseline has .8487 (performance.md section 5); measured here .784 by movie, .808 by user."""
    split = articles_split()
    rows, cols, stars = split.test.triples()
    neighbourhood: RatingPredictor = fit_neighbourhood(split.train, NeighbourhoodOptions(by))
    mse = float(np.mean((neighbourhood.predict(rows, cols) - stars) ** 2))
    habitual = float(np.mean((fit_biases(split.train).predict(rows, cols) - stars) ** 2))
    assert mse < habitual - 0.02
    assert mse < (0.79 if by == "movie" else 0.815)


@BOTH
def test_sixty_thousand_movies_need_no_matrix_of_all_pairs(by: str) -> None:
    """60,000 x 60,000 float64 are 28.8 GB; the fit takes bytes a rating, a prediction bytes a movie and a pair."""
    users, movies, n = 3_000, 60_000, 300_000
    generator = np.random.default_rng(0)
    cells = np.unique(generator.integers(0, users * movies, n))
    stars = generator.integers(1, 11, len(cells)).astype(np.float32) / 2
    user_items = csr_matrix((stars, (cells // movies, cells % movies)), shape=(users, movies))
    matrix = RatingsMatrix(user_items, np.arange(users), np.arange(movies))
    rows, cols = generator.integers(0, users, 5_000).astype(np.int32), np.arange(5_000, dtype=np.int32)
    fit_neighbourhood(matrix, NeighbourhoodOptions(by)).predict(rows[:1], cols[:1])  # compiled before it is watched
    tracemalloc.start()
    fitted = fit_neighbourhood(matrix, NeighbourhoodOptions(by))
    kept, fit_peak = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    predicted_stars = fitted.predict(rows, cols)
    predict_peak = tracemalloc.get_traced_memory()[1] - kept
    tracemalloc.stop()
    assert np.isfinite(predicted_stars).all()
    assert kept <= 24 * len(cells) + 16 * movies
    assert fit_peak <= 100 * len(cells)
    assert predict_peak <= 24 * movies + 64 * len(rows)


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(NothingToFit, match="no ratings"):
        fit_neighbourhood(matrix_of([[0, 0]]), NeighbourhoodOptions())


@pytest.mark.parametrize(
    "wrong", [{"by": "poster"}, {"neighbours": 0}, {"shrinkage": -1.0}, {"pull": np.nan}, {"damping": np.inf}]
)
def test_an_option_out_of_range_is_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        NeighbourhoodOptions(**wrong)


def test_a_row_that_does_not_exist_is_an_error_and_not_another_users_rating() -> None:
    neighbourhood = fit_neighbourhood(matrix_of([[1, 2], [3, 4]]), NeighbourhoodOptions())
    with pytest.raises(IndexError):
        neighbourhood.predict(np.array([2], np.int32), np.array([0], np.int32))


BAD = {
    "users of one rating": [[5, 0, 0], [0, 1, 0], [0, 3, 0]],
    "a movie and a user without ratings": [[5, 0, 4], [1, 0, 2], [0, 0, 0]],
    "constant raters": [[3, 3, 3], [5, 5, 0], [1, 0, 1]],
    "one and the same rating": [[4, 4], [4, 0]],
    "two users": [[5, 1, 2], [1, 0, 2]],
    "one rating": [[2]],
}


@BOTH
@pytest.mark.parametrize("dense", BAD.values(), ids=BAD.keys())
def test_poor_ratings_give_predictions_within_their_scale(by: str, dense: list[list[float]]) -> None:
    stars = predicted(dense, NeighbourhoodOptions(by, shrinkage=0, pull=0))
    rated = np.array(dense)[np.array(dense) > 0]
    assert stars.min() >= rated.min()
    assert stars.max() <= rated.max()


@BOTH
def test_without_a_rating_on_either_side_there_is_the_mean(by: str) -> None:
    assert predicted(BAD["a movie and a user without ratings"], NeighbourhoodOptions(by))[2, 1] == pytest.approx(3)


@settings(deadline=None)
@given(
    st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(lambda shape: arrays(float, shape, elements=HALF_STARS)),
    st.sampled_from(["user", "movie"]),
    st.sampled_from([1, 2, 100]),
    st.sampled_from([0.0, 0.1, 50.0]),
)
def test_any_matrix_gives_finite_predictions_within_its_scale(
    dense: NDArray[np.float64], by: str, neighbours: int, drawn: float
) -> None:
    if not dense.any():
        return
    for damping in (0.0, 5.0):
        stars = predicted(dense, NeighbourhoodOptions(by, neighbours, drawn, drawn, damping))
        assert (stars >= dense[dense > 0].min()).all()
        assert (stars <= dense.max()).all()
