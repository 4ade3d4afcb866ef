"""The article's formula: its printed figures, its oddities, and by hand what it does on three users."""

import tracemalloc
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.article import (
    ArticleSplit,
    By,
    article_columns,
    article_errors,
    article_predictions,
    article_split,
    explain_article,
)
from ratings.errors import NothingToFit
from ratings.matrix import RatingsMatrix
from ratings.reading import read_ratings_csv

BUNDLED = Path(__file__).resolve().parents[2] / "data" / "ml-latest-small" / "ratings.csv"
HALF_STARS = st.integers(0, 10).map(lambda half: half / 2)  # 0: no rating


@cache
def bundled() -> RatingsMatrix:
    columns = read_ratings_csv(BUNDLED, np.arange(1, 200_000, dtype=np.int64))[0]
    return RatingsMatrix.from_columns(columns)


def user_mse(seed: int) -> float:
    split = article_split(article_columns(bundled()), seed)
    return float(np.mean((article_predictions(split, "user") - split.test.data) ** 2))


def dense_prediction(train: NDArray[np.float64], by: By) -> NDArray[np.float64]:
    """The article's lines as its source has them, all pairs at once."""
    if by == "movie":
        return dense_prediction(train.T, "user").T
    inner = train @ train.T + 1e-9
    norms = np.sqrt(np.diagonal(inner))
    similar = inner / norms[:, None] / norms
    return similar @ train / np.abs(similar).sum(axis=1)[:, None]


def split_of(train: list[list[float]], test: list[list[float]]) -> ArticleSplit:
    return ArticleSplit(csr_matrix(np.array(train, np.float64)), csr_matrix(np.array(test, np.float64)))


@pytest.mark.parametrize(("seed", "mse"), [(0, 9.741), (1, 9.776), (2, 9.862)])
def test_the_articles_error_is_reproduced_draw_by_draw(seed: int, mse: float) -> None:
    """Figures of another program that follows the article's source line by line: peers.md section 1."""
    assert user_mse(seed) == pytest.approx(mse, abs=0.0006)


def test_the_mean_of_five_seeds_is_the_articles_figure() -> None:
    assert 9.6 < np.mean([user_mse(seed) for seed in range(5)]) < 10.0


def test_what_each_of_the_articles_choices_costs() -> None:
    explained = explain_article(bundled(), seed=0)
    assert explained.sparsity == pytest.approx(0.014030, abs=1e-6)
    assert explained.errors.user == pytest.approx(9.741, abs=0.0006)
    assert explained.errors.global_mean == pytest.approx(1.191, abs=0.0006)
    assert explained.errors.user_raters_only == pytest.approx(1.033, abs=0.0006)
    assert explained.errors.biases == pytest.approx(0.860, abs=0.01)
    assert explained.without_replacement == pytest.approx(9.887, abs=0.0006)
    assert explained.all_movies == pytest.approx(10.220, abs=0.0006)
    assert explained.errors.movie_raters_only < explained.errors.global_mean < explained.errors.movie


def test_a_missing_rating_counts_as_no_stars() -> None:
    split = split_of([[4, 3], [4, 0]], [[0, 0], [0, 4]])
    # cosine of (4, 3) and (4, 0) is .8; user 1 expects (.8 x 3 + 1 x 0) / (.8 + 1), and of raters alone 3
    assert article_predictions(split, "user") == pytest.approx([2.4 / 1.8])
    assert article_predictions(split, "user", raters_only=True) == pytest.approx([3.0])
    # cosine of the movies (4, 4) and (3, 0) is 1 / sqrt 2: user 1 expects 4 c / (c + 1), and of rated movies alone 4
    cosine = 2**-0.5
    assert article_predictions(split, "movie") == pytest.approx([4 * cosine / (cosine + 1)])
    assert article_predictions(split, "movie", raters_only=True) == pytest.approx([4.0])


def test_where_nobody_rated_those_who_did_have_no_mean_but_that_of_all() -> None:
    split = split_of([[4, 0], [1, 0]], [[0, 0], [0, 4]])
    assert article_predictions(split, "user", raters_only=True) == pytest.approx([2.5])
    assert article_predictions(split, "user") == pytest.approx([0.0])


