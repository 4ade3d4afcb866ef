"""Inner products of many packed rows with many others: what the directions are fitted to and neighbours are found by.

One side is laid out dense, 64 rows side by side, the other stays packed: only its non-zeros are multiplied. At the
10.6 % of a poster that is several times less work than a dense product.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index.machine import HALVES, compiled, loosely_compiled, lowest_one
from index.packed import Packed
from index.reporting import Progress
from index.threads import cores

SIDE: Final = 64  # dense rows at a time: 6.4 MB of them, and eight AVX2 registers of sums
CHUNK: Final = (
    28  # words of the bitmap at a time: 1792 positions x 64 floats are 459 kB and stay in an L2 cache of 512 kB
)
STRIP: Final = 4096  # packed rows whose positions are written out at once: 22 MB
SHORT_STRIP: Final = 1024  # the same where each thread has its own
GROUP: Final = 8 * SIDE  # rows that are laid out at once where all strips share them: 51 MB
ROUNDING: Final = float(np.finfo(np.float32).eps)  # twice what one rounding to float32 may change


def gram_matrix(packed: Packed, rows: NDArray[np.int64], report: Progress) -> NDArray[np.float32]:
    """The cosines of all these rows with each other, summed in float32: a new float32 (r, r), symmetric.

    The same numbers with any number of threads. 10,000 posters take some 5 s on two cores.

    Args:
        rows: int64 (r,). report: told `products`, how many rows are done, of how many.

    Memory: 4 r^2 bytes, 22 MB and 13 MB per core.
    """
    out = np.empty((len(rows), len(rows)), np.float32)
    with ThreadPoolExecutor(cores()) as threads:
        for start in range(0, len(rows), STRIP):
            strip = _strip(packed, rows[start : start + STRIP])
            below = rows[: start + STRIP]

            def fill(first: int, strip: _Strip = strip, below: NDArray[np.int64] = below, start: int = start) -> None:
                square = out[start : start + STRIP, first : min(first + SIDE, len(below))]
                _fill(strip, _dense_side(packed, below[first : first + SIDE]), square, max(0, first - start))

            list(threads.map(fill, range(0, len(below), SIDE)))
            report("products", len(below), len(rows))
    _mirror(out)
    return out


def products(packed: Packed, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float32]:
    """The cosines of the rows `left` with the rows `right`, summed in float32: a new float32 (len(left), len(right)).

    Each differs from the exact cosine by at most `room(packed)`. 1,000 rows with 100 take 20 ms on two cores.

    Args:
        left: int64 (l,). right: int64 (r,), better the shorter of the two.

    Memory: 4 l r bytes, 51 MB for 512 rows of the right laid out, twice that where there are more, and 7 MB per core.
    """
    out = np.empty((len(left), len(right)), np.float32)
    with ThreadPoolExecutor(cores()) as threads:
        for group in range(0, len(right), GROUP):
            places = range(group, min(group + GROUP, len(right)), SIDE)
            sides = list(threads.map(lambda first: _dense_side(packed, right[first : first + SIDE]), places))

            def fill(start: int, places: range = places, sides: list[NDArray[np.float32]] = sides) -> None:
                part = slice(start, start + SHORT_STRIP)
                strip = _strip(packed, left[part])
                for first, side in zip(places, sides, strict=True):
                    _fill(strip, side, out[part, first : first + SIDE], 0)

            list(threads.map(fill, range(0, len(left), SHORT_STRIP)))
    return out


def room(packed: Packed) -> float:
    """How far a float32 cosine of two rows may be from the exact one.

    The products of two unit rows add up to at most 1 in size, and no sum of m numbers, in whatever order, is off by
    more than m roundings of that (Higham, Accuracy and Stability of Numerical Algorithms, 4.2); m is at most the
    number of non-zeros of a row. A few more roundings made the rows unit rows.
    """
    most = int(np.diff(packed.starts).max(initial=0))
    return (most + 8) * ROUNDING


@dataclass(frozen=True, slots=True)
class _Strip:
    """Some packed rows with the positions of their non-zeros written out, by chunks of the bitmap.

    Attributes:
        places: uint16 (m,), of each non-zero in its chunk. halves: uint16 (m,), the float16 of each.
        bounds: int64 (n, chunks + 1), where in these the chunks of each row lie. scales: float32 (n,), 1 / length.
    """

    places: NDArray[np.uint16]
    halves: NDArray[np.uint16]
    bounds: NDArray[np.int64]
    scales: NDArray[np.float32]


def _strip(packed: Packed, rows: NDArray[np.int64]) -> _Strip:
    chunks = -(-packed.bitmaps.shape[1] // CHUNK)
    count = int((packed.starts[rows + 1] - packed.starts[rows]).sum())
    strip = _Strip(
        np.empty(count, np.uint16),
        np.empty(count, np.uint16),
        np.empty((len(rows), chunks + 1), np.int64),
        (1 / packed.norms[rows]).astype(np.float32),
    )
    halves = packed.values.view(np.uint16)
    _write_out(rows, packed.bitmaps, halves, packed.starts, strip.places, strip.halves, strip.bounds)
    return strip


def _dense_side(packed: Packed, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """At most SIDE rows at length 1, side by side: float32 (64 w, SIDE), zeros where there are fewer."""
    side = np.zeros((packed.bitmaps.shape[1] * 64, SIDE), np.float32)
    scales = (1 / packed.norms[rows]).astype(np.float32)
    _lay_out(rows, packed.bitmaps, packed.values.view(np.uint16), packed.starts, HALVES, scales, side)
    return side


def _fill(strip: _Strip, side: NDArray[np.float32], out: NDArray[np.float32], first: int) -> None:
    """Sets `out`, float32 (len(strip), up to SIDE), from the row `first` on."""
    out[first:] = 0
    _multiply(strip.places, strip.halves, strip.bounds, HALVES, side, out, first)
    out[first:] *= strip.scales[first:, None]


def _mirror(square: NDArray[np.float32]) -> None:
    """Makes it symmetric, in place, from what is below the diagonal."""
    for start in range(0, len(square), SIDE):
        part = slice(start, start + SIDE)
        corner = square[part, part]
        square[part, part] = np.tril(corner) + np.tril(corner, -1).T
        square[part, start + SIDE :] = square[start + SIDE :, part].T


@compiled
def _write_out(
    rows: NDArray[np.int64],
    bitmaps: NDArray[np.uint64],
    halves: NDArray[np.uint16],
    starts: NDArray[np.int64],
    places: NDArray[np.uint16],
    taken: NDArray[np.uint16],
    bounds: NDArray[np.int64],
) -> None:
    at = 0
    for i in range(len(rows)):
        source = starts[rows[i]]
        words = bitmaps[rows[i]]
        for w in range(len(words)):
            if w % CHUNK == 0:
                bounds[i, w // CHUNK] = at
            word = words[w]
            base = (w % CHUNK) * 64
            while word != 0:
                places[at] = base + np.int64(lowest_one(word))
                taken[at] = halves[source]
                at += 1
                source += 1
                word &= word - np.uint64(1)
        bounds[i, bounds.shape[1] - 1] = at


@compiled
def _lay_out(
    rows: NDArray[np.int64],
    bitmaps: NDArray[np.uint64],
    halves: NDArray[np.uint16],
    starts: NDArray[np.int64],
    table: NDArray[np.float32],
    scales: NDArray[np.float32],
    side: NDArray[np.float32],
) -> None:
    for i in range(len(rows)):
        at = starts[rows[i]]
        words = bitmaps[rows[i]]
        for w in range(len(words)):
            word = words[w]
            while word != 0:
                side[w * 64 + np.int64(lowest_one(word)), i] = table[halves[at]] * scales[i]
                at += 1
                word &= word - np.uint64(1)


@loosely_compiled
def _multiply(
    places: NDArray[np.uint16],
    halves: NDArray[np.uint16],
    bounds: NDArray[np.int64],
    table: NDArray[np.float32],
    side: NDArray[np.float32],
    out: NDArray[np.float32],
    first: int,
) -> None:
    sums = np.empty(SIDE, np.float32)
    for chunk in range(bounds.shape[1] - 1):
        base = chunk * CHUNK * 64
        for i in range(first, len(bounds)):
            start, end = bounds[i, chunk], bounds[i, chunk + 1]
            fours = end - (end - start) % 4
            sums[:] = 0
            for at in range(start, fours, 4):  # four rows of `side` for one reading and writing of the sums
                p, q, r, s = table[halves[at]], table[halves[at + 1]], table[halves[at + 2]], table[halves[at + 3]]
                a, b = side[base + np.int64(places[at])], side[base + np.int64(places[at + 1])]
                c, d = side[base + np.int64(places[at + 2])], side[base + np.int64(places[at + 3])]
                for j in range(SIDE):
                    sums[j] += p * a[j] + q * b[j] + r * c[j] + s * d[j]
            for at in range(fours, end):
                p, a = table[halves[at]], side[base + np.int64(places[at])]
                for j in range(SIDE):
                    sums[j] += p * a[j]
            for j in range(out.shape[1]):
                out[i, j] += sums[j]
