"""Training: factors and vectors in one model that says what it holds and why, also when it is stopped by hand."""

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ratings import training
from ratings.columns import RatingColumns
from ratings.ease import EaseOptions, fit_ease
from ratings.errors import FitDiverged, NothingToFit
from ratings.matrix import RatingsMatrix
from ratings.model import FactorModel
from ratings.planning import VectorMethod
from ratings.sgd import EpochReport, FactorOptions, fit_sgd
from ratings.training import TrainingOptions, train_model
from ratings.vectors import HALF_SUPPORT, supported

GIB = 1 << 30
QUICK = FactorOptions(factors=3, learning_rate=0.03, max_epochs=6)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Much memory is free, whatever machine this runs on."""
    monkeypatch.setattr(training, "free_bytes", lambda: 8 * GIB)


def columns_of(users: int = 30, movies: int = 20, seed: int = 0) -> RatingColumns:
    draw = np.random.default_rng(seed)
    u, m = np.nonzero(draw.random((users, movies)) < 0.5)
    stars = np.clip(np.round(3 + draw.normal(size=users)[u] + draw.normal(size=movies)[m]), 1, 5).astype(np.float32)
    return RatingColumns((u + 1).astype(np.int32), (m + 1).astype(np.int32), stars, np.zeros(len(u), np.int64))


def trained(vectors: VectorMethod | None = None, **changes: object) -> FactorModel:
    return train_model(columns_of(), TrainingOptions(replace(QUICK, **changes), vectors))  # type: ignore[arg-type]


def test_a_model_holds_the_factors_and_the_vectors_of_the_same_ratings() -> None:
    model, matrix = trained(), RatingsMatrix.from_columns(columns_of())
    factors = fit_sgd(matrix, QUICK).factors
    assert (model.item_factors == factors.item_factors).all()
    assert (model.user_biases == factors.user_biases).all()
    assert (model.vectors == fit_ease(matrix, EaseOptions())).all()
    assert (model.movie_ids == matrix.movie_ids).all()
    assert (model.n_ratings == matrix.n_ratings).all()


def test_it_says_what_it_chose_and_why() -> None:
    lines: list[str] = []
    model = train_model(columns_of(), TrainingOptions(QUICK), told=lines.append)
    assert lines == [model.metrics["why"]]
    assert "EASE of all 20 rated movies" in lines[0]
    assert model.metrics["vectors"] == "ease"
    assert model.metrics["dimensions"] == model.vectors.shape[1] == 19
    assert model.options["vectors"]["regularization"] == EaseOptions().regularization
    assert model.options["factors"]["factors"] == 3
    assert not model.metrics["interrupted"]


def test_a_small_machine_gets_als_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "free_bytes", lambda: 0)
    model = trained()
    assert model.metrics["vectors"] == model.options["vectors"]["method"] == "als"
    assert "implicit ALS" in model.metrics["why"]


def test_memory_for_a_part_folds_the_others_in(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = columns_of(60, 20)
    monkeypatch.setattr(training, "free_bytes", lambda: 2 * 72 * len(columns) + 2 * 12 * 18**2)
    model = train_model(columns, TrainingOptions(QUICK))
    assert "18 most-rated movies" in model.metrics["why"]
    assert (model.vectors == fit_ease(RatingsMatrix.from_columns(columns), EaseOptions(), 18)).all()


@pytest.mark.parametrize("asked", ["ease", "als", "sgd"])
def test_the_vectors_asked_for_are_fitted(asked: VectorMethod) -> None:
    assert trained(asked).metrics["vectors"] == asked


def test_of_a_pair_rated_twice_the_latest_counts() -> None:
    once = columns_of()
    doubled = RatingColumns(
        np.concatenate([once.user_ids, once.user_ids[:5]]),
        np.concatenate([once.movie_ids, once.movie_ids[:5]]),
        np.concatenate([once.ratings, np.full(5, 0.5, np.float32)]),
        np.concatenate([once.timestamps, np.full(5, -1)]),  # older, though further down
    )
    assert (train_model(doubled, TrainingOptions(QUICK)).vectors == trained().vectors).all()


def test_all_that_the_model_says_of_itself_is_plain() -> None:
    for model in (trained(), trained(validation_share=0)):
        for about in (model.metrics, model.options):
            assert json.loads(json.dumps(about, allow_nan=False)) == about
    assert [row[0] for row in trained().metrics["curve"]] == list(range(1, 7))


def stop_in(phase: str) -> Callable[[EpochReport], None]:
    def stop(report: EpochReport) -> None:
        if report.phase == phase and report.epoch == 2:
            raise KeyboardInterrupt

    return stop


def check_that_it_works(model: FactorModel, folder: Path) -> None:
    """It was interrupted and says so, predicts, has vectors, and can be saved."""
    assert model.metrics["interrupted"] is True
    found = [model.predict(int(user), int(movie)) for user in model.user_ids for movie in model.movie_ids]
    assert np.isfinite(found).all()
    assert 1 <= min(found) < max(found) <= 5
    assert np.isfinite(model.vectors).all()
    assert model.vectors.any(axis=1).all()
    model.save(folder / "m")
    assert FactorModel.load(folder / "m").metrics == model.metrics


@pytest.mark.parametrize("phase", ["search", "final"])
def test_ctrl_c_while_factors_are_learned_gives_a_model_that_works(phase: str, tmp_path: Path) -> None:
    model = train_model(columns_of(), TrainingOptions(QUICK), stop_in(phase))
    check_that_it_works(model, tmp_path)
    assert model.metrics["vectors"] == "ease", "the vectors are fitted all the same"
    assert (model.item_factors != trained().item_factors).any()


@pytest.mark.parametrize(("method", "fit"), [("ease", "fit_ease"), ("als", "fit_als")])
def test_ctrl_c_while_vectors_are_fitted_gives_those_of_the_explicit_factors(
    method: VectorMethod, fit: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stop(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"ratings.vectors.{fit}", stop)
    model = train_model(columns_of(), TrainingOptions(QUICK, method))
    check_that_it_works(model, tmp_path)
    assert model.metrics["vectors"] == model.options["vectors"]["method"] == "sgd"
    assert "stopped by hand before they were fitted" in model.metrics["why"]
    assert (model.vectors == supported(model.item_factors, model.n_ratings, HALF_SUPPORT)).all()
    assert (model.item_factors == trained("sgd").item_factors).all(), "the factors are those of a whole training"


def test_ctrl_c_before_there_is_anything_ends_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*given: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr("ratings.learner.Learner.epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        trained()


def test_too_few_ratings_are_said_to_be_too_few() -> None:
    with pytest.raises(NothingToFit, match="9 ratings are too few"):
        train_model(columns_of().take(np.arange(9)), TrainingOptions(QUICK))


def test_a_learning_rate_that_diverges_is_named() -> None:
    with pytest.raises(FitDiverged, match="learning rate 9; try a tenth"):
        trained(learning_rate=9.0)


def test_sixty_thousand_movies_of_three_hundred_users_never_meet_all_at_once() -> None:
    """All pairs of movies would be 14.4 GB of float32; 600 rows of X for them are .29 GB of float64, .14 of float32."""
    draw, movies = np.random.default_rng(0), 60_000
    cells = draw.integers(0, 300 * movies, 250_000)
    cells = np.union1d(cells, np.arange(movies) + movies * draw.integers(0, 300, movies))  # each movie once at least
    user_ids, movie_ids = (cells // movies + 1).astype(np.int32), (cells % movies + 1).astype(np.int32)
    stars = (draw.integers(1, 11, len(cells)) / 2).astype(np.float32)
    matrix = RatingsMatrix.from_columns(RatingColumns(user_ids, movie_ids, stars, np.zeros(len(cells), np.int64)))
    tracemalloc.start()
    # One dimension: noise has no leading ones to be found soon, and memory is by users and movies, not by dimensions.
    vectors = fit_ease(matrix, EaseOptions(dimensions=1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert vectors.shape == (movies, 1)
    assert np.isfinite(vectors).all()
    assert peak < GIB
