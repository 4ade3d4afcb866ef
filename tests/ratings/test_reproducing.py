"""The article's numbers and what each method recommends: by hand and by brute force, on made-up tastes."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from ratings import reproducing, side_by_side
from ratings.article import ArticleExplained, explain_article
from ratings.errors import NothingToFit, UnratedMovie
from ratings.matrix import RatingsMatrix
from ratings.popularity import fit_popularity
from ratings.ranking import rank_unseen
from ratings.raw_cosine import RawCosine
from ratings.reproducing import Effort, Errors, Reproduced, finished, reproduce_errors
from ratings.sgd import FactorOptions, Fit, fit_sgd
from ratings.side_by_side import SideBySide, Way, compare, neighbours_of
from ratings.splits import count_per_user, share_per_user
from ratings.tastes import SIMILAR_DEBIAS

USERS, MOVIES = 40, 30
SMALL = Effort(seeds=(0, 1), epochs=6, dimensions=8)
GENRES = [{"Comedy"} if movie % 2 else {"Drama"} for movie in range(MOVIES)]


def made_up() -> RatingsMatrix:
    """Two camps: even users love even movies and see most of them, odd users odd ones. Movie ids are 10, 20, .."""
    draw = np.random.default_rng(5)
    same = np.add.outer(np.arange(USERS), np.arange(MOVIES)) % 2 == 0
    stars = np.where(same, draw.integers(7, 11, same.shape), draw.integers(1, 6, same.shape)) / 2
    seen = draw.random(same.shape) < np.where(same, 0.75, 0.25)
    ids = np.arange(1, MOVIES + 1, dtype=np.int64) * 10
    return RatingsMatrix(csr_matrix((stars * seen).astype(np.float32)), np.arange(USERS, dtype=np.int64), ids)


@pytest.fixture(scope="module", autouse=True)
def article_once() -> Iterator[None]:
    """The article's run is tested elsewhere and takes two seconds: once for each matrix and seed is enough here."""
    made: dict[tuple[int, int], ArticleExplained] = {}

    def once(ratings: RatingsMatrix, seed: int) -> ArticleExplained:
        key = (id(ratings), seed)
        if key not in made:
            made[key] = explain_article(ratings, seed)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reproducing, "explain_article", once)
        yield


def silent(what: str, done: int, of: int) -> None:
    """Nobody wants to know."""


@pytest.fixture(scope="module")
def matrix() -> RatingsMatrix:
    return made_up()


@pytest.fixture(scope="module")
def errors(matrix: RatingsMatrix) -> Reproduced:
    return reproduce_errors(matrix, SMALL, silent)


@pytest.fixture(scope="module")
def lists(matrix: RatingsMatrix) -> SideBySide:
    return compare(matrix, (10, 20, 15), GENRES, SMALL, silent)


def by_name(found: tuple[Errors, ...]) -> dict[str, tuple[float, ...]]:
    return {it.name: it.by_seed for it in found}


def test_the_articles_errors_are_those_of_its_own_run_seed_by_seed(matrix: RatingsMatrix, errors: Reproduced) -> None:
    explained = [reproducing.explain_article(matrix, seed) for seed in SMALL.seeds]
    article = by_name(errors.article)
    assert article["article_user"] == tuple(it.errors.user for it in explained)
    assert article["article_movie_raters"] == tuple(it.errors.movie_raters_only for it in explained)
    assert article["article_user_all_movies"] == tuple(it.all_movies for it in explained)
    assert errors.sparsity == len(matrix) / (USERS * 9000)


def test_zero_is_the_error_of_saying_no_stars_for_everything_up_to_id_9000() -> None:
    draw = np.random.default_rng(0)
    stars = draw.integers(1, 11, (12, 25)).astype(np.float32) / 2
    stars[:, 24] = 5  # of a movie beyond the cut
    ids = np.append(np.arange(1, 25), 9001)
    found = reproduce_errors(RatingsMatrix(csr_matrix(stars), np.arange(12), ids), replace(SMALL, seeds=(0,)), silent)
    assert found.zero == pytest.approx(np.mean(stars[:, :24] ** 2))


