"""Ratings laid out so that threads can learn from them at once, and any number of threads gets the same numbers.

Users and movies are dealt into as many strata; a block is what the users of one stratum gave the movies of one stratum.
Blocks that share neither users nor movies may be learned from in any order, or at the same time, without a difference
in a single bit. A pass is a sequence of rounds of such blocks (Gemulla et al. 2011, "distributed SGD").
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ratings.kernels import Penalties, Rates, Runs, State, Stored, sgd_runs
from ratings.parallel_kernels import block_sizes, counted, dealt, fill_runs

STRATA = 8  # blocks at a time: more than the cores of most machines, and few enough for runs of many ratings
PIECES = 64  # that work without blocks is cut into: small enough for threads to end together


@dataclass(frozen=True, slots=True)
class Blocks:
    """Ratings by block, and in a block by user; 8 bytes a rating and 12 a run, of which a user has one per stratum.

    Attributes:
        runs: of all blocks one after the other. first_run: int64 (strata ** 2 + 1,), of each block; block
            `s * strata + t` holds user stratum s and movie stratum t. strata: how many of each.
    """

    runs: Runs
    first_run: NDArray[np.int64]
    strata: int

    def __len__(self) -> int:
        return len(self.runs.cols)


def lay_out(ratings: Stored, movies: int, strata: int = STRATA) -> Blocks:
    """The chosen ratings by block, copied; all strata of users, and of movies, have about equal numbers of ratings."""
    of_users, of_movies = counted(ratings, movies)
    user_strata, movie_strata = (
        dealt(np.argsort(-counts, kind="stable"), counts, strata) for counts in (of_users, of_movies)
    )
    sizes, n_runs = block_sizes(ratings, user_strata, movie_strata, strata)
    first_rating, first_run = _starts(sizes), _starts(n_runs)
    runs = Runs(
        np.empty(first_run[-1], np.int32),
        np.empty(first_run[-1] + 1, np.int64),
        np.empty(first_rating[-1], np.int32),
        np.empty(first_rating[-1], np.float32),
    )
    runs.starts[-1] = first_rating[-1]
    fill_runs(ratings, user_strata, movie_strata, first_rating[:-1].copy(), first_run[:-1].copy(), runs)
    return Blocks(runs, first_run, strata)


@dataclass(frozen=True, slots=True)
class BlockPasses:
    """Passes over blocks on several threads, bit for bit the same as on one: the order is drawn per block.

    In a block the users come in an order drawn for this pass, each with all ratings there in a row: the factors stay in
    the cache (performance.md section 5: a third faster than ratings in no order).
    """

    blocks: Blocks
    seed: int
    threads: int

    def __len__(self) -> int:
        return len(self.blocks)

    def run(self, state: State, penalties: Penalties, rates: Rates, number: int) -> float:
        """Pass `number`, changing the state in place; the sum of squared errors met on the way."""
        strata = self.blocks.strata
        shifts = np.random.default_rng([self.seed, number]).permutation(strata)

        def learn(block: int) -> float:
            first, end = self.blocks.first_run[block], self.blocks.first_run[block + 1]
            order = first + np.random.default_rng([self.seed, number, block]).permutation(end - first)
            return sgd_runs(order, self.blocks.runs, state, penalties, rates)

        with ThreadPoolExecutor(self.threads) as pool:
            return sum(
                sum(pool.map(learn, [s * strata + (s + shift) % strata for s in range(strata)])) for shift in shifts
            )


def in_pieces(size: int, threads: int, work: Callable[[int, int], float]) -> float:
    """Sum of `work(first, end)` over equal pieces of `range(size)`, added in their order on any number of threads."""
    ends = np.linspace(0, size, PIECES + 1).astype(np.int64)
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(work, ends[:-1], ends[1:]))


def _starts(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.append(np.int64(0), np.cumsum(sizes))
