"""SGD factors: the article's update order, reproducible, stopped in time, honest about divergence."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ratings.columns import RatingColumns
from ratings.errors import FitDiverged, NothingToFit
from ratings.kernels import sgd_epoch, squared_error
from ratings.matrix import RatingsMatrix
from ratings.neighbours import neighbour_vectors
from ratings.reading import read_ratings_csv
from ratings.sgd import FactorOptions, fit_sgd
from ratings.training import train_factors

BUNDLED = Path(__file__).resolve().parents[2] / "data" / "ml-latest-small" / "ratings.csv"


@pytest.fixture(scope="module")
def bundled() -> RatingColumns:
    return read_ratings_csv(BUNDLED, np.arange(1, 200_000, dtype=np.int64))[0]


def checkerboard(users: int = 30, movies: int = 20) -> RatingColumns:
    """Even users love even movies and hate odd ones; odd users the other way round."""
    u, m = np.meshgrid(np.arange(users), np.arange(movies), indexing="ij")
    stars = np.where((u + m) % 2 == 0, 5.0, 1.0)
    seen = np.random.default_rng(0).random(u.shape) < 0.8
    return RatingColumns(
        (u[seen] + 1).astype(np.int32),
        (m[seen] + 1).astype(np.int32),
        stars[seen].astype(np.float32),
        np.zeros(int(seen.sum()), np.int64),
    )


def slow_epoch(
    order: NDArray[np.int64],
    triples: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]],
    mu: float,
    state: list[NDArray[np.float64]],
    lr: float,
    reg: float,
) -> None:
    """The update rule of the article's source, word for word, in plain Python."""
    bu, bi, x, y = state
    for p in order:
        u, i, r = triples[0][p], triples[1][p], triples[2][p]
        e = r - (mu + bu[u] + bi[i] + x[u] @ y[i])
        bu[u] += lr * (e - reg * bu[u])
        bi[i] += lr * (e - reg * bi[i])
        x[u] += lr * (e * y[i] - reg * x[u])
        y[i] += lr * (e * x[u] - reg * y[i])


def test_an_epoch_is_the_update_rule_in_its_order() -> None:
    triples = RatingsMatrix.from_columns(checkerboard(8, 6)).triples()
    draw = np.random.default_rng(1)
    order = draw.permutation(len(triples[2]))
    start = [np.zeros(8), np.zeros(6), draw.normal(0, 0.3, (8, 3)), draw.normal(0, 0.3, (6, 3))]
    fast = [array.astype(np.float32) for array in start]
    sgd_epoch(order, *triples, np.float32(3.0), *fast, np.float32(0.05), np.float32(0.1))
    slow_epoch(order, triples, 3.0, start, 0.05, 0.1)
    for got, want in zip(fast, start, strict=True):
        assert np.allclose(got, want, atol=2e-5)


def test_the_squared_error_is_that_of_the_prediction() -> None:
    rows, cols = np.array([0, 1], np.int32), np.array([1, 0], np.int32)
    stars = np.array([4.0, 2.0], np.float32)
    one = np.ones(2, np.float32)
    factors = np.full((2, 2), 0.5, np.float32)
    # 1 + 1 + 1 + (.25 + .25) = 3.5 for both
    assert squared_error(rows, cols, stars, np.float32(1), one, one, factors, factors) == pytest.approx(0.25 + 2.25)


def test_a_checkerboard_is_learned() -> None:
    options = FactorOptions(factors=4, learning_rate=0.05, regularization=0.01, max_epochs=400, patience=40)
    model = train_factors(checkerboard(), options)
    assert model.predict(2, 4) > 4.5
    assert model.predict(2, 3) < 1.5
    assert model.metrics["validation_rmse"] < 0.5


def test_movies_liked_by_the_same_people_are_neighbours() -> None:
    options = FactorOptions(factors=4, learning_rate=0.05, regularization=0.01, max_epochs=400, patience=40)
    movie_ids, vectors = neighbour_vectors(train_factors(checkerboard(), options))
    scores = vectors[0] @ vectors.T
    assert (scores[movie_ids % 2 == 1] > 0.2).all()
    assert (scores[movie_ids % 2 == 0] < 0).all()


