"""Intervals: they are where theory has them, they hold the truth as often as they say, and they are repeatable."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ratings.bootstrap import difference_of, mean_of, ratio_of


def test_the_interval_of_a_mean_is_two_standard_errors_wide_each_way() -> None:
    values = np.random.default_rng(0).normal(3, 2, 2000)
    found = mean_of(values, seed=1)
    error = values.std() / np.sqrt(len(values))
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


def test_the_interval_holds_the_truth_about_nineteen_times_of_twenty() -> None:
    draw = np.random.default_rng(5)
    held = [it.low <= 1 <= it.high for it in (mean_of(draw.exponential(1, 150), seed) for seed in range(200))]
    assert 0.90 <= np.mean(held) <= 0.98


def test_a_mean_over_ratings_weighs_users_by_what_they_have() -> None:
    found = ratio_of(np.array([10.0, 1.0]), np.array([10, 100]), seed=0)
    assert found.value == pytest.approx(0.1)
    assert (found.low, found.high) == (pytest.approx(0.01), pytest.approx(1.0))  # one user twice, or the other


def test_each_resample_is_a_draw_of_all_users_with_replacement() -> None:
    """Two users: both, or one twice, with a half and two quarters."""
    found = mean_of(np.array([0.0, 1.0]), seed=0)
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)


def test_the_same_users_drawn_together_tell_close_methods_apart() -> None:
    draw = np.random.default_rng(2)
    hard = draw.normal(0, 1, 300)  # how hard a user is, for both alike
    ours, theirs = hard + 0.05 + draw.normal(0, 0.1, 300), hard + draw.normal(0, 0.1, 300)
    assert mean_of(ours, 0).low < mean_of(theirs, 0).high  # side by side they overlap
    together = difference_of(ours, theirs, np.ones(300), seed=0)
    assert 0 < together.low < together.value < together.high


def test_the_seed_decides_and_blocks_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random(37)
    assert mean_of(values, 4) == mean_of(values, 4)
    assert mean_of(values, 4) != mean_of(values, 5)
    whole = mean_of(values, 4)
    monkeypatch.setattr("ratings.bootstrap.CELLS_AT_ONCE", 100)
    parts = mean_of(values, 4)
    assert (parts.low, parts.high) == (pytest.approx(whole.low), pytest.approx(whole.high))


def test_the_root_is_that_of_the_ends() -> None:
    found = mean_of(np.array([4.0, 4.0, 4.0]), 0).root()
    assert (found.value, found.low, found.high) == (2, 2, 2)


@given(arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 25)), st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_any_numbers_give_an_interval_within_them(values: np.ndarray, seed: int) -> None:
    found = mean_of(values, seed)
    assert values.min() - 1e-9 <= found.low <= found.high <= values.max() + 1e-9
