"""Bad ratings, for every method: finite numbers within the scale, or one named line; never NaN, never a stack trace."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.als import AlsOptions, fit_als
from ratings.biases import DAMPING, fit_biases
from ratings.ease import EaseOptions, fit_ease
from ratings.errors import FitDiverged, RatingsError
from ratings.folding import ItemSide, fold_in_all
from ratings.matrix import RatingsMatrix
from ratings.methods import MovieRanker, RatingPredictor
from ratings.neighbourhood import NeighbourhoodOptions, fit_neighbourhood
from ratings.neighbourly import nearest
from ratings.popularity import fit_global_mean, fit_popularity
from ratings.reading import read_ratings_csv
from ratings.sgd import FactorOptions, fit_sgd
from ratings.vectors import TasteRanker

Dense = list[list[float]]


def folded(train: RatingsMatrix) -> RatingPredictor:
    factors = fit_sgd(train, SGD).factors
    sides = factors.item_biases, factors.item_factors, factors.mu, factors.scale
    return fold_in_all(train, ItemSide(train.movie_ids, *sides, factor_regularization=0.05, bias_damping=DAMPING))


def tastes(train: RatingsMatrix, most: int | None = None, debias: float = 0.0) -> MovieRanker:
    return TasteRanker(fit_ease(train, EaseOptions(256), most), train, 2.0, debias)


SGD = FactorOptions(factors=40, max_epochs=3)  # more factors than any matrix here is wide
PREDICTORS: dict[str, Callable[[RatingsMatrix], RatingPredictor]] = {
    "global mean": fit_global_mean,
    "biases": fit_biases,
    "biases, not damped": partial(fit_biases, damping=0.0),
    "similar users": partial(fit_neighbourhood, options=NeighbourhoodOptions("user", neighbours=1000)),
    "similar movies": partial(fit_neighbourhood, options=NeighbourhoodOptions("movie", neighbours=1000)),
    "one neighbour": partial(fit_neighbourhood, options=NeighbourhoodOptions("user", 1, 0.0, 0.0, 0.0)),
    "SGD, joint": lambda train: fit_sgd(train, SGD).factors,
    "SGD, alternating": lambda train: fit_sgd(train, FactorOptions(40, max_epochs=3, updates="alternating")).factors,
    "SGD, parallel": lambda train: fit_sgd(train, FactorOptions(40, max_epochs=3, parallel_from=0)).factors,
    "SGD, no search": lambda train: fit_sgd(train, FactorOptions(40, max_epochs=3, validation_share=0)).factors,
    "folded users": folded,
}
RANKERS: dict[str, Callable[[RatingsMatrix], MovieRanker]] = {
    "popularity": fit_popularity,
    "liked popularity": partial(fit_popularity, least_stars=4.0),
    "EASE": tastes,
    "EASE, cosine": partial(tastes, debias=1.0),
    "EASE with a tail": partial(tastes, most=3),
    "ALS": partial(fit_als, options=AlsOptions(factors=16, iterations=3)),
    "SGD": lambda train: fit_sgd(train, SGD).factors,
}
VECTORS: dict[str, Callable[[RatingsMatrix], NDArray[np.float32]]] = {
    "EASE": lambda train: fit_ease(train, EaseOptions(256)),
    "EASE with a tail": lambda train: fit_ease(train, EaseOptions(256), 4),
    "ALS": lambda train: fit_als(train, AlsOptions(factors=16, iterations=3)).item_factors,
}


def matrix_of(dense: Dense) -> RatingsMatrix:
    """0 stands for a missing rating."""
    user_items = csr_matrix(np.array(dense, np.float32))
    users, movies = user_items.shape
    return RatingsMatrix(user_items, np.arange(1, users + 1, dtype=np.int64), np.arange(1, movies + 1, dtype=np.int64))


STARS = st.one_of(st.just(0.0), st.integers(1, 10).map(lambda half: half / 2))


def rectangles(cell: st.SearchStrategy[float]) -> st.SearchStrategy[Dense]:
    sizes = st.tuples(st.integers(1, 7), st.integers(1, 9))
    return sizes.flatmap(
        lambda size: st.lists(st.lists(cell, min_size=size[1], max_size=size[1]), min_size=size[0], max_size=size[0])
    )


# Any stars; constant raters all through; many users and few movies come from the first, by either side of EASE.
MATRICES = st.one_of(rectangles(STARS), rectangles(st.sampled_from([0.0, 3.0])), rectangles(st.just(5.0)))
POOR: dict[str, Dense] = {
    "nothing": [[0, 0, 0], [0, 0, 0]],
    "one rating": [[0, 4, 0], [0, 0, 0]],
    "a user with one rating": [[5, 4, 3, 2], [4, 4, 1, 5], [0, 0, 3, 0], [2, 3, 4, 5]],
    "a movie and a user without any": [[5, 4, 0, 2], [4, 4, 0, 5], [1, 2, 0, 3], [0, 0, 0, 0], [3, 3, 0, 1]],
    "constant raters": [[3, 3, 3, 3], [3, 3, 3, 3], [3, 3, 3, 3]],
    "each their constant": [[1, 1, 1, 1], [3, 3, 3, 3], [5, 5, 5, 5]],
    "two users": [[5, 4, 3, 2, 1, 5], [1, 2, 3, 4, 5, 1]],
    "two users who agree": [[5, 4, 3, 2, 1, 5], [5, 4, 3, 2, 1, 5]],
    "one user": [[5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 5]],
    "one movie": [[5]] * 11,
    "two movies": [[5, 1], [4, 2], [3, 3], [2, 4], [1, 5], [5, 5]],
    "nobody shares a movie": np.diag([5.0, 4, 3, 2, 1, 5, 4, 3, 2, 1, 5]).tolist(),
    "two worlds": np.kron(np.eye(2), np.array([[5, 4, 3], [3, 5, 1]])).tolist(),
}


def pairs_of(matrix: RatingsMatrix) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    rows, cols = np.indices(matrix.user_items.shape).reshape(2, -1).astype(np.int32)
    return rows, cols


def check_predictions(fit: Callable[[RatingsMatrix], RatingPredictor], matrix: RatingsMatrix) -> bool:
    """Whether it could be fitted; then every pair has a number within the scale found."""
    try:
        fitted = fit(matrix)
    except RatingsError as err:
        check_one_line(err)
        return False
    found, stars = fitted.predict(*pairs_of(matrix)), matrix.user_items.data
    assert found.dtype == np.float32
    assert len(found) == matrix.user_items.shape[0] * matrix.user_items.shape[1]
    assert (found >= stars.min()).all(), "NaN is neither at least nor at most anything"
    assert (found <= stars.max()).all()
    return True


def check_scores(fit: Callable[[RatingsMatrix], MovieRanker], matrix: RatingsMatrix) -> bool:
    """Whether it could be fitted; then every user has a finite score for every movie."""
    try:
        fitted = fit(matrix)
    except RatingsError as err:
        check_one_line(err)
        return False
    found = fitted.scores(np.arange(len(matrix.user_ids), dtype=np.int32))
    assert found.shape == matrix.user_items.shape
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    return True


def check_one_line(err: RatingsError) -> None:
    assert len(str(err).splitlines()) == 1
    assert str(err).strip()


@pytest.mark.parametrize("name", PREDICTORS)
@settings(max_examples=40, deadline=None)
@given(MATRICES)
@example([[5.0, 4.0, 0.0, 3.0, 1.0, 2.0], [1.0, 1.0, 0.0, 1.0, 1.0, 1.0], [0.0, 3.0, 0.0, 0.0, 0.0, 0.0]])
def test_any_ratings_give_predictors_within_the_scale_or_a_named_error(name: str, dense: Dense) -> None:
    check_predictions(PREDICTORS[name], matrix_of(dense))


@pytest.mark.parametrize("name", RANKERS)
@settings(max_examples=40, deadline=None)
@given(MATRICES)
@example([[5.0, 4.0, 0.0, 3.0, 1.0, 2.0], [1.0, 1.0, 0.0, 1.0, 1.0, 1.0], [0.0, 3.0, 0.0, 0.0, 0.0, 0.0]])
def test_any_ratings_give_rankers_finite_scores_or_a_named_error(name: str, dense: Dense) -> None:
    check_scores(RANKERS[name], matrix_of(dense))


@pytest.mark.parametrize("name", PREDICTORS)
def test_poor_ratings_are_predicted_within_their_scale_where_there_are_enough(name: str) -> None:
    """SGD wants ten ratings; the others any."""
    least = 10 if name.startswith(("SGD", "folded")) else 1
    for what, dense in POOR.items():
        matrix = matrix_of(dense)
        assert check_predictions(PREDICTORS[name], matrix) == (len(matrix) >= least), what


@pytest.mark.parametrize("name", RANKERS)
def test_poor_ratings_are_ranked_where_there_are_enough(name: str) -> None:
    """EASE wants three movies with ratings, SGD ten ratings; the others any."""
    for what, dense in POOR.items():
        matrix = matrix_of(dense)
        enough = np.count_nonzero(matrix.n_ratings) >= 3 if name.startswith("EASE") else len(matrix) >= 1
        if name == "SGD":
            enough = len(matrix) >= 10
        assert check_scores(RANKERS[name], matrix) == enough, what


@pytest.mark.parametrize("name", VECTORS)
@settings(max_examples=40, deadline=None)
@given(MATRICES, st.integers(1, 50), st.sampled_from([0.0, 0.4, 1.0, 2.0]))
def test_neighbours_are_other_movies_with_ratings_however_many_are_asked_for(
    name: str, dense: Dense, k: int, debias: float
) -> None:
    matrix = matrix_of(dense)
    try:
        vectors = VECTORS[name](matrix)
    except RatingsError as err:
        check_one_line(err)
        return
    movies = len(matrix.movie_ids)
    lists = nearest(vectors, np.arange(movies, dtype=np.int32), k, debias)
    assert np.isfinite(vectors).all()
    for movie, found in enumerate(lists):
        listed = found[found >= 0]
        assert movie not in listed
        assert len(set(listed)) == len(listed)
        assert (matrix.n_ratings[listed] > 0).all()
    assert (lists[matrix.n_ratings == 0] == -1).all()


@pytest.mark.parametrize("options", [{}, {"updates": "alternating"}, {"parallel_from": 0}, {"validation_share": 0}])
@settings(max_examples=15, deadline=None)
@given(rate=st.sampled_from([3.0, 30.0, 1e3, 1e10, 1e30]), seed=st.integers(0, 1000))
def test_a_learning_rate_that_diverges_is_named_with_its_epoch_and_what_to_try(
    options: dict[str, object], rate: float, seed: int
) -> None:
    dense = np.random.default_rng(seed).integers(1, 11, (8, 9)) / 2
    wild = FactorOptions(factors=5, learning_rate=rate, max_epochs=200, **options)  # type: ignore[arg-type]
    with pytest.raises(FitDiverged) as caught:
        fit_sgd(matrix_of(dense.tolist()), wild)
    check_one_line(caught.value)
    assert "in epoch " in str(caught.value)
    assert f"learning rate {rate:g}; try a tenth of it" in str(caught.value)


KNOWN = np.arange(1, 21, dtype=np.int64)
HONEST = [(user, movie, f"{1 + (user * movie) % 5}.0", 100) for user in range(101, 141) for movie in range(1, 21)]


def read(rows: list[tuple[int, int, str, int]]) -> tuple[RatingsMatrix, dict[str, int], int]:
    """The matrix of a CSV file with these rows, what was rejected and why, and the number used."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ratings.csv"
        lines = [f"{user},{movie},{stars},{at}" for user, movie, stars, at in rows]
        path.write_text("\n".join(["userId,movieId,rating,timestamp", *lines]) + "\n")
        columns, report = read_ratings_csv(path, KNOWN)
    assert report.rows == len(rows) == report.used + sum(report.rejected.values())
    return RatingsMatrix.from_columns(columns), dict(report.rejected), report.used


