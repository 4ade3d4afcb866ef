"""The kernels: the article's update rule against plain Python, and the error of clipped predictions."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.kernels import Penalties, Rates, State, Stored, Triples, sgd_epoch, shuffle, squared_error

Slow = list[NDArray[np.float64]]


def slow_epoch(order: NDArray[np.int32], ratings: Triples, mu: float, state: Slow, rates: Rates, reg: float) -> None:
    """The update rule of the article's source, word for word, in plain Python, with a rate for each side."""
    bu, bi, x, y = state
    for p in order:
        u, i, r = ratings.rows[p], ratings.cols[p], ratings.stars[p]
        e = r - (mu + bu[u] + bi[i] + x[u] @ y[i])
        bu[u] += rates.users * (e - reg * bu[u])
        bi[i] += rates.items * (e - reg * bi[i])
        x[u] += rates.users * (e * y[i] - reg * x[u])
        y[i] += rates.items * (e * x[u] - reg * y[i])


def same_weight(users: int, movies: int, reg: float) -> Penalties:
    return Penalties(np.full(users, reg, np.float32), np.full(movies, reg, np.float32), np.float32(reg))


def rates(users: float, items: float) -> Rates:
    return Rates(np.float32(users), np.float32(items))


def small_problem() -> tuple[Triples, NDArray[np.int32], Slow, State]:
    """Ratings of 8 users and 6 movies, an order, and a state of 3 factors in float64 and in float32."""
    draw = np.random.default_rng(1)
    pairs = draw.permutation(8 * 6)[:40].astype(np.int32)
    ratings = Triples(pairs // 6, pairs % 6, draw.choice([1, 2.5, 5], 40).astype(np.float32))
    order = draw.permutation(40).astype(np.int32)
    shapes = ((8,), (6,), (8, 3), (6, 3))
    slow = [draw.normal(0, 0.3, shape) for shape in shapes]
    return ratings, order, slow, State(np.float32(3.0), *(array.astype(np.float32) for array in slow))


@pytest.mark.parametrize("sides", [(0.05, 0.05), (0.05, 0.0), (0.0, 0.05)], ids=["joint", "users", "movies"])
def test_an_epoch_is_the_update_rule_in_its_order(sides: tuple[float, float]) -> None:
    ratings, order, slow, state = small_problem()
    sgd_epoch(order, ratings, state, same_weight(8, 6, 0.1), rates(*sides))
    slow_epoch(order, ratings, 3.0, slow, rates(*sides), 0.1)
    for got, want in zip(state[1:], slow, strict=True):
        assert np.allclose(got, want, atol=2e-5)


def test_every_rating_of_a_long_order_is_met_once() -> None:
    """1,000 ratings are more than are read together; with rate 0 the error of each is that of the start."""
    draw = np.random.default_rng(2)
    rows, cols = draw.integers(0, 8, 1_000).astype(np.int32), draw.integers(0, 6, 1_000).astype(np.int32)
    ratings = Triples(rows, cols, draw.uniform(1, 5, 1_000).astype(np.float32))
    _, _, slow, state = small_problem()
    bu, bi, x, y = slow
    errors = ratings.stars - (3.0 + bu[rows] + bi[cols] + (x[rows] * y[cols]).sum(axis=1))
    for length in (1_000, 512, 257, 1):
        order = draw.permutation(1_000)[:length].astype(np.int32)
        squared = sgd_epoch(order, ratings, state, same_weight(8, 6, 0.1), rates(0, 0))
        assert squared == pytest.approx(float((errors[order] ** 2).sum()), rel=1e-5)


def test_a_side_with_rate_0_stays_as_it_is_bit_for_bit() -> None:
    ratings, order, _, state = small_problem()
    before = [array.copy() for array in state[1:]]
    sgd_epoch(order, ratings, state, same_weight(8, 6, 0.1), rates(0.05, 0))
    unchanged = [np.array_equal(array, old) for array, old in zip(state[1:], before, strict=True)]
    assert unchanged == [False, True, False, True]


def test_each_part_has_its_own_penalty() -> None:
    """A rating that is met exactly: only the penalties move anything, each by rate times penalty."""
    one = np.ones(1, np.float32)
    state = State(np.float32(0), one.copy(), one.copy(), one[:, None].copy(), one[:, None].copy())
    rating = Triples(np.zeros(1, np.int32), np.zeros(1, np.int32), np.array([3], np.float32))  # 0 + 1 + 1 + 1 * 1
    penalties = Penalties(np.array([0.5], np.float32), np.array([0.25], np.float32), np.float32(0.125))
    squared = sgd_epoch(np.zeros(1, np.int32), rating, state, penalties, rates(0.1, 0.2))
    assert squared == 0
    assert [array.item() for array in state[1:]] == pytest.approx([1 - 0.0125, 1 - 0.025, 1 - 0.05, 1 - 0.05])


def test_the_squared_error_is_that_of_the_clipped_prediction_of_the_chosen() -> None:
    rated = csr_matrix(np.array([[0, 4, 1], [2, 0, 0]], np.float32))
    chosen = np.array([True, False, True])
    ratings = Stored(rated.indptr, rated.indices, rated.data, chosen)
    half = np.full((3, 2), 0.5, np.float32)
    state = State(np.float32(1), np.ones(2, np.float32), np.ones(3, np.float32), half[:2], half)
    # 1 + 1 + 1 + (.25 + .25) = 3.5 for all
    free, cut = (np.float32(0), np.float32(5)), (np.float32(1), np.float32(3))
    assert squared_error(ratings, 0, 2, state, *free) == pytest.approx(0.25 + 2.25)
    assert squared_error(ratings, 0, 2, state, *cut) == pytest.approx(1 + 1)
    assert squared_error(ratings, 1, 2, state, *free) == pytest.approx(2.25)


def test_a_shuffled_order_holds_each_number_once_and_every_order_is_as_likely() -> None:
    """6,000 shuffles of three: each of the six orders about 1,000 times, five standard deviations are 144."""
    draw = np.random.default_rng(0)
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(6_000):
        order = np.arange(3, dtype=np.int32)
        shuffle(order, draw.integers(0, 1 << 32, 3, np.uint32))
        counts[tuple(order.tolist())] = counts.get(tuple(order.tolist()), 0) + 1
    assert sorted(map(sorted, counts)) == [[0, 1, 2]] * 6
    assert all(abs(count - 1_000) < 144 for count in counts.values())


@pytest.mark.parametrize("extreme", [0, (1 << 32) - 1])
def test_the_least_and_the_greatest_draw_stay_inside(extreme: int) -> None:
    order = np.arange(1_000, dtype=np.int32)
    shuffle(order, np.full(1_000, extreme, np.uint32))
    assert sorted(order.tolist()) == list(range(1_000))
