"""The inner loops of SGD, compiled by numba; all release the GIL.

Sums may be taken in another order than written (vector registers) and products joined with sums, yet always in the same
way on one machine: the same arrays give the same numbers bit for bit. Another kind of processor may round otherwise.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Kernel = TypeVar("Kernel", bound=Callable[..., object])

AT_HAND = 256  # ratings, 3 KB of the first cache: a fifth less time than reading them one by one, at 40 factors
LOOSE = {"reassoc", "contract"}  # sums over vector registers, fused multiply and add; NaN and infinity stay themselves


def compiled(function: Kernel) -> Kernel:
    """The function in machine code, made when it is first called with new types (about a second)."""
    return cast(Kernel, njit(nogil=True, fastmath=LOOSE, error_model="numpy")(function))


def inlined(function: Kernel) -> Kernel:
    """The same for the innermost functions, copied into their callers: a fifth faster at 40 factors."""
    return cast(Kernel, njit(nogil=True, fastmath=LOOSE, error_model="numpy", inline="always")(function))


class Triples(NamedTuple):
    """Ratings: row of the user int32, column of the movie int32, stars float32; each (n,)."""

    rows: NDArray[np.int32]
    cols: NDArray[np.int32]
    stars: NDArray[np.float32]


class Stored(NamedTuple):
    """Ratings as a matrix holds them, by user, without a copy.

    Attributes:
        starts: (n_users + 1,) of each user's first rating. cols: int32 (n,). stars: float32 (n,).
        chosen: bool (n,), the ratings that are meant.
    """

    starts: NDArray[np.int32] | NDArray[np.int64]
    cols: NDArray[np.int32]
    stars: NDArray[np.float32]
    chosen: NDArray[np.bool_]


class State(NamedTuple):
    """What is learned, float32: mean, biases (n_users,) and (n_movies,), factors (n_users, k) and (n_movies, k)."""

    mu: np.float32
    user_biases: NDArray[np.float32]
    item_biases: NDArray[np.float32]
    user_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]


class Penalties(NamedTuple):
    """L2 weight in each step: of a user's factors float32 (n_users,), of a movie's (n_movies,), of every bias."""

    users: NDArray[np.float32]
    items: NDArray[np.float32]
    biases: np.float32


class Rates(NamedTuple):
    """Learning rate of the users' side and of the movies' side; a side with rate 0 stays as it is, bit for bit."""

    users: np.float32
    items: np.float32


class Runs(NamedTuple):
    """Runs of ratings by one user each: int32 (n_runs,) user row; int64 (n_runs + 1,) first rating; the ratings."""

    users: NDArray[np.int32]
    starts: NDArray[np.int64]
    cols: NDArray[np.int32]
    stars: NDArray[np.float32]


@inlined
def _expected(state: State, u: int, i: int) -> np.float32:
    """Stars before clipping."""
    x, y = state.user_factors[u], state.item_factors[i]
    affinity = np.float32(0)
    for f in range(len(x)):
        affinity += x[f] * y[f]
    stars: np.float32 = state.mu + state.user_biases[u] + state.item_biases[i] + affinity
    return stars


@inlined
def _learn(state: State, penalties: Penalties, rates: Rates, u: int, i: int, stars: np.float32) -> np.float32:
    """One step of the article's source, in its order: b_u, b_i, x_u, then y_i with the new x_u; the error before it."""
    error = stars - _expected(state, u, i)
    state.user_biases[u] += rates.users * (error - penalties.biases * state.user_biases[u])
    state.item_biases[i] += rates.items * (error - penalties.biases * state.item_biases[i])
    x, y = state.user_factors[u], state.item_factors[i]
    # x + rate (error y - penalty x), with what is the same for all factors taken out of the loop
    keep_x, keep_y = np.float32(1) - rates.users * penalties.users[u], np.float32(1) - rates.items * penalties.items[i]
    step_x, step_y = rates.users * error, rates.items * error
    for f in range(len(x)):
        moved = keep_x * x[f] + step_x * y[f]
        x[f] = moved
        y[f] = keep_y * y[f] + step_y * moved
    return error


@compiled
def shuffle(order: NDArray[np.int32], drawn: NDArray[np.uint32]) -> None:
    """Puts the numbers in place into the order that these draws give; one draw each, uniform (n,).

    Fisher and Yates, a third of the time of numpy's permutation; an order is off its fair share by n / 2^32 at most.
    """
    for last in range(len(order) - 1, 0, -1):
        other = (np.uint64(drawn[last]) * np.uint64(last + 1)) >> np.uint64(32)  # 0 to last
        order[last], order[other] = order[other], order[last]


@compiled
def sgd_epoch(order: NDArray[np.int32], ratings: Triples, state: State, penalties: Penalties, rates: Rates) -> float:
    """One pass over the ratings in this order, changing the state in place; the sum of squared errors met."""
    # Read out of order together, they are at hand when the steps, which wait for each other, come to them.
    rows, cols, stars = np.empty(AT_HAND, np.int32), np.empty(AT_HAND, np.int32), np.empty(AT_HAND, np.float32)
    squared = 0.0
    for first in range(0, len(order), AT_HAND):
        count = min(AT_HAND, len(order) - first)
        for place in range(count):
            chosen = order[first + place]
            rows[place], cols[place], stars[place] = ratings.rows[chosen], ratings.cols[chosen], ratings.stars[chosen]
        for place in range(count):
            error = _learn(state, penalties, rates, rows[place], cols[place], stars[place])
            squared += float(error) * float(error)
    return squared


@compiled
def sgd_runs(order: NDArray[np.int64], runs: Runs, state: State, penalties: Penalties, rates: Rates) -> float:
    """One pass over these runs in this order, each from its first rating to its last; the sum of squared errors met."""
    squared = 0.0
    for run in order:
        for place in range(runs.starts[run], runs.starts[run + 1]):
            error = _learn(state, penalties, rates, runs.users[run], runs.cols[place], runs.stars[place])
            squared += float(error) * float(error)
    return squared


@compiled
def squared_error(ratings: Stored, first: int, end: int, state: State, low: np.float32, high: np.float32) -> float:
    """Sum of squared errors over the chosen ratings of users [first, end), predictions clipped; changes nothing."""
    squared = 0.0
    for u in range(first, end):
        for place in range(ratings.starts[u], ratings.starts[u + 1]):
            if ratings.chosen[place]:
                expected = _expected(state, u, ratings.cols[place])
                error = float(ratings.stars[place] - min(max(expected, low), high))
                squared += error * error
    return squared


@compiled
def predicted(
    rows: NDArray[np.int32], cols: NDArray[np.int32], state: State, low: np.float32, high: np.float32
) -> NDArray[np.float32]:
    """Stars expected at these pairs, clipped: float32 (n,)."""
    stars = np.empty(len(rows), np.float32)
    for place in range(len(rows)):
        stars[place] = min(max(_expected(state, rows[place], cols[place]), low), high)
    return stars
