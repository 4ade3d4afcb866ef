"""Small snapshots to ask, damage and interrupt."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from index import durable, publishing
from index.contents import SnapshotContents, SpaceContents
from index.flat import FlatSpace
from index.spaces import Metric, SpaceInfo, SpaceName
from index.vectors import unit_rows
from tests.faults.failing_os import KILLED, FailingOs, Killed
from tests.verifier_here import VerifierHere

POSTERS, RATED, DIMENSION, FACTORS = 40, 30, 96, 8


def _poster_like(draw: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Non-negative and mostly zero, as features after ReLU are."""
    values = draw.gamma(1.0, 10.0, (count, DIMENSION))
    return np.where(draw.random((count, DIMENSION)) < 0.3, values, 0).astype(np.float32) + np.float32(1e-3)


@pytest.fixture
def contents() -> Callable[..., SnapshotContents]:
    """Contents of two spaces; the same seed makes the same vectors."""

    def make(seed: int = 0, posters: int = POSTERS, rated: int = RATED) -> SnapshotContents:
        draw = np.random.default_rng(seed)
        ids = np.arange(1, posters + 1, dtype=np.int64) * 3
        cards = (np.arange(posters) % 5 == 0).astype(np.uint8)
        blocks = [_poster_like(draw, len(part)) for part in np.array_split(ids, 3)]
        factors = draw.normal(0, 1, (rated, FACTORS)).astype(np.float32)
        spaces = (
            SpaceContents("poster", DIMENSION, "cosine", "toy", ids, blocks, cards),
            SpaceContents("ratings", FACTORS, "inner_product", "als", np.arange(1, rated + 1) * 2, [factors]),
        )
        return SnapshotContents(spaces, {"seed": seed})

    return make


@pytest.fixture
def flat_space() -> Callable[..., FlatSpace]:
    """A space in memory over rows as they are given; normalised for cosine."""

    def make(
        movie_ids: Any,
        vectors: Any,
        metric: Metric = "cosine",
        generated: Any = None,
        name: SpaceName = "poster",
    ) -> FlatSpace:
        ids = np.asarray(movie_ids, dtype=np.int64)
        rows = np.asarray(vectors, dtype=np.float32) if len(ids) else np.empty((0, 4), np.float32)
        rows = unit_rows(rows, ids) if metric == "cosine" and len(ids) else rows
        index = faiss.IndexFlatIP(rows.shape[1])
        index.add(rows)
        info = SpaceInfo(name, index.d, "float32", metric, "toy", len(ids))
        return FlatSpace(info, index, ids, None if generated is None else np.asarray(generated, dtype=np.uint8))

    return make


@pytest.fixture
def verified_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verifies in this process: tests that publish many times do not start as many interpreters."""
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)


@pytest.fixture
def overwrite() -> Callable[[Path, bytes], None]:
    """Puts another file in the place of a published one, which is read-only and may be mapped."""

    def replace(path: Path, content: bytes) -> None:
        path.unlink()
        path.write_bytes(content)

    return replace


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`faults.at(n, errno)`: the nth disk step fails; without errno the process counts as killed there."""

    def at(step: int, errno: int | None = None) -> FailingOs:
        shim = FailingOs(step, KILLED if errno is None else errno)
        monkeypatch.setattr(durable, "os", shim)
        return shim

    def none() -> None:
        monkeypatch.setattr(durable, "os", os)

    return SimpleNamespace(at=at, none=none, Killed=Killed)
