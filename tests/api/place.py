"""A catalog, an index folder, and what happens in them; questions to a follower of both."""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.following import Follower
from catalog.catalog import Catalog
from catalog.entries import Kind, NewMovie, PosterFile
from catalog.errors import CatalogBusy
from catalog.posters import EmbeddedMark, StoredVector
from catalog.work import Embedded
from index import publishing
from index.contents import PackedContents, Run, SnapshotContents, SpaceContents
from index.records import decode_record, encode_record

DIMENSION, FINGERPRINT = 96, "toy"
FOUND_WITHIN_S = 2.0


def vector(movie_id: int, seed: int = 0) -> NDArray[np.float32]:
    """Toy features of a movie's poster: mostly zero, as after ReLU."""
    draw = np.random.default_rng([movie_id, seed])
    return (draw.gamma(1, 10, DIMENSION) * (draw.random(DIMENSION) < 0.4) + 1e-3).astype(np.float32)


class Place:
    """A catalog, an index folder and what happens in them."""

    def __init__(self, catalog: Catalog, root: Path, packed: bool) -> None:
        self.catalog, self.root, self.packed = catalog, root, packed

    def add(self, *movie_ids: int) -> None:
        new = [NewMovie(f"Movie {i}", i, 1990 + i, ("Comedy",) if i % 2 else ("Drama",)) for i in movie_ids]
        self.catalog.add(new)

    def embed(self, *movie_ids: int, seed: int = 0, fingerprint: str = FINGERPRINT, card: bool = False) -> None:
        records = {i: encode_record(vector(i, seed)) for i in movie_ids}
        self.embed_records(records, fingerprint, card)

    def embed_records(self, records: dict[int, bytes], fingerprint: str = FINGERPRINT, card: bool = False) -> None:
        work = self.catalog.work
        work.renew(list(records))
        claim = work.claim(Kind.FETCH, 1000, 60)
        work.fetched(claim, [poster(i, records[i], card) for i in records])
        work.released(claim, [i for i in claim.movie_ids if i not in records])
        claim = work.claim(Kind.EMBED, 1000, 60)
        sha = {i: hashlib.sha256(record).hexdigest() for i, record in records.items()}
        work.embedded(claim, [Embedded(i, sha[i], fingerprint, record, card) for i, record in records.items()])

    def rebuild(self) -> int:
        """As `workers.rebuild` does it; the generation."""
        mark = self.catalog.posters.mark()
        return self.publish([stored for run in self.catalog.posters.vectors(FINGERPRINT) for stored in run], mark)

    def publish(self, stored: list[StoredVector], mark: EmbeddedMark) -> int:
        ids = np.array([one.movie_id for one in stored], np.int64)
        cards = np.array([one.generated for one in stored], np.uint8)
        records = [one.record for one in stored]
        space: Any
        if self.packed:
            space = PackedContents("poster", DIMENSION, FINGERPRINT, [Run(ids, cards, records)], len(ids))
        else:
            rows = [np.stack([decode_record(record) for record in records])]
            space = SpaceContents("poster", DIMENSION, "cosine", FINGERPRINT, ids, rows, cards)
        contents = SnapshotContents((space,), {"embedded": asdict(mark)})
        return publishing.publish(self.root, contents).generation


def poster(movie_id: int, record: bytes, card: bool) -> PosterFile:
    sha = hashlib.sha256(record).hexdigest()
    return PosterFile(movie_id, sha, "image/png", 2, 3, 4, "titlecard" if card else "folder", "x", card, None, 1.0)


def near(follower: Follower, movie_id: int, k: int = 20, kind: Any = "same") -> list[int]:
    snapshot = follower.view().snapshot
    assert snapshot is not None
    return [hit.movie_id for hit in snapshot.similar("poster", movie_id, k, kind)]


def until(holds: Callable[[], bool]) -> float:
    """Seconds until it holds; fails after five."""
    began = time.monotonic()
    pause = threading.Event()
    while not holds():
        assert time.monotonic() - began < 5, "it never came to hold"
        pause.wait(0.01)
    return time.monotonic() - began


def by_hand(asked: int, vectors: dict[int, NDArray[np.float32]]) -> list[int]:
    units = {i: decode_record(encode_record(v)).astype(np.float64) for i, v in vectors.items()}
    units = {i: v / np.linalg.norm(v) for i, v in units.items()}
    scores = {i: float(np.float32(units[asked] @ v)) for i, v in units.items() if i != asked}
    return sorted(scores, key=lambda i: (-scores[i], i))


def away(*_: Any) -> Any:
    raise CatalogBusy("the database at x does not answer")
