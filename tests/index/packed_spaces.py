"""Small packed spaces and the slow, plain answer that theirs must equal."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.arranging import arrange
from index.flat import Neighbour
from index.packed import Packed
from index.packed_parts import PackedParts
from index.packed_space import PackedSpace
from index.record_blocks import pack_records
from index.records import decode_record, encode_record
from index.spaces import SpaceInfo

DIMENSION = 200  # no multiple of 64: the last word of a bitmap is not full


def posters(count: int, seed: int = 0, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """Non-negative, three quarters zeros, in groups that look alike: float32 (count, dimension)."""
    draw = np.random.default_rng(seed)
    styles = draw.gamma(1.0, 10.0, (12, dimension)) * (draw.random((12, dimension)) < 0.4)
    mixed = styles[draw.integers(12, size=count)] + draw.gamma(1.0, 6.0, (count, dimension))
    vectors = np.where(draw.random((count, dimension)) < 0.25, mixed, 0)
    vectors[:, 0] += 0.5  # none is empty
    return vectors.astype(np.float16).astype(np.float32)


def silent(*_: Any) -> None:
    """The progress of nobody who watches."""


def packed_of(vectors: NDArray[np.float32]) -> Packed:
    return pack_records([encode_record(vector) for vector in vectors], vectors.shape[1])


def space_of(movie_ids: Any, vectors: NDArray[np.float32], generated: Any = None) -> PackedSpace:
    """A space in memory, worked out as a rebuild does it."""
    ids = np.asarray(movie_ids, np.int64)
    cards = np.zeros(len(ids), np.uint8) if generated is None else np.asarray(generated, np.uint8)
    packed = packed_of(vectors)
    made = arrange(packed, ids, cards, None, silent)
    info = SpaceInfo("poster", packed.dimension, "float16", "cosine", "toy", len(ids))
    stated = made.info(len(packed.values))
    parts = PackedParts(info, ids, cards, packed, made.directions, made.codes, made.clusters, made.neighbours, stated)
    return PackedSpace(parts)


@dataclass(frozen=True)
class Oracle:
    """Brute force in float64, one pair after the other."""

    ids: NDArray[np.int64]
    vectors: NDArray[np.float32]
    generated: NDArray[np.uint8]

    def score(self, query: NDArray[np.float32], row: int) -> float:
        stored = decode_record(encode_record(self.vectors[row])).astype(np.float64)
        wide = query.astype(np.float64)
        return float(np.float32((stored * wide).sum() / np.sqrt((stored**2).sum() * (wide**2).sum())))

    def nearest(self, query: NDArray[np.float32], k: int, allowed: Any = None) -> list[Neighbour]:
        """The k best by (score, id) among the rows allowed, a bool array or all."""
        rows = range(len(self.ids)) if allowed is None else np.flatnonzero(allowed).tolist()
        ranked = sorted((-self.score(query, row), int(self.ids[row])) for row in rows)
        return [Neighbour(movie_id, -score) for score, movie_id in ranked[:k]]


def agree(found: list[Neighbour], wanted: list[Neighbour]) -> bool:
    """The same scores to float32's last digits; and the same movies wherever two scores are further apart than that."""
    if len(found) != len(wanted):
        return False
    scores = np.array([[a.score, b.score] for a, b in zip(found, wanted, strict=True)]).reshape(-1, 2)
    if not np.allclose(scores[:, 0], scores[:, 1], rtol=0, atol=2e-7):
        return False
    last = wanted[-1].score if wanted else 0.0
    clear = {hit.movie_id for hit in wanted if hit.score > last + 4e-7}
    return clear <= {hit.movie_id for hit in found}
