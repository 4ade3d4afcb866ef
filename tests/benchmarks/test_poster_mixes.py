"""Generated posters: what they are made of, and that a row is the same however many are made."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.poster_kernels import draw, kth_largest
from benchmarks.poster_mixes import Mixer, grown, packed_rows, records_of
from index.packed import Packed
from index.record_blocks import pack_records
from index.records import encode_record

DIMENSION = 200


def posters(n: int, seed: int = 0, dimension: int = DIMENSION) -> Packed:
    """Sparse rows, each with a density of its own."""
    draw = np.random.default_rng(seed)
    rows = np.maximum(draw.normal(-1.0, 1.0, (n, dimension)) + draw.normal(0, 0.3, (n, 1)), 0).astype(np.float32)
    rows[:, 0] = 1.0  # none is empty
    return pack_records([encode_record(row) for row in rows], dimension)


def drawn(seed: int, row: int, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    parents, weights = np.empty(4, np.int64), np.empty(4, np.float64)
    return parents, weights, draw(seed, row, n, parents, weights)


def test_a_row_is_the_same_however_many_are_made() -> None:
    mixer = Mixer(posters(20))
    many = mixer.rows(0, 2_500)  # over the border of a block
    for row in (0, 7, 999, 1_000, 2_499):
        alone, among = mixer.rows(row, 1), many.taken(np.array([row]))
        assert np.array_equal(alone.bitmaps, among.bitmaps)
        assert np.array_equal(alone.values, among.values)
        assert alone.norms[0] == among.norms[0]


def test_blocks_are_the_rows_in_order() -> None:
    mixer = Mixer(posters(20))
    sizes, parts = [], []
    for block in mixer.blocks(25, 10):
        sizes.append(len(block))
        parts.append(block.dense(np.arange(len(block))))
    assert sizes == [10, 10, 5]
    assert np.array_equal(np.concatenate(parts), mixer.rows(0, 25).dense(np.arange(25)))


def test_another_seed_makes_other_rows() -> None:
    base = posters(20)
    one, other = Mixer(base, 1).rows(0, 50), Mixer(base, 2).rows(0, 50)
    assert not (one.dense(np.arange(50)) == other.dense(np.arange(50))).all(axis=1).any()


def test_a_mix_is_what_its_four_parents_make_it() -> None:
    base = posters(30)
    units, mixes = base.units(np.arange(30)).astype(np.float64), Mixer(base, 9).rows(0, 200)
    for row, mix in enumerate(mixes.dense(np.arange(200))):
        parents, weights, keep_as = drawn(9, row, 30)
        whole = weights @ units[parents]
        kept = np.argsort(-whole, kind="stable")[: base.starts[keep_as + 1] - base.starts[keep_as]]
        want = np.zeros(DIMENSION)
        want[kept] = whole[kept]
        assert keep_as in parents
        assert np.allclose(mix, want / np.linalg.norm(want), rtol=6e-4, atol=1e-6)  # float16 keeps 11 bits


def test_rows_have_length_one_up_to_float16() -> None:
    assert np.allclose(Mixer(posters(10)).rows(0, 300).norms, 1.0, atol=5e-4)


def test_the_density_is_that_of_the_real_ones() -> None:
    base = posters(50, dimension=2_000)
    made = np.diff(Mixer(base).rows(0, 3_000).starts)
    real = np.diff(base.starts)
    assert set(made.tolist()) <= set(real.tolist())
    assert made.mean() == pytest.approx(real.mean(), rel=0.03)


def test_draws_are_four_different_posters_with_weights_of_dirichlet() -> None:
    draws = [drawn(3, row, 6) for row in range(4_000)]
    weights = np.array([one[1] for one in draws])
    assert all(len(set(one[0].tolist())) == 4 and one[0].min() >= 0 and one[0].max() < 6 for one in draws)
    assert np.allclose(weights.sum(1), 1.0)
    # Dirichlet(1, 1, 1, 1): each weight has mean 1/4 and variance (1/4)(3/4)/5
    assert np.allclose(weights.mean(0), 0.25, atol=0.015)
    assert np.allclose(weights.var(0), 0.0375, atol=0.004)
    chosen = np.bincount(np.concatenate([one[0] for one in draws]), minlength=6)
    assert chosen.min() > 0.9 * chosen.mean()


@given(
    st.lists(st.floats(0, 2.0**90, width=32) | st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=60),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_the_kth_largest_is_that_of_a_sorted_list(numbers: list[float], data: st.DataObject) -> None:
    array = np.array(numbers, np.float32) + np.float32(0)  # no -0.0, as in a mix
    k = data.draw(st.integers(1, len(numbers)))
    bits, equals = kth_largest(array, k)
    want = np.sort(array)[::-1][k - 1]
    assert np.array([bits], np.uint32).view(np.float32)[0] == want
    assert equals == k - np.count_nonzero(array > want)


def test_of_equal_numbers_the_first_stay() -> None:
    rows = np.ones((4, 64), np.float32)
    rows[:, 10:] = 0
    base = pack_records([encode_record(row) for row in rows], 64)
    mix = Mixer(base).rows(0, 1)
    assert np.flatnonzero(mix.dense(np.array([0]))[0]).tolist() == list(range(10))


def test_three_posters_cannot_be_mixed() -> None:
    with pytest.raises(ValueError, match="3 posters: a mix takes 4"):
        Mixer(posters(3))


def test_a_catalogue_is_real_first_and_mixed_behind() -> None:
    base = posters(12)
    all_of_them = base.dense(np.arange(12))
    small, same, large = grown(base, 5), grown(base, 12), grown(base, 40)
    assert np.array_equal(small.dense(np.arange(5)), all_of_them[:5])
    assert np.array_equal(same.dense(np.arange(12)), all_of_them)
    assert np.array_equal(large.dense(np.arange(12)), all_of_them)
    assert np.array_equal(large.dense(np.arange(12, 40)), Mixer(base).rows(0, 28).dense(np.arange(28)))


def test_records_hold_exactly_the_rows() -> None:
    made = Mixer(posters(10)).rows(0, 30)
    again = pack_records(records_of(made), DIMENSION)
    assert np.array_equal(again.bitmaps, made.bitmaps)
    assert np.array_equal(again.values, made.values)
    assert np.allclose(again.norms, made.norms, rtol=1e-12)


def test_no_rows_are_no_rows() -> None:
    empty = packed_rows(64, np.empty((0, 1), np.uint64), np.empty(0, np.float16), np.empty(0, np.int64))
    assert len(empty) == 0
    assert len(Mixer(posters(5)).rows(3, 0)) == 0
