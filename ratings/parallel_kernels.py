"""The loops that sort ratings into blocks, compiled by numba."""

import numpy as np
from numpy.typing import NDArray

from ratings.kernels import Runs, Stored, compiled


@compiled
def counted(ratings: Stored, movies: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Chosen ratings of each user and of each of so many movies: int64 (n_users,), int64 (movies,)."""
    of_users, of_movies = np.zeros(len(ratings.starts) - 1, np.int64), np.zeros(movies, np.int64)
    for u in range(len(of_users)):
        for place in range(ratings.starts[u], ratings.starts[u + 1]):
            if ratings.chosen[place]:
                of_users[u] += 1
                of_movies[ratings.cols[place]] += 1
    return of_users, of_movies


@compiled
def dealt(order: NDArray[np.int64], counts: NDArray[np.int64], strata: int) -> NDArray[np.int32]:
    """Stratum of each place, int32 (n,): in this order, each goes to the stratum with the fewest ratings so far."""
    loads = np.zeros(strata, np.int64)
    stratum_of = np.empty(len(counts), np.int32)
    for place in order:
        least = np.argmin(loads)
        stratum_of[place] = least
        loads[least] += counts[place]
    return stratum_of


@compiled
def block_sizes(
    ratings: Stored, user_strata: NDArray[np.int32], movie_strata: NDArray[np.int32], strata: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ratings and runs of each block, user stratum by movie stratum: int64 (strata ** 2,) twice."""
    sizes, runs = np.zeros(strata * strata, np.int64), np.zeros(strata * strata, np.int64)
    for u in range(len(user_strata)):
        mine = np.zeros(strata, np.int64)
        for place in range(ratings.starts[u], ratings.starts[u + 1]):
            if ratings.chosen[place]:
                mine[movie_strata[ratings.cols[place]]] += 1
        for stratum in range(strata):
            block = user_strata[u] * strata + stratum
            sizes[block] += mine[stratum]
            runs[block] += mine[stratum] > 0
    return sizes, runs


@compiled
def fill_runs(
    ratings: Stored,
    user_strata: NDArray[np.int32],
    movie_strata: NDArray[np.int32],
    next_rating: NDArray[np.int64],
    next_run: NDArray[np.int64],
    runs: Runs,
) -> None:
    """Writes each chosen rating into its block of `runs`; both cursors, int64 (strata ** 2,), end at the next block."""
    strata = int(np.sqrt(len(next_run)))
    for u in range(len(user_strata)):
        first = user_strata[u] * strata
        before = next_rating[first : first + strata].copy()
        for place in range(ratings.starts[u], ratings.starts[u + 1]):
            if ratings.chosen[place]:
                block = first + movie_strata[ratings.cols[place]]
                runs.cols[next_rating[block]] = ratings.cols[place]
                runs.stars[next_rating[block]] = ratings.stars[place]
                next_rating[block] += 1
        for stratum in range(strata):
            if next_rating[first + stratum] > before[stratum]:
                runs.users[next_run[first + stratum]] = u
                runs.starts[next_run[first + stratum]] = before[stratum]
                next_run[first + stratum] += 1
