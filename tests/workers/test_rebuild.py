"""Rebuilding: what is published is what the catalog holds, also when movies leave it meanwhile."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from catalog.catalog import Catalog
from catalog.entries import Kind, PosterFile
from catalog.work import Embedded
from index import publishing
from index.live import LiveSnapshot
from index.records import encode_record
from ratings.model import FactorModel
from tests.verifier_here import VerifierHere
from workers import rebuild as rebuilding
from workers.poster_space import DIMENSION
from workers.rebuild import rebuild


@pytest.fixture
def stocked(queued: Callable[[int], Catalog], monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """Movies 1..4, embedded with vectors that are all different."""
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)
    catalog = queued(4)
    files = [PosterFile(i, f"{i:064d}", "image/jpeg", 9, 9, 9, "folder", "x", False, None, 1.0) for i in range(1, 5)]
    catalog.work.fetched(catalog.work.claim(Kind.FETCH, 9, 60), files)
    vectors = [Embedded(i, f"{i:064d}", "toy", encode_record(vector(i))) for i in range(1, 5)]
    assert len(catalog.work.embedded(catalog.work.claim(Kind.EMBED, 9, 60), vectors)) == 4
    return catalog


def vector(movie_id: int) -> Any:
    out = np.zeros(DIMENSION, np.float32)
    out[movie_id : movie_id + 3] = 1.0
    return out


def toy_model(movie_ids: list[int]) -> FactorModel:
    """One user, and for each movie a vector and a factor of its own."""
    n = len(movie_ids)
    return FactorModel(
        mu=3.5,
        scale=(0.5, 5.0),
        user_ids=np.array([7], np.int64),
        movie_ids=np.array(movie_ids, np.int64),
        n_ratings=np.arange(1, n + 1),
        mean_ratings=np.full(n, 3.5),
        user_biases=np.zeros(1, np.float32),
        item_biases=np.linspace(-1, 1, n, dtype=np.float32),
        user_factors=np.ones((1, 2), np.float32),
        item_factors=np.ones((n, 2), np.float32),
        vectors=np.eye(n, dtype=np.float32),
        options={"factors": {"regularization": 0.1}},
        metrics={},
    )


def silent(*_: object) -> None:
    pass


def published(folder: Path) -> list[int]:
    snapshot = LiveSnapshot(folder).get()
    return [i for i in range(1, 5) if snapshot.has("poster", i)]


def test_a_deleted_movie_is_not_in_the_next_snapshot(stocked: Catalog, tmp_path: Path) -> None:
    models, folder = tmp_path / "models", tmp_path / "index"
    rebuild(stocked, models, folder, silent)
    assert published(folder) == [1, 2, 3, 4]
    stocked.editing.delete(2)
    assert rebuild(stocked, models, folder, silent)["posters"] == 3
    assert published(folder) == [1, 3, 4]


def test_a_movie_that_leaves_while_a_snapshot_is_made_does_not_end_it(
    stocked: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = rebuilding.publish

    def late(folder: Path, contents: Any, report: Any) -> Any:
        stocked.editing.delete(3)
        return publish(folder, contents, report)

    monkeypatch.setattr(rebuilding, "publish", late)
    result = rebuild(stocked, tmp_path / "models", tmp_path / "index", silent)
    assert result["posters"] == 3
    assert stocked.posters.mark().deleted > result["embedded"]["deleted"], "the next snapshot is due"


def test_rating_vectors_of_movies_that_left_are_not_published(
    stocked: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = (SimpleNamespace(result={"model": "toy"}), toy_model([1, 2, 99]))
    monkeypatch.setattr(rebuilding, "newest_model", lambda *_: trained)
    stocked.editing.delete(2)
    assert rebuild(stocked, tmp_path / "models", tmp_path / "index", silent)["rated"] == 1
    snapshot = LiveSnapshot(tmp_path / "index").get()
    assert [i for i in (1, 2, 99) if snapshot.has("ratings", i)] == [1]
