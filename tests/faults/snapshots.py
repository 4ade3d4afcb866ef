"""Small snapshots with everything a real one has, and the plain answer that each of them must give."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.contents import PackedContents, Run, SnapshotContents, SpaceContents
from index.flat import Neighbour
from index.layout import read_current, version_folder
from index.records import encode_record
from index.snapshot import Snapshot
from tests.index.packed_spaces import Oracle, agree, posters

ROWS, RATED, DIMENSION, FACTORS = 24, 16, 70, 4
ASKED_POSTERS, ASKED_RATED, K = (3, 15, 72), (2, 32), 10


def contents(seed: int, rows: int = ROWS) -> SnapshotContents:
    """A packed poster space, a flat ratings space, arrays attached; the same seed makes the same vectors."""
    ids, vectors, cards = _posters(seed, rows)
    run = Run(ids, cards, [encode_record(vector) for vector in vectors])
    rated, factors = _ratings(seed)
    spaces = (
        PackedContents("poster", DIMENSION, "toy", [run], rows),
        SpaceContents("ratings", FACTORS, "inner_product", "als", rated, [factors[:5], factors[5:]]),
    )
    attached = {"prediction": {"item_biases": np.full(RATED, seed, np.float32)}}
    return SnapshotContents(spaces, {"seed": seed, "rows": rows}, attached)


def ratings_only(seed: int) -> SnapshotContents:
    """What is published in some milliseconds."""
    rated, factors = _ratings(seed)
    space = SpaceContents("ratings", FACTORS, "inner_product", "als", rated, [factors])
    return SnapshotContents((space,), {"seed": seed, "rows": 0})


def differences(snapshot: Snapshot) -> list[str]:
    """Where a snapshot answers otherwise than brute force over the contents that its manifest says it was made of."""
    seed, rows = snapshot.manifest.source["seed"], snapshot.manifest.source["rows"]
    found = []
    for (space, movie_id), wanted in _truth(seed, rows).items():
        if not agree(snapshot.similar(space, movie_id, K), wanted):  # type: ignore[arg-type]
            found.append(f"version {snapshot.generation} of seed {seed}: {space} of movie {movie_id}")
    arrays = snapshot.attached("prediction")
    if rows and (arrays is None or not (arrays["item_biases"] == seed).all()):
        found.append(f"version {snapshot.generation}: the attached array is of another seed than {seed}")
    return found


def served(root: Path) -> Snapshot | None:
    """What CURRENT names, opened without any way out: every byte is read; None when nothing was published.

    Raises:
        SnapshotError: CURRENT does not name a version that is whole.
    """
    current = read_current(root)
    if current is None:
        return None
    return Snapshot.open(version_folder(root, current.generation), thorough=True)


def leftovers(root: Path) -> list[str]:
    """What a publisher left that did not end."""
    return sorted(path.name for path in root.glob(".tmp-*")) + sorted(path.name for path in root.glob("*.tmp"))


def _posters(seed: int, rows: int) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.uint8]]:
    ids = np.arange(1, rows + 1, dtype=np.int64) * 3
    return ids, posters(rows, seed, DIMENSION), (np.arange(rows) % 5 == 3).astype(np.uint8)


def _ratings(seed: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    factors = np.random.default_rng([seed, 1]).normal(0, 1, (RATED, FACTORS)).astype(np.float32)
    return np.arange(1, RATED + 1, dtype=np.int64) * 2, factors


@lru_cache(maxsize=64)
def _truth(seed: int, rows: int) -> dict[tuple[str, int], list[Neighbour]]:
    truth: dict[tuple[str, int], list[Neighbour]] = {}
    if rows:
        ids, vectors, cards = _posters(seed, rows)
        oracle = Oracle(ids, vectors, cards)
        for movie_id in ASKED_POSTERS:
            row = movie_id // 3 - 1
            others = (cards == cards[row]) & (np.arange(rows) != row)
            truth["poster", movie_id] = oracle.nearest(vectors[row], K, others)
    rated, factors = _ratings(seed)
    for movie_id in ASKED_RATED:
        truth["ratings", movie_id] = _inner(rated, factors, movie_id)
    return truth


def _inner(ids: NDArray[np.int64], rows: NDArray[np.float32], movie_id: int) -> list[Neighbour]:
    wide: NDArray[Any] = rows.astype(np.float64)
    scores = (wide @ wide[int(np.flatnonzero(ids == movie_id)[0])]).astype(np.float32)
    ranked = sorted((-float(score), int(i)) for i, score in zip(ids, scores, strict=True) if i != movie_id)
    return [Neighbour(i, -score) for score, i in ranked[:K]]