def test_the_right_split_holds_ten_different_ratings_out_of_all_movies(
    matrix: RatingsMatrix, errors: Reproduced
) -> None:
    for seed, mse in zip(SMALL.seeds, by_name(errors.right)["global_mean"], strict=True):
        split = count_per_user(matrix, 10, seed)
        off = split.test.user_items.data - split.train.user_items.data.mean(dtype=np.float64)
        assert mse == pytest.approx(np.mean(off**2), rel=1e-5)


def test_every_method_is_measured_on_every_seed_and_the_mean_is_theirs(errors: Reproduced) -> None:
    for found in (*errors.article, *errors.right):
        assert len(found.by_seed) == len(SMALL.seeds)
        assert errors.mean(found.name) == pytest.approx(sum(found.by_seed) / len(found.by_seed))
    assert len({it.name for it in (*errors.article, *errors.right)}) == len(errors.article) + len(errors.right)


def test_done_right_similarity_beats_habits_where_there_are_camps_and_the_articles_formula_a_constant_never(
    errors: Reproduced,
) -> None:
    assert errors.mean("movie_similarity") < errors.mean("biases") < errors.mean("article_user")
    assert errors.mean("article_user_raters") < errors.mean("article_global_mean") < errors.mean("article_user")


def test_curves_are_the_search_of_the_first_seed_and_their_best_epoch_has_the_least_validation_error(
    matrix: RatingsMatrix, errors: Reproduced
) -> None:
    assert [curve.name for curve in errors.curves] == ["sgd_without_l2", "sgd_article", "sgd_ours"]
    for curve in errors.curves:
        assert curve.options.seed == SMALL.seeds[0]
        assert len(curve.train) == len(curve.validation) <= SMALL.epochs
        assert curve.best_epoch == 1 + int(np.argmin(curve.validation))
        fit = fit_sgd(count_per_user(matrix, 10, SMALL.seeds[0]).train, curve.options)
        assert curve.validation == tuple(report.validation_rmse**2 for report in fit.curve)
    assert len(errors.curves[0].train) == SMALL.epochs  # drawn to the end, however the validation error goes
    assert errors.curves[0].options.regularization == 0 < errors.curves[1].options.regularization


def test_progress_counts_every_step_once_up_to_the_last(matrix: RatingsMatrix) -> None:
    told: list[tuple[int, int]] = []
    reproduce_errors(matrix, SMALL, lambda what, done, of: told.append((done, of)))
    assert told == [(step, reproducing.steps(SMALL)) for step in range(reproducing.steps(SMALL))]
    told.clear()
    compare(matrix, (10,), GENRES, SMALL, lambda what, done, of: told.append((done, of)))
    assert told == [(step, side_by_side.steps()) for step in range(side_by_side.steps())]


def test_the_same_effort_gives_the_same_figures(matrix: RatingsMatrix, errors: Reproduced, lists: SideBySide) -> None:
    assert reproduce_errors(matrix, SMALL, silent) == errors
    assert compare(matrix, (10, 20, 15), GENRES, SMALL, silent) == lists


