"""Blocks: every rating once, in the right block, and the same numbers from any number of threads."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.blocks import STRATA, BlockPasses, Blocks, in_pieces, lay_out
from ratings.kernels import Penalties, Rates, State, Triples, sgd_epoch
from ratings.matrix import RatingsMatrix
from ratings.options import FactorOptions
from ratings.passes import stored
from ratings.sgd import Fit, fit_sgd


def random_matrix(users: int, movies: int, share: float, seed: int = 0) -> RatingsMatrix:
    """Half stars that tell users and movies apart; a few movies have most of the ratings."""
    draw = np.random.default_rng(seed)
    rated = draw.random((users, movies)) < share * 2 * draw.random(movies)
    stars = np.where(rated, draw.integers(1, 11, (users, movies)) / 2, 0).astype(np.float32)
    return RatingsMatrix(csr_matrix(stars), np.arange(users, dtype=np.int64), np.arange(movies, dtype=np.int64))


def unpacked(blocks: Blocks) -> tuple[NDArray[np.int64], Triples]:
    """Block and triple of every rating, in the order laid out."""
    runs = blocks.runs
    lengths = np.diff(runs.starts)
    block_of_run = np.repeat(np.arange(blocks.strata**2), np.diff(blocks.first_run))
    return np.repeat(block_of_run, lengths), Triples(np.repeat(runs.users, lengths), runs.cols, runs.stars)


def as_set(ratings: Triples) -> set[tuple[int, int, float]]:
    return set(zip(ratings.rows.tolist(), ratings.cols.tolist(), ratings.stars.tolist(), strict=True))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.floats(0.1, 1), st.integers(1, 9), st.integers(0, 99))
def test_every_chosen_rating_is_laid_out_once(users: int, movies: int, share: float, strata: int, seed: int) -> None:
    matrix = random_matrix(users, movies, share, seed)
    chosen = np.random.default_rng(seed).random(len(matrix)) < 0.7
    blocks = lay_out(stored(matrix, chosen), movies, strata)
    _, found = unpacked(blocks)
    rows, cols, stars = matrix.triples()
    assert len(found.stars) == chosen.sum() == len(blocks)
    assert as_set(found) == as_set(Triples(rows[chosen], cols[chosen], stars[chosen]))
    assert (np.diff(blocks.runs.starts) > 0).all(), "no empty run"


def test_blocks_of_one_round_share_no_user_and_no_movie() -> None:
    block, found = unpacked(lay_out(stored(random_matrix(50, 40, 0.5)), 40, strata=4))
    for places, axis in ((found.rows, block // 4), (found.cols, block % 4)):
        strata_of = [set(axis[places == place].tolist()) for place in np.unique(places)]
        assert all(len(strata) == 1 for strata in strata_of)


def test_strata_have_about_equal_numbers_of_ratings() -> None:
    block, _ = unpacked(lay_out(stored(random_matrix(400, 300, 0.3)), 300))
    for axis in (block // STRATA, block % STRATA):
        sizes = np.bincount(axis, minlength=STRATA)
        assert sizes.max() < 1.01 * sizes.min()


def start(users: int, movies: int, factors: int = 5) -> State:
    draw = np.random.default_rng(3)
    shapes = ((users,), (movies,), (users, factors), (movies, factors))
    return State(np.float32(3), *(draw.normal(0, 0.1, shape).astype(np.float32) for shape in shapes))


RATES = Rates(np.float32(0.05), np.float32(0.03))


def weights(users: int, movies: int) -> Penalties:
    return Penalties(np.full(users, 0.1, np.float32), np.full(movies, 0.2, np.float32), np.float32(0.05))


def test_a_pass_is_the_rounds_one_after_the_other() -> None:
    """The same by the kernel of one thread, with the orders drawn as the documentation says."""
    blocks = lay_out(stored(random_matrix(30, 20, 0.5)), 20, strata=3)
    fast, slow = start(30, 20), start(30, 20)
    squared = BlockPasses(blocks, seed=7, threads=2).run(fast, weights(30, 20), RATES, number=4)
    _, ratings = unpacked(blocks)
    starts, expected = blocks.runs.starts, 0.0
    for shift in np.random.default_rng([7, 4]).permutation(3):
        for s in range(3):
            block = s * 3 + (s + shift) % 3
            first, end = blocks.first_run[block : block + 2]
            order = first + np.random.default_rng([7, 4, block]).permutation(end - first)
            places = np.concatenate([np.arange(starts[run], starts[run + 1]) for run in order])
            places = places.astype(np.int32)
            expected += sgd_epoch(places, ratings, slow, weights(30, 20), RATES)
    assert squared == pytest.approx(expected)
    for got, want in zip(fast[1:], slow[1:], strict=True):
        assert np.allclose(got, want, atol=1e-6)


def fitted(threads: int, updates: str = "joint", seed: int = 0) -> Fit:
    options = FactorOptions(factors=7, learning_rate=0.02, max_epochs=6, seed=seed, threads=threads, parallel_from=0)
    return fit_sgd(random_matrix(300, 200, 0.4), replace(options, updates=updates))  # type: ignore[arg-type]


@pytest.mark.parametrize("updates", ["joint", "alternating"])
def test_any_number_of_threads_gives_the_same_numbers_bit_for_bit(updates: str) -> None:
    one = fitted(1, updates)
    for threads in (2, 3, 8, 0):
        many = fitted(threads, updates)
        assert many.curve == one.curve
        for got, want in zip(many.factors.arrays(), one.factors.arrays(), strict=True):
            assert (got == want).all()
    other = fitted(1, updates, seed=1)
    assert (other.factors.item_factors != one.factors.item_factors).any()


def test_blocks_predict_as_well_as_ratings_in_no_order() -> None:
    draw = np.random.default_rng(0)
    taste, kind = draw.normal(0, 1, (300, 2)), draw.normal(0, 1, (200, 2))
    seen = draw.random((300, 200)) < 0.3
    stars = np.where(seen, np.clip(3 + taste @ kind.T, 0.5, 5), 0).astype(np.float32)
    matrix = RatingsMatrix(csr_matrix(stars), np.arange(300, dtype=np.int64), np.arange(200, dtype=np.int64))
    options = FactorOptions(factors=8, learning_rate=0.02, regularization=0.02, max_epochs=60)
    errors = [
        min(report.validation_rmse for report in fit_sgd(matrix, replace(options, parallel_from=limit)).curve)
        for limit in (0, len(matrix) + 1)
    ]
    assert errors[0] == pytest.approx(errors[1], rel=0.05)
    assert errors[0] < 0.5 * stars[seen].std()


def test_pieces_cover_all_and_are_added_in_order() -> None:
    """Floating point numbers that give another sum in any other order."""
    values = 10.0 ** np.random.default_rng(0).uniform(-8, 8, 1000)
    sums = {in_pieces(1000, threads, lambda a, b: float(values[a:b].sum())) for threads in (1, 2, 5)}
    assert len(sums) == 1
    assert sums.pop() == pytest.approx(values.sum())
    assert in_pieces(3, 2, lambda a, b: float(b - a)) == 3, "fewer than pieces"
