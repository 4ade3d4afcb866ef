"""A model's folder: whole or not there, and never trusted unread."""

import json
from pathlib import Path

import numpy as np
import pytest

from ratings.columns import RatingColumns
from ratings.errors import ModelCorrupt, UnknownUser, UnratedMovie
from ratings.model import NAMES, FactorModel
from ratings.sgd import FactorOptions
from ratings.training import TrainingOptions, train_model


@pytest.fixture(scope="module")
def model() -> FactorModel:
    draw = np.random.default_rng(0)
    pairs = draw.permutation(20 * 15)[:150]
    stars = draw.choice([1.0, 2.5, 4.0], 150).astype(np.float32)
    users, movies = (pairs // 15 + 1).astype(np.int32), (pairs % 15 + 1).astype(np.int32)
    columns = RatingColumns(users, movies, stars, np.zeros(150, np.int64))
    return train_model(columns, TrainingOptions(FactorOptions(factors=3, max_epochs=4), "ease"))


def test_what_is_saved_is_what_is_loaded(model: FactorModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m1")
    loaded = FactorModel.load(tmp_path / "m1")
    for name in NAMES:
        kept, want = getattr(loaded, name), getattr(model, name)
        assert (kept.dtype, kept.shape, kept.tobytes()) == (want.dtype, want.shape, want.tobytes()), name
    assert loaded.vectors.shape == (15, 14)
    assert (loaded.mu, loaded.scale, loaded.options) == (model.mu, (1.0, 4.0), model.options)
    assert loaded.metrics == model.metrics
    assert [path.name for path in tmp_path.iterdir()] == ["m1"]


def test_predictions_stay_on_the_scale_found_in_the_data(model: FactorModel) -> None:
    found = [model.predict(int(user), int(movie)) for user in model.user_ids for movie in model.movie_ids]
    assert min(found) >= 1.0
    assert max(found) <= 4.0
    with pytest.raises(UnknownUser):
        model.predict(99, 1)
    with pytest.raises(UnratedMovie):
        model.predict(1, 99)


@pytest.mark.parametrize("name", ["arrays.npz", "model.json"])
@pytest.mark.parametrize("damage", ["gone", "cut", "flipped"])
def test_a_damaged_folder_is_refused_with_what_to_do(
    model: FactorModel, tmp_path: Path, name: str, damage: str
) -> None:
    model.save(tmp_path / "m1")
    path = tmp_path / "m1" / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        # In model.json this is a digit of the sha256.
        at = content.index(b'"sha256": "') + 11 if name == "model.json" else len(content) // 2
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    with pytest.raises(ModelCorrupt, match="run posterity train again"):
        FactorModel.load(tmp_path / "m1")


def test_a_folder_of_the_first_format_is_refused_with_what_to_do(model: FactorModel, tmp_path: Path) -> None:
    """It had no vectors: there is nothing to publish."""
    model.save(tmp_path / "m1")
    path = tmp_path / "m1" / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 1}))
    with pytest.raises(ModelCorrupt, match="not a model of format 2; run posterity train again"):
        FactorModel.load(tmp_path / "m1")


@pytest.mark.parametrize("name", ["scale", "options", "mu"])
def test_a_description_that_lacks_something_is_refused_too(model: FactorModel, tmp_path: Path, name: str) -> None:
    model.save(tmp_path / "m1")
    path = tmp_path / "m1" / "model.json"
    about = json.loads(path.read_text())
    del about[name]
    path.write_text(json.dumps(about))
    with pytest.raises(ModelCorrupt, match=f"something is missing in it .*{name}.*run posterity train again"):
        FactorModel.load(tmp_path / "m1")