def test_a_fit_that_was_stopped_by_hand_ends_the_run(matrix: RatingsMatrix, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its figures would be of fewer epochs than they claim."""

    def stopped(train: RatingsMatrix, options: FactorOptions) -> Fit:
        return replace(fit_sgd(train, options), interrupted=True)

    monkeypatch.setattr(reproducing, "fit_sgd", stopped)
    with pytest.raises(KeyboardInterrupt):
        reproduce_errors(matrix, SMALL, silent)
    whole = fit_sgd(matrix, SMALL.article)
    assert finished(whole) is whole


def test_too_few_ratings_are_said() -> None:
    one = RatingsMatrix(csr_matrix(np.array([[4.0]], np.float32)), np.array([1]), np.array([1]))
    with pytest.raises(NothingToFit):
        reproduce_errors(one, SMALL, silent)


def test_a_shortened_effort_is_less_of_everything_and_says_so() -> None:
    short, whole = Effort.shortened(), Effort()
    assert short.quick
    assert not whole.quick
    assert whole.seeds == (0, 1, 2, 3, 4)
    assert len(short.seeds) == 1
    assert short.ours.max_epochs == short.article.max_epochs < whole.article.max_epochs
    assert short.dimensions < whole.dimensions == 256


def test_raw_neighbours_are_those_of_brute_force_and_never_the_movie_itself(
    matrix: RatingsMatrix, lists: SideBySide
) -> None:
    dense = matrix.user_items.toarray().astype(np.float64)
    for it in lists.lists:
        assert it.movie_id not in it.neighbours
        if it.way == "raw":
            column = dense[:, matrix.row_of_movie(it.movie_id)]
            cosines = dense.T @ column / np.linalg.norm(dense, axis=0) / np.linalg.norm(column)
            best = [i for i in np.argsort(-cosines, kind="stable") if matrix.movie_ids[i] != it.movie_id]
            assert list(it.neighbours) == matrix.movie_ids[best[: side_by_side.LISTED]].tolist()


def test_neighbours_by_factors_are_nearest_by_angle_as_in_the_article(matrix: RatingsMatrix, lists: SideBySide) -> None:
    factors = fit_sgd(matrix, SMALL.article).factors.item_factors.astype(np.float64)
    unit = factors / np.linalg.norm(factors, axis=1, keepdims=True)
    for it in lists.lists:
        if it.way == "sgd_article":
            nearest = np.argsort(-unit @ unit[matrix.row_of_movie(it.movie_id)], kind="stable")[1:]
            assert list(it.neighbours) == matrix.movie_ids[nearest[: side_by_side.LISTED]].tolist()


def test_every_rated_movie_asked_for_is_shown_by_every_way_and_an_unrated_one_is_left_out(lists: SideBySide) -> None:
    ways = [("raw", 1.0), ("sgd_article", 1.0), ("als", 1.0), ("ease", 0.0), ("ease", SIMILAR_DEBIAS)]
    assert [(it.way, it.debias) for it in lists.qualities] == ways
    assert [(it.movie_id, it.way, it.debias) for it in lists.lists] == [(m, *way) for m in (10, 20) for way in ways]


def test_in_two_camps_ease_finds_neighbours_in_the_own_camp(matrix: RatingsMatrix, lists: SideBySide) -> None:
    for it in lists.lists:
        if it.way == "ease":
            assert {other // 10 % 2 for other in it.neighbours} == {it.movie_id // 10 % 2}
    quality = {(it.way, it.debias): it for it in lists.qualities}
    assert quality["ease", 0.0].genre_jaccard > 0.9  # genres are the camps


def test_counts_of_ratings_are_those_of_the_movies_listed(matrix: RatingsMatrix, lists: SideBySide) -> None:
    shown = {movie_id for it in lists.lists for movie_id in (it.movie_id, *it.neighbours)}
    assert lists.n_ratings == {m: int(matrix.n_ratings[matrix.row_of_movie(m)]) for m in shown}


def test_lists_for_users_are_measured_on_a_fifth_of_each_users_ratings(
    matrix: RatingsMatrix, lists: SideBySide
) -> None:
    split = share_per_user(matrix, 0.2, SMALL.seeds[0])
    ranked = {it.name: it for it in lists.ranked}
    assert ranked["popularity"].ndcg == rank_unseen(fit_popularity(split.train), split).ndcg.mean()
    assert ranked["raw"].ndcg == rank_unseen(RawCosine(split.train), split).ndcg.mean()
    assert ranked["ease"].ndcg > ranked["popularity"].ndcg


def test_only_methods_that_predict_stars_have_an_error(lists: SideBySide) -> None:
    without = {it.name for it in lists.ranked if it.mse is None}
    assert without == {"popularity", "raw", "als", "ease"}
    by = {it.name: it.mse for it in lists.ranked}
    assert by["sgd_ours"] == by["sgd_ours_cosine"]  # the same factors, asked in two ways


def test_without_genres_there_is_no_share_of_them(matrix: RatingsMatrix) -> None:
    found = compare(matrix, (), [set()] * MOVIES, SMALL, silent)
    assert [it.genre_jaccard for it in found.qualities] == [None] * len(found.qualities)
    assert found.lists == ()


def test_a_movie_of_which_nothing_is_known_has_no_neighbours_and_a_missing_one_is_named(matrix: RatingsMatrix) -> None:
    rows = RawCosine(matrix).rows.copy()
    rows[0] = 0
    assert neighbours_of(matrix, Way("raw", rows, 1.0), 10).neighbours == ()
    assert 10 not in neighbours_of(matrix, Way("raw", rows, 1.0), 20, k=MOVIES).neighbours
    with pytest.raises(UnratedMovie):
        neighbours_of(matrix, Way("raw", rows, 1.0), 15)
