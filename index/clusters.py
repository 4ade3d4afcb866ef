"""Codes sorted into clusters, so that among many only those near a question need to be looked at."""

import math
from dataclasses import dataclass
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from index.codes import Codes
from index.reporting import Progress

MOST_SAMPLED: Final = 100_000  # codes that the centroids are fitted to: 205 MB
_ROUNDS = 10  # of k-means; later ones move hardly any code
_SEED = 42
_BLOCK = 4096  # codes compared with all centroids at once: 66 MB for a million rows


@dataclass(frozen=True, slots=True)
class Clusters:
    """Which rows lie near each other; think of a sorted list of all rows, cut into c pieces.

    Attributes:
        centroids: float32 (c, k), of length 1, or 0 where only rows of zeros fell; their first number is 0.
        starts: int64 (c + 1,): the rows of cluster i are `rows[starts[i] : starts[i + 1]]`; some may have none.
        rows: int32 (n,), every row once, ascending in each cluster.
    """

    centroids: NDArray[np.float32]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]


def clusters_for(rows: int) -> int:
    """How many clusters suit so many rows: 4 sqrt(n), the least that the FAISS wiki advises, at most n."""
    return min(rows, round(4 * math.sqrt(rows)))


def fit_clusters(codes: Codes, count: int, report: Progress) -> Clusters:
    """Spherical k-means on a sample of the codes; then every row goes to the centroid of the largest inner product.

    The same codes make the same bytes on the same machine. A million rows and 4,000 clusters take some 3 minutes on
    two cores.

    Args:
        codes: of n rows, in their order. count: 1 to n clusters.
        report: told `clusters`, how many rows are done, of how many.

    Raises:
        ValueError: more clusters than rows, or none.

    Memory: 205 MB for the sample, 66 MB for a block.
    """
    if not 1 <= count <= len(codes):
        raise ValueError(f"{count} clusters of {len(codes)} rows: ask for 1 to {len(codes)}")
    centroids = _centroids(codes, count)
    return _grouped(centroids, _nearest(codes.numbers, centroids, report))


def regrouped(codes: Codes, before: Clusters, kept: NDArray[np.int64], report: Progress) -> Clusters:
    """The same centroids with other rows: those that were there stay in their cluster, fresh ones go to the nearest.

    Args:
        codes: of n rows, in their order. kept: int64 (n,), the row that each was before, or -1.
    """
    cluster_of = np.empty(len(before.rows), np.int32)
    cluster_of[before.rows] = np.repeat(np.arange(len(before.centroids), dtype=np.int32), np.diff(before.starts))
    nearest = cluster_of[kept]
    fresh = np.flatnonzero(kept < 0)
    nearest[fresh] = _nearest(codes.numbers[fresh], before.centroids, report)
    return _grouped(before.centroids, nearest)


def _nearest(numbers: NDArray[np.int8], centroids: NDArray[np.float32], report: Progress) -> NDArray[np.int32]:
    nearest = np.empty(len(numbers), np.int32)
    for start in range(0, len(numbers), _BLOCK):
        # How long a row is does not change which centroid is nearest: its scale is left out.
        block = numbers[start : start + _BLOCK].astype(np.float32)
        nearest[start : start + _BLOCK] = (block @ centroids.T).argmax(axis=1)
        report("clusters", min(start + _BLOCK, len(numbers)), len(numbers))
    return nearest


def _grouped(centroids: NDArray[np.float32], nearest: NDArray[np.int32]) -> Clusters:
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(nearest, minlength=len(centroids)))])
    return Clusters(centroids, starts, np.argsort(nearest, kind="stable").astype(np.int32))


def _centroids(codes: Codes, count: int) -> NDArray[np.float32]:
    sample = np.arange(len(codes))
    if len(codes) > max(count, MOST_SAMPLED):
        sample = np.random.default_rng(_SEED).choice(len(codes), max(count, MOST_SAMPLED), replace=False)
        sample.sort()  # in the order of the file, which may be a mapped one
    vectors = codes.numbers[sample].astype(np.float32)
    vectors[:, 0] = 0  # what all rows share tells none apart; without it clusters are of more equal size
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(lengths > 0, lengths, 1)
    # All of the sample is used: FAISS would take less, or warn that it is little.
    wrapped: Any = faiss
    means = wrapped.Kmeans(
        vectors.shape[1],
        count,
        niter=_ROUNDS,
        spherical=True,
        seed=_SEED,
        min_points_per_centroid=1,
        max_points_per_centroid=len(sample),
    )
    means.train(vectors)
    return np.ascontiguousarray(means.centroids, dtype=np.float32)
