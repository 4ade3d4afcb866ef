"""Candidates for the neighbours of every row, from codes alone: where comparing all vectors would take hours.

Rows are taken in blocks whose candidates are the same, so that the work is products of matrices.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index.clusters import Clusters
from index.codes import Codes

CANDIDATES: Final = 256  # found for each row, of which the exact scores choose 100
LOOKED_AT: Final = 16_384  # rows in the clusters nearest to a row that are compared with it
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
        yield from _compared(_decoded(codes, rows), rows, len(rows), count)


def within_clusters(
    codes: Codes, clusters: Clusters, generated: NDArray[np.uint8], count: int = CANDIDATES, looked_at: int = LOOKED_AT
) -> Iterator[Block]:
    """The same, but each row is compared only with the rows of the clusters nearest to its own.

    A row meets the rows of its kind in its own cluster and the nearest others, until `looked_at` rows were met.

    Args:
        codes: of n rows, in the order of the clusters. generated: uint8 (n,), by row. count: as `among_all`.
        looked_at: how many rows, at least, each row is compared with; more find better candidates.

    Memory: 4 k bytes for each row looked at and some blocks of 32 MB.
    """
    kinds = generated[clusters.rows]
    for kind in np.unique(generated):
        places = np.flatnonzero(kinds == kind)
        starts = np.searchsorted(places, clusters.starts)  # where each cluster begins among the rows of this kind
        sizes = np.diff(starts)
        for cluster in np.flatnonzero(sizes):
            near = clusters.centroids @ clusters.centroids[cluster]
            near[cluster] = np.inf  # its own rows first, whatever rounding says
            order = np.argsort(-near, kind="stable")
            enough = order[: int(np.searchsorted(np.cumsum(sizes[order]), looked_at)) + 1]
            met = np.concatenate([places[starts[other] : starts[other + 1]] for other in enough])
            rows = clusters.rows[met].astype(np.int64)
            yield from _compared(_decoded(codes, met), rows, int(sizes[cluster]), count)


def _decoded(codes: Codes, places: NDArray[np.int64]) -> NDArray[np.float32]:
    return codes.numbers[places] * codes.scales[places, None]


def _compared(decoded: NDArray[np.float32], rows: NDArray[np.int64], asked_for: int, count: int) -> Iterator[Block]:
    """The candidates of the first rows among all of these rows."""
    step = max(1, _CELLS // len(rows))
    for start in range(0, asked_for, step):
        asked = np.arange(start, min(start + step, asked_for))
        near = decoded[asked] @ decoded.T
        near[np.arange(len(asked)), asked] = -np.inf
        found = np.full((len(asked), count), -1, np.int64)
        wanted = min(count, len(rows) - 1)
        if wanted:
            best = np.argpartition(near, len(rows) - wanted, axis=1)[:, len(rows) - wanted :]
            found[:, :wanted] = rows[best]
        yield rows[asked], found
