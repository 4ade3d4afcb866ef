"""The principal directions of packed rows: a few hundred numbers instead of thousands, to find candidates by.

They are uncentred: the inner product of two rows is what is to be kept, not their variance around a mean. Kept in
int8, as are the rows seen along them, which are called codes.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from index.gram import gram_matrix
from index.machine import HALVES, loosely_compiled, lowest_one
from index.packed import Packed
from index.reporting import Progress
from index.threads import cores, side_by_side

MOST_ROWS: Final = 20_000  # that a fit looks at: their Gram matrix takes 1.6 GB
MOST_DIRECTIONS: Final = 512  # recall@10 .9996 with 50 re-ranked on questions never seen (docs/performance.md)
LARGEST: Final = 127  # of int8, the same on both sides of zero
_SPARE = 48  # directions beyond those wanted: they take up what iteration has not yet told apart
_ITERATIONS = 4  # of the Gram matrix; each counts as two of the rows themselves
_SEED = 42
_DENSE = 500  # rows laid out dense at a time: 50 MB of posters
_ENCODED = 256  # rows encoded at a time by one thread
_NOTHING = 1e-5  # of the largest singular value: float32 cannot tell a smaller one from none


@dataclass(frozen=True, slots=True)
class Directions:
    """k directions among d numbers: at position i, direction j is `numbers[i, j] * scales[i]`.

    Attributes:
        numbers: int8 (d, k), within [-127, 127]. scales: float32 (d,), at least 0.
    """

    numbers: NDArray[np.int8]
    scales: NDArray[np.float32]


def fit_directions(
    packed: Packed, rows: NDArray[np.int64], k: int, report: Progress, gram: NDArray[np.float32] | None = None
) -> Directions:
    """The k leading uncentred principal directions of these rows at length 1, the strongest first.

    The same rows in the same order make the same bytes on the same machine: the start is seeded, and the number of
    largest size in each direction is positive. Directions beyond the rank of the rows are zero. 10,000 posters take
    some 15 s on two cores.

    Args:
        rows: int64 (r,), at most 20,000 of them. k: 1 to the smaller of 512 and r.
        report: told `products` and `directions`, how many rows are done, of how many.
        gram: float32 (r, r), what `gram_matrix` gave for these rows, if it was asked already.

    Raises:
        ValueError: too many rows or directions.

    Memory: the Gram matrix, 50 MB for rows laid out dense, and 8 d k bytes.
    """
    if len(rows) > MOST_ROWS or not 1 <= k <= min(MOST_DIRECTIONS, len(rows)):
        raise ValueError(
            f"{k} directions of {len(rows)} rows: at most {MOST_ROWS} rows, and 1 to {MOST_DIRECTIONS} directions, "
            "not more than rows; fit on a sample"
        )
    products = gram_matrix(packed, rows, report) if gram is None else gram
    # One thread for each product: those of BLAS wait for each other by spinning, ten times as long beside other work.
    with threadpool_limits(1, "blas"):
        return _fitted(packed, rows, products, k, report)


def _fitted(
    packed: Packed, rows: NDArray[np.int64], products: NDArray[np.float32], k: int, report: Progress
) -> Directions:
    squares, weights = _leading(products, k)
    strengths = np.sqrt(np.maximum(squares, 0))
    kept = strengths > _NOTHING * strengths.max(initial=0)
    weights = np.where(kept, weights / np.where(kept, strengths, 1), 0).astype(np.float32)
    directions = np.zeros((packed.dimension, k), np.float32)
    parts = [slice(start, start + _DENSE) for start in range(0, len(rows), _DENSE)]
    shares = side_by_side(lambda part: packed.units(rows[part]).T @ weights[part], parts)
    for part, share in zip(parts, shares, strict=True):
        directions += share
        report("directions", min(part.stop, len(rows)), len(rows))
    largest = np.abs(directions).argmax(axis=0)
    directions *= np.where(directions[largest, np.arange(k)] < 0, np.float32(-1), np.float32(1))
    return Directions(*quantised(directions))


def quantised(numbers: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Rows in int8 with a scale each, so that `codes * scales[:, None]` is near them: int8 (m, k), float32 (m,).

    Args:
        numbers: float32 (m, k), finite. Zero rows get the scale 0.
    """
    scales = np.abs(numbers).max(axis=1, initial=0) / np.float32(LARGEST)
    codes = np.rint(numbers / np.where(scales > 0, scales, 1)[:, None])
    # A scale near the smallest float32 is rounded so coarsely that the largest number may be more than 127 of it.
    return codes.clip(-LARGEST, LARGEST).astype(np.int8), scales


