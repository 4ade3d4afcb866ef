"""Candidates for the neighbours of every row, from codes alone: where comparing all vectors would take hours."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index.clusters import Clusters
from index.codes import Codes
from index.machine import loosely_compiled
from index.threads import side_by_side

CANDIDATES: Final = 256  # found for each row, of which the exact scores choose 100
LOOKED_AT: Final = 16_384  # rows that each row is compared with where there are clusters: 0.5 ms
_CELLS = 1 << 23  # products at once: 32 MB

Block = tuple[NDArray[np.int64], NDArray[np.int64]]  # rows (b,), and the candidates of each (b, c), -1 for none


def among_all(codes: Codes, generated: NDArray[np.uint8], count: int = CANDIDATES) -> Iterator[Block]:
    """For every row, the rows of its kind that its code is nearest to, in no order, by blocks of rows.

    Args:
        codes: of n rows, in their order. generated: uint8 (n,), the kind of each. count: candidates wanted; where
            there are fewer rows, -1 fills up.

    Memory: 4 k bytes per row and some blocks of 32 MB.
    """
    for kind in np.unique(generated):
        rows = np.flatnonzero(generated == kind)
        coordinates = _decoded(codes, rows)
        step = max(1, _CELLS // len(rows))
        for start in range(0, len(rows), step):
            asked = np.arange(start, min(start + step, len(rows)))
            near = coordinates[asked] @ coordinates.T
            near[np.arange(len(asked)), asked] = -np.inf
            yield rows[asked], _best(near, np.broadcast_to(rows, near.shape), count)


def within_clusters(
    codes: Codes,
    clusters: Clusters,
    generated: NDArray[np.uint8],
    count: int = CANDIDATES,
    looked_at: int = LOOKED_AT,
    asked: NDArray[np.bool_] | None = None,
) -> Iterator[Block]:
    """The same, but each row is compared only with the rows of its kind in the clusters that it is nearest to.

    300,000 generated posters, looking at 1 % of the codes: 88 % of the ten best codes are found; the clusters nearest
    to the row's own centroid hold only 79 %, since a row has neighbours on several sides.

    Args:
        codes: of n rows, in the order of the clusters. generated: uint8 (n,), by row.
        count: as `among_all`.
        looked_at: how many rows, about, each row is compared with; more find better candidates.
        asked: bool (n,), by row: for which of them; None for all.

    Memory: 12 bytes for each row looked at by some hundred rows at once, on each core.
    """
    kinds = generated[clusters.rows]
    for kind in np.unique(generated):
        shelf = _Shelf.of(codes, clusters, np.flatnonzero(kinds == kind), looked_at)
        step = max(1, _CELLS // shelf.most())
        own = shelf.places if asked is None else shelf.places[asked[clusters.rows[shelf.places]]]
        parts = (own[at : at + step] for at in range(0, len(own), step))
        yield from side_by_side(partial(shelf.candidates, count=count), parts)


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The codes of one kind: cluster i has those at `places[starts[i] : starts[i + 1]]`; `probed` are looked into."""

    codes: Codes
    clusters: Clusters
    places: NDArray[np.int64]
    starts: NDArray[np.int64]
    probed: int

    @classmethod
    def of(cls, codes: Codes, clusters: Clusters, places: NDArray[np.int64], looked_at: int) -> "_Shelf":
        starts = np.searchsorted(places, clusters.starts)
        count = len(clusters.centroids)
        probed = min(count, -(-looked_at * count // len(places)))
        return cls(codes, clusters, places, starts, probed)

    def most(self) -> int:
        """Rows that a row can meet at most."""
        return int(np.sort(np.diff(self.starts))[-self.probed :].sum())

    def candidates(self, asked: NDArray[np.int64], count: int) -> Block:
        coordinates = _decoded(self.codes, asked)
        nearest = coordinates @ self.clusters.centroids.T
        probes = np.argpartition(nearest, nearest.shape[1] - self.probed, axis=1)[:, -self.probed :]
        met = np.full((len(asked), self.most()), -1, np.int32)
        near = np.full(met.shape, -np.inf, np.float32)
        _look(asked, coordinates, probes, self.starts, self.places, self.codes.numbers, self.codes.scales, met, near)
        rows = np.where(met >= 0, self.clusters.rows[met], -1)
        return self.clusters.rows[asked].astype(np.int64), _best(near, rows, count)


def _decoded(codes: Codes, places: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.asarray(codes.numbers[places] * codes.scales[places, None], dtype=np.float32)


def _best(near: NDArray[np.float32], rows: NDArray[np.int32] | NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The `count` rows of largest `near` in each line, in no order; -1 where that is -inf, or none is left."""
    out = np.full((len(near), count), -1, np.int64)
    wanted = min(count, near.shape[1])
    best = np.argpartition(near, near.shape[1] - wanted, axis=1)[:, near.shape[1] - wanted :]
    chosen = np.take_along_axis(rows, best, axis=1)
    out[:, :wanted] = np.where(np.take_along_axis(near, best, axis=1) > -np.inf, chosen, -1)
    return out


@loosely_compiled
def _look(
    asked: NDArray[np.int64],
    coordinates: NDArray[np.float32],
    probes: NDArray[np.int64],
    starts: NDArray[np.int64],
    places: NDArray[np.int64],
    numbers: NDArray[np.int8],
    scales: NDArray[np.float32],
    met: NDArray[np.int32],
    near: NDArray[np.float32],
) -> None:
    for i in range(len(asked)):
        own = coordinates[i]
        at = 0
        for probe in probes[i]:
            for j in range(starts[probe], starts[probe + 1]):
                if places[j] != asked[i]:
                    code = numbers[places[j]]
                    total = np.float32(0)
                    for c in range(len(own)):
                        total += np.float32(code[c]) * own[c]
                    met[i, at], near[i, at] = places[j], total * scales[places[j]]
                    at += 1
