"""The training job: says what it does, keeps the newest models, and leaves nothing behind when it fails."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog.catalog import Catalog
from ratings.columns import RatingColumns
from ratings.errors import FitDiverged
from ratings.model import FactorModel
from ratings.sgd import FactorOptions
from ratings.training import TrainingOptions
from workers import train as training
from workers.train import MODELS_KEPT, _forget_old, train

QUICK = TrainingOptions(FactorOptions(factors=3, max_epochs=4), "ease")


class Lines:
    """A report that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []

    def __call__(self, what: str, done: int, of: int) -> None:
        self.told.append((what, done, of))


@pytest.fixture
def rated(queued: Callable[[int], Catalog], monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """Movies 1..5 in the catalog; ratings of 1..6 by twelve users."""
    users, movies = (part.ravel() for part in np.meshgrid(np.arange(1, 13), np.arange(1, 7), indexing="ij"))
    stars = (1 + (users * 7 + movies * 3) % 5).astype(np.float32)
    columns = RatingColumns(users.astype(np.int32), movies.astype(np.int32), stars, np.zeros(len(stars), np.int64))
    monkeypatch.setattr(training, "load_ratings", lambda _: columns)
    return queued(5)


def test_the_result_names_the_model_and_what_it_holds(rated: Catalog, tmp_path: Path) -> None:
    result = train(rated, tmp_path, QUICK, Lines())
    model = FactorModel.load(tmp_path / result["model"])
    assert (result["users"], result["movies"], result["ratings"]) == (12, 5, 60)
    assert (result["vectors"], result["dimensions"]) == ("ease", 4)
    assert "EASE of all 5 rated movies" in result["why"]
    assert result["interrupted"] is False
    assert "curve" not in result, "a job's result is a few lines"
    assert model.metrics["curve"]


def test_ratings_of_movies_that_left_are_not_learned_from(rated: Catalog, tmp_path: Path) -> None:
    result = train(rated, tmp_path, QUICK, Lines())
    assert FactorModel.load(tmp_path / result["model"]).movie_ids.tolist() == [1, 2, 3, 4, 5]


def test_it_tells_the_epochs_of_both_phases_and_then_the_vectors(rated: Catalog, tmp_path: Path) -> None:
    lines = Lines()
    train(rated, tmp_path, QUICK, lines)
    words = [what for what, _, _ in lines.told]
    assert words[0].startswith("explicit factors, validation RMSE")
    assert any(what.startswith("explicit factors, learning from all ratings, RMSE") for what in words)
    assert words[-1] == "vectors, EASE of all 5 rated movies"
    assert lines.told[0][1:] == (1, 4)


def test_only_the_newest_models_are_kept(rated: Catalog, tmp_path: Path) -> None:
    models = tmp_path / "models"
    for day in range(1, MODELS_KEPT + 3):
        (models / f"factors-2020010{day}T000000-000000").mkdir(parents=True)
        (models / f"factors-2020010{day}T000000-000000" / "model.json").touch()
    (models / "something-else").mkdir()
    made = train(rated, models, QUICK, Lines())["model"]
    old = [f"factors-2020010{day}T000000-000000" for day in range(4, MODELS_KEPT + 3)]
    assert sorted(path.name for path in models.iterdir()) == [*old, made, "something-else"]


def test_the_model_in_use_is_kept_and_what_a_kill_left_behind_is_removed(tmp_path: Path) -> None:
    names = [f"factors-2020010{day}T000000-000000" for day in range(1, MODELS_KEPT + 4)]
    for name in (*names, ".factors-old.1234", ".factors-new.1234"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.json").touch()
    os.utime(tmp_path / ".factors-old.1234", (0, 0))
    _forget_old(tmp_path, in_use=names[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == [".factors-new.1234", names[0], *names[-MODELS_KEPT:]]


def test_a_fit_that_diverges_leaves_nothing_behind(rated: Catalog, tmp_path: Path) -> None:
    wild = TrainingOptions(FactorOptions(factors=3, learning_rate=50.0))
    with pytest.raises(FitDiverged, match="try a tenth"):
        train(rated, tmp_path / "models", wild, Lines())
    assert not (tmp_path / "models").exists()


def test_ctrl_c_is_in_the_result(rated: Catalog, tmp_path: Path) -> None:
    def stop(what: str, done: int, of: int) -> Any:
        if done == 2:
            raise KeyboardInterrupt

    assert train(rated, tmp_path, QUICK, stop)["interrupted"] is True


def test_movies_say_how_many_ratings_there_were_and_their_mean(rated: Catalog, tmp_path: Path) -> None:
    model = FactorModel.load(tmp_path / train(rated, tmp_path, QUICK, Lines())["model"])
    for movie_id, mean in zip(model.movie_ids.tolist(), model.mean_ratings.tolist(), strict=True):
        movie = rated.movies.get(movie_id)
        assert movie.n_ratings == 12
        assert movie.mean_rating == pytest.approx(mean)