def encode_rows(
    packed: Packed, rows: NDArray[np.int64], directions: Directions
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """The codes of rows at length 1 and their scales: int8 (m, k), float32 (m,).

    Number j of row i is about `codes[i, j] * scales[i]`: the inner product of the row with direction j as it is kept.
    0.1 ms for a poster and 512 directions on one core.

    Args:
        rows: int64 (m,).
    """
    codes = np.empty((len(rows), directions.numbers.shape[1]), np.int8)
    scales = np.empty(len(rows), np.float32)

    def encode(start: int) -> None:
        part = slice(start, start + _ENCODED)
        codes[part], scales[part] = quantised(_along(packed, rows[part], directions))

    with ThreadPoolExecutor(cores()) as threads:
        list(threads.map(encode, range(0, len(rows), _ENCODED)))
    return codes, scales


def _along(packed: Packed, rows: NDArray[np.int64], directions: Directions) -> NDArray[np.float32]:
    out = np.zeros((len(rows), directions.numbers.shape[1]), np.float32)
    halves = packed.values.view(np.uint16)
    places = np.empty(int(np.diff(packed.starts).max(initial=0)), np.int64)
    _project(rows, packed.bitmaps, halves, packed.starts, HALVES, directions.numbers, directions.scales, places, out)
    out /= packed.norms[rows, None].astype(np.float32)
    return out


def _leading(gram: NDArray[np.float32], k: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The k largest eigenvalues, largest first, and their vectors, float32 (r, k).

    Randomized subspace iteration (Halko, Martinsson, Tropp 2011, algorithm 4.4) on the symmetric matrix.
    """
    width = min(len(gram), k + _SPARE)
    basis = np.random.default_rng(_SEED).standard_normal((len(gram), width), np.float32)
    for _ in range(_ITERATIONS):
        basis = np.linalg.qr(_times(gram, basis))[0]
    inner = basis.T @ _times(gram, basis)
    values, turns = np.linalg.eigh((inner + inner.T).astype(np.float64) / 2)
    strongest = slice(None, -k - 1, -1)
    return values[strongest], basis @ turns[:, strongest].astype(np.float32)


def _times(gram: NDArray[np.float32], basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """`gram @ basis`, some rows on each core."""
    parts = [slice(start, start + _DENSE) for start in range(0, len(gram), _DENSE)]
    return np.concatenate(list(side_by_side(lambda part: gram[part] @ basis, parts)))


@loosely_compiled
def _project(
    rows: NDArray[np.int64],
    bitmaps: NDArray[np.uint64],
    halves: NDArray[np.uint16],
    starts: NDArray[np.int64],
    table: NDArray[np.float32],
    numbers: NDArray[np.int8],
    scales: NDArray[np.float32],
    places: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    for i in range(len(rows)):
        count = 0
        words = bitmaps[rows[i]]
        for w in range(len(words)):
            word = words[w]
            while word != 0:
                places[count] = w * 64 + np.int64(lowest_one(word))
                count += 1
                word &= word - np.uint64(1)
        taken = halves[starts[rows[i]] : starts[rows[i] + 1]]
        sums = out[i]
        fours = count - count % 4
        for at in range(0, fours, 4):  # four at once: the sums are read and written a quarter as often
            a, b, c, d = places[at], places[at + 1], places[at + 2], places[at + 3]
            p, q = table[taken[at]] * scales[a], table[taken[at + 1]] * scales[b]
            r, s = table[taken[at + 2]] * scales[c], table[taken[at + 3]] * scales[d]
            one, two, three, four = numbers[a], numbers[b], numbers[c], numbers[d]
            for j in range(len(sums)):
                sums[j] += (
                    p * np.float32(one[j]) + q * np.float32(two[j]) + r * np.float32(three[j]) + s * np.float32(four[j])
                )
        for at in range(fours, count):
            p = table[taken[at]] * scales[places[at]]
            for j in range(len(sums)):
                sums[j] += p * np.float32(numbers[places[at], j])