def test_errors_are_means_of_squares() -> None:
    errors = article_errors(split_of([[4, 3], [4, 0]], [[0, 0], [0, 4]]))
    assert errors.user == pytest.approx((2.4 / 1.8 - 4) ** 2)
    assert errors.user_raters_only == pytest.approx(1)
    assert errors.movie_raters_only == pytest.approx(0)
    assert errors.global_mean == pytest.approx((11 / 3 - 4) ** 2)


def test_columns_are_raw_ids_and_larger_ids_are_cut_away() -> None:
    matrix = RatingsMatrix(csr_matrix(np.array([[1, 2, 3]], np.float32)), np.array([7]), np.array([1, 4, 5]))
    assert article_columns(matrix, max_movie_id=4).toarray().tolist() == [[1, 0, 0, 2]]


def test_columns_come_in_order_whatever_order_they_are_stored_in() -> None:
    """The draw goes by position, so the order decides what is held out."""
    stored = csr_matrix((np.array([2, 1], np.float32), np.array([1, 0]), np.array([0, 2])), shape=(1, 2))
    columns = article_columns(RatingsMatrix(stored, np.array([7]), np.array([1, 4])))
    assert columns.indices.tolist() == [0, 3]
    assert columns.data.tolist() == [1, 2]


def test_no_movie_below_the_cut_is_said() -> None:
    matrix = RatingsMatrix(csr_matrix(np.array([[1]], np.float32)), np.array([7]), np.array([9001]))
    with pytest.raises(NothingToFit, match="movies 1 to 9000"):
        article_columns(matrix)


def test_draws_with_replacement_hold_out_fewer_than_ten() -> None:
    columns = article_columns(bundled())
    with_replacement = np.diff(article_split(columns, seed=0).test.indptr)
    without = np.diff(article_split(columns, seed=0, replace=False).test.indptr)
    assert with_replacement.max() == 10
    assert with_replacement.mean() < 9.95  # the same rating drawn twice
    assert without.tolist() == np.minimum(np.diff(columns.indptr), 10).tolist()


def test_a_split_loses_nothing_and_has_nothing_twice() -> None:
    columns = article_columns(bundled())
    split = article_split(columns, seed=3)
    assert abs(split.train + split.test - columns).nnz == 0
    assert split.train.multiply(split.test).nnz == 0


def test_a_draw_that_leaves_nothing_is_said() -> None:
    with pytest.raises(NothingToFit, match="leave no ratings"):
        article_split(csr_matrix(np.array([[4.0, 0.0]])), seed=0)


@given(
    st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(lambda shape: arrays(float, shape, elements=HALF_STARS)),
    st.sampled_from(["user", "movie"]),
    st.integers(0, 5),
)
def test_it_is_the_dense_formula_for_any_matrix(dense: NDArray[np.float64], by: By, seed: int) -> None:
    try:
        split = article_split(csr_matrix(dense), seed)
    except NothingToFit:
        return
    want = dense_prediction(split.train.toarray(), by)[split.test.nonzero()]
    assert article_predictions(split, by) == pytest.approx(want, rel=1e-9, abs=1e-12)
    raters_only = article_predictions(split, by, raters_only=True)
    assert (raters_only >= dense[dense > 0].min() - 1e-9).all()
    assert (raters_only <= dense.max() + 1e-9).all()


@pytest.mark.parametrize("by", ["user", "movie"])
def test_blocks_of_rows_join_without_a_seam(by: By) -> None:
    """More rows than one block holds."""
    generator = np.random.default_rng(0)
    dense = generator.integers(1, 11, (600, 300)) / 2 * (generator.random((600, 300)) < 0.1)
    split = article_split(csr_matrix(dense), seed=0)
    want = dense_prediction(split.train.toarray(), by)[split.test.nonzero()]
    assert article_predictions(split, by) == pytest.approx(want)


def test_movies_are_compared_without_a_matrix_of_all_pairs() -> None:
    """9000 x 9000 float64 are 648 MB."""
    split = article_split(article_columns(bundled()), seed=0)
    tracemalloc.start()
    article_predictions(split, "movie")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120e6
