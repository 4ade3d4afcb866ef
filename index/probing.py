"""Which codes a question is compared with where there are clusters: those of the clusters nearest to it."""

import numpy as np
from numpy.typing import NDArray

from index.clusters import Clusters


def nearest_places(
    clusters: Clusters, coordinates: NDArray[np.float32], probed: int, mask: NDArray[np.bool_] | None
) -> NDArray[np.int64]:
    """Places of codes in the order of the clusters, nearest cluster first: int64 (m,), at least `probed` if there are.

    Args:
        coordinates: float32 (k,), of the question. probed: how many rows are wanted.
        mask: bool (n,), by row: only these count and come back; None for all. The fewer match, the more clusters are
            looked into, so a filter costs no recall.
    """
    order = np.argsort(-(clusters.centroids @ coordinates), kind="stable")
    if mask is None:
        sizes = np.diff(clusters.starts)
        return _runs(clusters.starts[order], sizes[order], probed)
    allowed = mask[clusters.rows]
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(allowed)])
    sizes = before[clusters.starts[1:]] - before[clusters.starts[:-1]]
    return np.flatnonzero(allowed)[_runs(before[clusters.starts[:-1]][order], sizes[order], probed)]


def _runs(starts: NDArray[np.int64], sizes: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """The numbers of the first runs that together are at least `wanted`: each goes from its start for its size."""
    ends = np.cumsum(sizes)
    taken = min(int(np.searchsorted(ends, wanted)) + 1, len(ends))
    total = int(ends[taken - 1])
    shift = starts[:taken] - (ends[:taken] - sizes[:taken])
    places: NDArray[np.int64] = np.arange(total, dtype=np.int64) + np.repeat(shift, sizes[:taken])
    return places
