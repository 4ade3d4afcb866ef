"""Choosing on validation, reporting once on test; a method that cannot be fitted does not stop the others."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.baselines import baseline_predictors, baseline_rankers
from ratings.choosing import Failed, Method, Setting
from ratings.errors import FitDiverged
from ratings.matrix import RatingsMatrix
from ratings.measuring import ErrorRow, Measuring, RankingRow, measure_predictors, measure_rankers
from ratings.methods import MovieRanker, RatingPredictor
from ratings.metrics import NotANumber
from ratings.neighbourly import most_rated, nearest, neighbour_quality
from ratings.popularity import GlobalMean, Popularity, fit_popularity
from ratings.splits import Split, share_per_user


def random_matrix(seed: int = 0, users: int = 60, movies: int = 40) -> RatingsMatrix:
    draw = np.random.default_rng(seed)
    stars = np.clip(np.round(draw.normal(3.5, 1, (users, movies)) * 2) / 2, 0.5, 5)
    famous = np.linspace(0.9, 0.1, movies)
    dense = np.where(draw.random((users, movies)) < famous, stars, 0).astype(np.float32)
    return RatingsMatrix(csr_matrix(dense), np.arange(users, dtype=np.int64), np.arange(movies, dtype=np.int64))


SPLIT = share_per_user(random_matrix(), 0.2, 0)


def hold_out(matrix: RatingsMatrix, seed: int) -> Split:
    return share_per_user(matrix, 0.2, seed)


def measuring(**changes: object) -> Measuring:
    return Measuring(**{"split": SPLIT, "hold_out": hold_out, "seed": 1, **changes})  # type: ignore[arg-type]


def constant(stars: float) -> Setting[RatingPredictor]:
    return Setting(f"always {stars:g}", lambda _: GlobalMean(stars))


def diverges(_: RatingsMatrix) -> RatingPredictor:
    raise FitDiverged(3, 0.5)


def test_the_setting_is_chosen_on_validation_and_fitted_to_the_whole_training_side() -> None:
    seen: list[int] = []

    def fit(stars: float, train: RatingsMatrix) -> RatingPredictor:
        seen.append(len(train))
        return GlobalMean(stars)

    settings = tuple(Setting(f"always {stars:g}", partial(fit, stars)) for stars in (1.0, 3.5, 5.0))
    (row,) = measure_predictors([Method("constant", settings)], measuring())
    assert isinstance(row, ErrorRow)
    assert (row.setting, row.tried) == ("always 3.5", 3)
    inner = len(hold_out(SPLIT.train, 1).train)
    assert seen == [inner, inner, inner, len(SPLIT.train)]
    assert inner < len(SPLIT.train)


def test_the_held_out_ratings_do_not_choose() -> None:
    """A setting that is best on test, and only there, is not taken."""
    test_mean = float(SPLIT.test.user_items.data.mean())

    def knows_the_test(train: RatingsMatrix) -> RatingPredictor:
        return GlobalMean(test_mean if len(train) == len(SPLIT.train) else 1.0)

    honest = constant(float(SPLIT.train.user_items.data.mean()))
    (row,) = measure_predictors([Method("it", (Setting("peeks", knows_the_test), honest))], measuring())
    assert isinstance(row, ErrorRow)
    assert row.setting == honest.words


def test_errors_are_those_of_the_held_out_ratings_with_an_interval() -> None:
    (row,) = measure_predictors([Method("it", (constant(3),))], measuring())
    assert isinstance(row, ErrorRow)
    off = SPLIT.test.user_items.data - 3.0
    assert row.mse.value == pytest.approx((off**2).mean())
    assert row.rmse.value == pytest.approx((off**2).mean() ** 0.5)
    assert row.mae.value == pytest.approx(abs(off).mean())
    assert row.mse.low < row.mse.value < row.mse.high
    assert row.tried == 1


def test_a_method_that_fails_is_a_row_with_its_reason_and_the_others_go_on() -> None:
    rows = measure_predictors([Method("bad", (Setting("", diverges),)), *baseline_predictors()], measuring())
    assert rows[0] == Failed("bad", "the fit diverged in epoch 3 with learning rate 0.5; try a tenth of it")
    assert [row.method for row in rows] == ["bad", "global mean", "biases"]
    assert isinstance(rows[2], ErrorRow)


def test_a_setting_that_fails_is_passed_over() -> None:
    (row,) = measure_predictors([Method("it", (Setting("bad", diverges), constant(3)))], measuring())
    assert isinstance(row, ErrorRow)
    assert row.setting == "always 3"
    (row,) = measure_predictors([Method("it", (Setting("bad", diverges), Setting("too", diverges)))], measuring())
    assert isinstance(row, Failed)


def test_a_method_that_answers_with_nan_is_a_row_with_its_reason() -> None:
    (row,) = measure_predictors([Method("it", (constant(float("nan")),))], measuring())
    assert row == Failed("it", str(NotANumber("predictions", len(SPLIT.test))))


def test_an_error_that_nobody_foresaw_is_not_hidden_in_a_row() -> None:
    def broken(_: RatingsMatrix) -> RatingPredictor:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        measure_predictors([Method("it", (Setting("", broken),))], measuring())


class Reversed:
    """The least known first."""

    def __init__(self, popular: Popularity) -> None:
        self.popular = popular

    def scores(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        return -self.popular.scores(rows)


def test_rankers_are_chosen_by_validation_ndcg_and_measured_on_test() -> None:
    obscure = Setting[MovieRanker]("obscure", lambda train: Reversed(fit_popularity(train)))
    known = Setting[MovieRanker]("known", fit_popularity)
    (row,) = measure_rankers([Method("it", (obscure, known))], measuring())
    assert isinstance(row, RankingRow)
    assert (row.setting, row.tried, row.neighbours) == ("known", 2, None)
    assert row.ndcg.value == pytest.approx(row.rankings.ndcg.mean())
    assert row.ndcg.low < row.ndcg.value < row.ndcg.high
    assert row.popularity.value == pytest.approx(row.rankings.popularity.mean())
    (other,) = measure_rankers([Method("it", (obscure,))], measuring())
    assert isinstance(other, RankingRow)
    assert other.ndcg.value < row.ndcg.value


def test_neighbours_are_measured_where_a_method_has_vectors_and_genres_are_known() -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    vectors[0] = 0
    with_vectors = Method("it", (Setting[MovieRanker]("", fit_popularity),), vectors=lambda _: vectors, debias=0.25)
    genres = [{"Even" if movie % 2 else "Odd"} for movie in range(40)]
    (row,) = measure_rankers([with_vectors], measuring(genres=genres))
    assert isinstance(row, RankingRow)
    assert row.neighbours is not None
    n_ratings = SPLIT.train.n_ratings
    lists = nearest(vectors, most_rated(n_ratings), debias=0.25)
    expected = neighbour_quality(most_rated(n_ratings), lists, genres, n_ratings)
    assert row.neighbours.mean_jaccard == expected.mean_jaccard
    assert (row.neighbours.asked, row.neighbours.different) == (40, 39)  # nobody is near a zero vector
    (row,) = measure_rankers([with_vectors], measuring())
    assert isinstance(row, RankingRow)
    assert row.neighbours is None


@pytest.mark.parametrize("first", [diverges, lambda _: GlobalMean(3)])
def test_progress_counts_every_fit_and_also_those_that_a_failure_saves(
    first: Callable[[RatingsMatrix], RatingPredictor],
) -> None:
    told: list[tuple[str, int, int]] = []
    methods = [Method("one", (Setting("a", first), Setting("b", first))), Method("two", (constant(3),))]
    measure_predictors(methods, measuring(progress=lambda *what: told.append(what)))
    assert told[0] == ("one: a", 0, 4)
    assert told[-1] == ("two: always 3", 3, 4)
    assert all(before[1] < after[1] for before, after in pairwise(told))


def test_the_same_seed_gives_the_same_figures() -> None:
    def figures() -> list[object]:
        rows = measure_rankers(baseline_rankers(), measuring())
        return [(row.ndcg, row.recall, row.mrr) for row in rows if isinstance(row, RankingRow)]

    assert figures() == figures()
