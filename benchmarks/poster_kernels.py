"""The inner loop of the mixes: draws, sums, the k-th largest number. See `benchmarks.poster_mixes` for what and why."""

import numpy as np
from numpy.typing import NDArray

from index.machine import compiled, lowest_one

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # steps and mixer of SplitMix64 (Steele, Lea, Flood 2014)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
PARENTS = 4
VANISHES = 2.0**-25  # what is not above this becomes 0 in float16
BINS = 2_048  # 11 of the 31 bits of a positive float32, from the top; then 10 and 10


@compiled
def mix_rows(
    seed: int,
    first: int,
    bitmaps: NDArray[np.uint64],
    halves: NDArray[np.uint16],
    starts: NDArray[np.int64],
    norms: NDArray[np.float64],
    table: NDArray[np.float32],
    out_bitmaps: NDArray[np.uint64],
    out_numbers: NDArray[np.float32],
    out_counts: NDArray[np.int64],
) -> None:
    """Makes rows first, first + 1, ..: bitmaps uint64 (n, words) of zeros, numbers float32 (n, most), counts (n,)."""
    words = bitmaps.shape[1]
    mixed, union = np.zeros(words * 64, np.float32), np.zeros(words, np.uint64)
    places, numbers = np.empty(words * 64, np.int64), np.empty(words * 64, np.float32)
    parents, weights = np.empty(PARENTS, np.int64), np.empty(PARENTS, np.float64)
    for i in range(len(out_counts)):
        keep_as = draw(seed, first + i, len(norms), parents, weights)
        for p in range(PARENTS):
            row = parents[p]
            add_parent(weights[p] / norms[row], bitmaps[row], halves[starts[row] : starts[row + 1]], table, mixed)
            union |= bitmaps[row]
        count = drain(union, mixed, places, numbers)
        keep = starts[keep_as + 1] - starts[keep_as]
        out_counts[i] = keep_largest(places[:count], numbers[:count], keep, out_bitmaps[i], out_numbers[i])


@compiled
def draw(seed: int, row: int, n: int, parents: NDArray[np.int64], weights: NDArray[np.float64]) -> int:
    """Four different parents, their weights (they add up to 1), and which parent's number of numbers is kept."""
    state = scrambled(scrambled(np.uint64(seed)) + np.uint64(row) * GOLDEN)
    taken = 0
    while taken < PARENTS:
        state += GOLDEN
        parent = np.int64(scrambled(state) % np.uint64(n))
        new = True
        for p in range(taken):
            new = new and parents[p] != parent
        if new:
            parents[taken] = parent
            taken += 1
    total = 0.0
    for p in range(PARENTS):  # exponential draws over their sum are a draw from Dirichlet(1, .., 1)
        state += GOLDEN
        weights[p] = -np.log((np.float64(scrambled(state) >> np.uint64(11)) + 0.5) * 2.0**-53)
        total += weights[p]
    for p in range(PARENTS):
        weights[p] /= total
    state += GOLDEN
    return int(parents[np.int64(scrambled(state) >> np.uint64(62))])


@compiled
def scrambled(state: np.uint64) -> np.uint64:
    """64 random bits from 64 bits that count up."""
    state = (state ^ (state >> np.uint64(30))) * FIRST
    state = (state ^ (state >> np.uint64(27))) * SECOND
    return state ^ (state >> np.uint64(31))


@compiled
def add_parent(
    weight: float,
    bitmap: NDArray[np.uint64],
    halves: NDArray[np.uint16],
    table: NDArray[np.float32],
    mixed: NDArray[np.float32],
) -> None:
    """Adds `weight` times a packed row to the mix."""
    factor, at = np.float32(weight), 0
    for w in range(len(bitmap)):
        word = bitmap[w]
        while word != 0:
            mixed[w * 64 + np.int64(lowest_one(word))] += factor * table[halves[at]]
            at += 1
            word &= word - np.uint64(1)


@compiled
def drain(
    union: NDArray[np.uint64], mixed: NDArray[np.float32], places: NDArray[np.int64], numbers: NDArray[np.float32]
) -> int:
    """Moves the mix, and leaves zeros behind: places and numbers in order; returns how many."""
    count = 0
    for w in range(len(union)):
        word = union[w]
        union[w] = 0
        while word != 0:
            place = w * 64 + np.int64(lowest_one(word))
            places[count], numbers[count] = place, mixed[place]
            mixed[place] = 0
            count += 1
            word &= word - np.uint64(1)
    return count


@compiled
def keep_largest(
    places: NDArray[np.int64],
    numbers: NDArray[np.float32],
    keep: int,
    bitmap: NDArray[np.uint64],
    out: NDArray[np.float32],
) -> int:
    """Writes the `keep` largest numbers at length 1, of equal ones the first; returns how many did not vanish.

    Overwrites `places` and `numbers`: closing up without a branch takes a third of the time.
    """
    least, equals = kth_largest(numbers, keep)
    bits, kept, of_least = numbers.view(np.uint32), np.int64(0), np.int64(equals)
    for c in range(len(numbers)):
        equal = (bits[c] == least) & (of_least > 0)
        stays = np.int64((bits[c] > least) | equal)
        places[kept], numbers[kept] = places[c], numbers[c]
        kept += stays
        of_least -= np.int64(equal)
    total = 0.0
    for c in range(int(kept)):
        total += np.float64(numbers[c]) * np.float64(numbers[c])
    factor, count = 1.0 / np.sqrt(total), 0
    for c in range(int(kept)):
        number = np.float32(numbers[c] * factor)
        if number > VANISHES:
            out[count] = number
            bitmap[places[c] >> 6] |= np.uint64(1) << np.uint64(places[c] & 63)
            count += 1
    return count


@compiled
def kth_largest(numbers: NDArray[np.float32], k: int) -> tuple[np.uint32, int]:
    """The bits of the k-th largest of float32 numbers >= 0, and how many equal to it belong to the k largest.

    Bits of positive floats order as the numbers do: three rounds of counting by 11, 10 and 10 bits find it exactly.
    """
    bits, counts = numbers.view(np.uint32), np.empty(BINS, np.int64)
    found, left = np.uint32(0), k
    for shift, width in ((20, 11), (10, 10), (0, 10)):
        counts[:] = 0
        above, mask = np.uint32(shift + width), np.uint32((1 << width) - 1)
        for c in range(len(bits)):
            if (bits[c] >> above) == (found >> above):
                counts[(bits[c] >> np.uint32(shift)) & mask] += 1
        digit = (1 << width) - 1
        while digit > 0 and counts[digit] < left:
            left -= counts[digit]
            digit -= 1
        found |= np.uint32(digit) << np.uint32(shift)
    return found, left