def test_scores_of_neighbours_lie_between_minus_one_and_one(bundled: RatingColumns) -> None:
    model = train_factors(bundled, FactorOptions(max_epochs=3))
    movie_ids, vectors = neighbour_vectors(model)
    assert len(movie_ids) == 9_066, "every rated movie answers"
    lengths = np.linalg.norm(vectors, axis=1)
    assert lengths.max() < 1
    assert lengths[model.n_ratings == 1] == pytest.approx(1 / 21, abs=1e-4)


def test_the_same_seed_gives_the_same_numbers_and_another_gives_others() -> None:
    options = FactorOptions(factors=4, max_epochs=5)
    first, second = (train_factors(checkerboard(), options) for _ in range(2))
    assert (first.item_factors == second.item_factors).all()
    other = train_factors(checkerboard(), replace(options, seed=1))
    assert (first.item_factors != other.item_factors).any()


def test_it_stops_when_the_validation_error_no_longer_falls() -> None:
    noise = checkerboard()
    stars = np.random.default_rng(0).permutation(noise.ratings)
    shuffled = RatingColumns(noise.user_ids, noise.movie_ids, stars, noise.timestamps)
    matrix = RatingsMatrix.from_columns(shuffled)
    fit = fit_sgd(matrix, FactorOptions(factors=8, learning_rate=0.05, regularization=0.0, max_epochs=500, patience=3))
    assert len(fit.curve) == fit.best_epoch + 3 < 500
    assert fit.curve[fit.best_epoch - 1].validation_rmse == min(report.validation_rmse for report in fit.curve)


def test_a_learning_rate_that_diverges_is_named_with_its_epoch() -> None:
    matrix = RatingsMatrix.from_columns(checkerboard())
    with pytest.raises(FitDiverged, match=r"epoch \d+ with learning rate 5; try a tenth"):
        fit_sgd(matrix, FactorOptions(learning_rate=5.0))


def test_too_few_ratings_are_said_to_be_too_few() -> None:
    few = checkerboard().take(np.arange(5))
    with pytest.raises(NothingToFit, match="5 ratings"):
        train_factors(few, FactorOptions())


def test_people_who_always_give_the_same_rating_make_finite_factors() -> None:
    given = checkerboard()
    constant = RatingColumns(given.user_ids, given.movie_ids, np.full_like(given.ratings, 3.0), given.timestamps)
    model = train_factors(constant, FactorOptions(factors=4, max_epochs=20))
    assert np.isfinite(neighbour_vectors(model)[1]).all()
    assert model.predict(1, 1) == 3.0


def test_ctrl_c_keeps_the_best_so_far_and_says_so() -> None:
    def interrupt(report: object) -> None:
        if getattr(report, "epoch", 0) == 4:
            raise KeyboardInterrupt

    fit = fit_sgd(RatingsMatrix.from_columns(checkerboard()), FactorOptions(factors=4), interrupt)
    assert fit.interrupted
    assert 1 <= fit.best_epoch <= 4


def test_on_the_articles_split_it_is_as_good_as_the_best_figure_known(bundled: RatingColumns) -> None:
    """Ten held out per user without replacement, 40 factors: MSE .824 in performance.md section 5."""
    draw = np.random.default_rng(0)
    held_out = np.zeros(len(bundled), bool)
    for user in np.unique(bundled.user_ids):
        held_out[draw.choice(np.flatnonzero(bundled.user_ids == user), 10, replace=False)] = True
    train, test = bundled.take(np.flatnonzero(~held_out)), bundled.take(np.flatnonzero(held_out))
    model = train_factors(train, FactorOptions(factors=40, regularization=0.1))
    known = np.isin(test.movie_ids, model.movie_ids)
    predicted = [
        model.predict(int(u), int(m)) if there else model.mu
        for u, m, there in zip(test.user_ids, test.movie_ids, known, strict=True)
    ]
    mse = float(np.mean((np.array(predicted) - test.ratings) ** 2))
    assert 0.78 < mse < 0.86, mse