@pytest.mark.parametrize(
    "stars", ["NaN", "nan", "inf", "-inf", "-1", "0", "0.4", "5.5", "50", "1e1", "", "five", "3,5"]
)
def test_a_rating_that_is_none_is_rejected_with_its_reason_and_never_learned_from(stars: str) -> None:
    matrix, rejected, used = read([*HONEST, (999, 1, stars, 100)])
    assert sum(rejected.values()) == 1
    assert set(rejected) <= {"bad_rating", "wrong_columns"}
    assert used == len(HONEST)
    assert 999 not in matrix.user_ids
    assert (matrix.user_items.data >= 0.5).all()
    assert (matrix.user_items.data <= 5).all()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 3), st.integers(1, 4), st.integers(1, 10).map(lambda n: f"{n / 2}"), st.integers(0, 5)
        ),
        min_size=1,
        max_size=40,
    )
)
def test_of_duplicates_the_latest_wins_and_the_others_are_counted(rows: list[tuple[int, int, str, int]]) -> None:
    """Of equal times the one further down; 3 x 4 pairs, so that up to 40 rows are full of doubles."""
    matrix, rejected, used = read(rows)
    latest: dict[tuple[int, int], tuple[int, float]] = {}
    for user, movie, stars, at in rows:
        if at >= latest.get((user, movie), (-1, 0.0))[0]:
            latest[user, movie] = at, float(stars)
    assert rejected.get("superseded", 0) == len(rows) - len(latest)
    assert used == len(matrix) == len(latest)
    r, c, given_stars = matrix.triples()
    pairs = zip(matrix.user_ids[r].tolist(), matrix.movie_ids[c].tolist(), strict=True)
    assert dict(zip(pairs, given_stars.tolist(), strict=True)) == {pair: stars for pair, (_, stars) in latest.items()}


@pytest.mark.parametrize("name", PREDICTORS)
def test_doubles_and_bad_rows_change_no_prediction(name: str) -> None:
    """What was rejected has no part in anything: neither in the scale nor in a mean."""
    clean, _, _ = read(HONEST)
    older = [(user, movie, "0.5", 50) for user, movie, _, _ in HONEST[:7]]
    soiled, rejected, _ = read([*older, *HONEST, (101, 3, "nan", 200), (102, 3, "9", 200)])
    assert rejected == {"superseded": 7, "bad_rating": 2}
    one, other = (PREDICTORS[name](matrix).predict(*pairs_of(matrix)) for matrix in (clean, soiled))
    assert (one == other).all()
