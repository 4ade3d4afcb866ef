"""How the ratings are gone through: in no order on one thread, or by blocks on all of them when there are many."""

import os
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ratings.blocks import BlockPasses, in_pieces, lay_out
from ratings.kernels import Penalties, Rates, State, Stored, Triples, sgd_epoch, shuffle, squared_error
from ratings.matrix import RatingsMatrix


class Passes(Protocol):
    """Ratings to learn from; its length is their number."""

    def __len__(self) -> int: ...

    def run(self, state: State, penalties: Penalties, rates: Rates, number: int) -> float:
        """Pass `number`, changing the state in place; the sum of squared errors met on the way."""


@dataclass(frozen=True, slots=True)
class RandomPasses:
    """Passes in an order drawn anew for each, as the article does; one thread. 12 bytes a rating, 8 more in a pass."""

    ratings: Triples
    seed: int

    def __len__(self) -> int:
        return len(self.ratings.stars)

    def run(self, state: State, penalties: Penalties, rates: Rates, number: int) -> float:
        """Pass `number`, changing the state in place; the sum of squared errors met on the way."""
        order = np.arange(len(self), dtype=np.int32)
        drawn = np.random.default_rng([self.seed, number]).integers(0, 1 << 32, len(self), np.uint32)
        shuffle(order, drawn)
        return sgd_epoch(order, self.ratings, state, penalties, rates)


def stored(matrix: RatingsMatrix, chosen: NDArray[np.bool_] | None = None) -> Stored:
    """The ratings of a matrix, all or the chosen ones, not copied unless scipy holds wide numbers."""
    whole = matrix.user_items
    chosen = np.ones(len(matrix), np.bool_) if chosen is None else chosen
    return Stored(whole.indptr, whole.indices.astype(np.int32, copy=False), whole.data, chosen)


def passes_over(ratings: Stored, movies: int, seed: int, threads: int) -> Passes:
    """Passes over the chosen ratings: by blocks on so many threads, or in no order when `threads` is 0."""
    if threads:
        return BlockPasses(lay_out(ratings, movies), seed, threads)
    chosen = ratings.chosen
    rows = np.repeat(np.arange(len(ratings.starts) - 1, dtype=np.int32), np.diff(ratings.starts))
    return RandomPasses(Triples(rows[chosen], ratings.cols[chosen], ratings.stars[chosen]), seed)


def rmse(ratings: Stored, state: State, scale: tuple[float, float], threads: int) -> float:
    """Root mean squared error over the chosen ratings, in stars, predictions clipped to the scale."""
    low, high = map(np.float32, scale)

    def squared(first: int, end: int) -> float:
        return squared_error(ratings, first, end, state, low, high)

    total = in_pieces(len(ratings.starts) - 1, threads, squared) if threads else squared(0, len(ratings.starts) - 1)
    return float(np.sqrt(total / np.count_nonzero(ratings.chosen)))


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
