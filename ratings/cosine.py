"""Deviations predicted from those of similar rows, compiled by numba; releases the GIL.

"Row" is a user whose similar users are sought, or a movie whose similar movies are; "column" is what rows have in
common: movies, or users. One row's similarities to all others are made when it is asked for and then forgotten.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.kernels import compiled


class Crossed(NamedTuple):
    """Deviations by row and again by column: 20 bytes a rating.

    Attributes:
        row_starts: (n_rows + 1,), of each row's first rating. cols: int32 (n,). row_units: float32 (n,), deviations
            divided by the length of their row, so that inner products of rows are cosines; 0 in a row of zeros.
        col_starts, rows, col_units: the same by column. deviations: float32 (n,), stars, by column.
    """

    row_starts: NDArray[np.int32] | NDArray[np.int64]
    cols: NDArray[np.int32]
    row_units: NDArray[np.float32]
    col_starts: NDArray[np.int32] | NDArray[np.int64]
    rows: NDArray[np.int32]
    col_units: NDArray[np.float32]
    deviations: NDArray[np.float32]


class Weighing(NamedTuple):
    """How neighbours count: how many at most, and what makes few common ratings and few neighbours weigh less."""

    neighbours: int
    shrinkage: np.float32
    pull: np.float32


def crossed(deviations: csr_matrix) -> Crossed:
    """Both orders of these deviations: CSR float32 (n_rows, n_cols); a stored 0 is a rating like the others."""
    row_of = np.repeat(np.arange(deviations.shape[0]), np.diff(deviations.indptr))
    lengths = np.sqrt(np.bincount(row_of, weights=deviations.data.astype(np.float64) ** 2))
    lengths[lengths == 0] = 1
    units = (deviations.data / lengths[row_of]).astype(np.float32)
    positions = csr_matrix((np.arange(deviations.nnz), deviations.indices, deviations.indptr), shape=deviations.shape)
    by_column = positions.tocsc()
    return Crossed(
        row_starts=deviations.indptr,
        cols=deviations.indices,
        row_units=units,
        col_starts=by_column.indptr,
        rows=by_column.indices,
        col_units=units[by_column.data],
        deviations=deviations.data[by_column.data],
    )


@compiled
def _similarities(
    row: int, known: Crossed, shrinkage: np.float32, cosines: NDArray[np.float32], counts: NDArray[np.float32]
) -> None:
    """Fills `cosines` with the shrunk similarities of this row to all: float32 (n_rows,), 0 to itself."""
    cosines[:] = 0
    counts[:] = 0
    for i in range(known.row_starts[row], known.row_starts[row + 1]):
        unit, col = known.row_units[i], known.cols[i]
        for j in range(known.col_starts[col], known.col_starts[col + 1]):
            cosines[known.rows[j]] += unit * known.col_units[j]
            counts[known.rows[j]] += np.float32(1)
    for other in range(len(cosines)):
        if counts[other] > 0:
            cosines[other] *= counts[other] / (counts[other] + shrinkage)
    cosines[row] = 0  # a rating must not predict itself


@compiled
def _sift_down(heap: NDArray[np.float32], at: int) -> None:
    """Moves the number at this place of a heap, least first, below all that are less."""
    moved = heap[at]
    while 2 * at + 1 < len(heap):
        child = 2 * at + 1
        if child + 1 < len(heap) and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= moved:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = moved


@compiled
def _least_of_greatest(weights: NDArray[np.float32], count: int) -> np.float32:
    """The `count`-th greatest, at most all of them; numba takes 5 s to compile np.partition and 0.4 s for this."""
    heap = weights[:count].copy()
    for at in range(count // 2 - 1, -1, -1):
        _sift_down(heap, at)
    for weight in weights[count:]:
        if weight > heap[0]:
            heap[0] = weight
            _sift_down(heap, 0)
    return np.float32(heap[0])


@compiled
def _weighted_mean(weights: NDArray[np.float32], deviations: NDArray[np.float32], weighing: Weighing) -> np.float32:
    """Mean over the nearest, those as near as the last of them included; drawn to 0 by `pull`, 0 without any."""
    least = np.float32(0)
    if len(weights) > weighing.neighbours:
        least = _least_of_greatest(weights, weighing.neighbours)
    above, below = np.float32(0), weighing.pull
    for n in range(len(weights)):
        if weights[n] >= least:
            above += weights[n] * deviations[n]
            below += weights[n]
    return above / below if below > 0 else np.float32(0)


@compiled
def expected_deviations(
    rows: NDArray[np.int32], cols: NDArray[np.int32], known: Crossed, weighing: Weighing
) -> NDArray[np.float32]:
    """Deviations expected at these pairs, in stars: float32 (n,). Pairs of one row must follow one another.

    Rows that are alike and have a rating in the column count; those less than alike (similarity <= 0) do not.
    Memory: 16 bytes a row of the matrix. Time: of each row asked for, the ratings of all columns it has ratings in.
    """
    n_rows = len(known.row_starts) - 1
    cosines, counts = np.empty(n_rows, np.float32), np.empty(n_rows, np.float32)
    weights, deviations = np.empty(n_rows, np.float32), np.empty(n_rows, np.float32)
    expected = np.empty(len(rows), np.float32)
    for pair in range(len(rows)):
        row, col = rows[pair], cols[pair]
        if pair == 0 or row != rows[pair - 1]:
            _similarities(row, known, weighing.shrinkage, cosines, counts)
        found = 0
        for j in range(known.col_starts[col], known.col_starts[col + 1]):
            if cosines[known.rows[j]] > 0:
                weights[found], deviations[found] = cosines[known.rows[j]], known.deviations[j]
                found += 1
        expected[pair] = _weighted_mean(weights[:found], deviations[:found], weighing)
    return expected
