"""Options of a fit: the rate's schedule, penalties by count, and values out of range named."""

from dataclasses import replace

import numpy as np
import pytest

from ratings.learner import penalties_of
from ratings.options import FactorOptions


def test_the_rate_falls_as_it_is_told() -> None:
    options = FactorOptions(learning_rate=0.1, decay=0.5)
    assert [options.rate(epoch) for epoch in (1, 2, 3)] == pytest.approx([0.1, 0.1 / 1.5, 0.05])
    assert [replace(options, decay=0).rate(epoch) for epoch in (1, 50)] == [0.1, 0.1]


def test_few_ratings_mean_a_greater_penalty() -> None:
    """Mean counts are 2 for users and 4 / 3 for movies; the weight goes with the root of mean over own."""
    penalties = penalties_of(
        np.array([3, 1]),
        np.array([2, 1, 1, 0]),
        FactorOptions(regularization=0.1, bias_regularization=0.3, count_exponent=0.5),
    )
    assert penalties.users == pytest.approx(0.1 * np.sqrt([2 / 3, 2]))
    assert penalties.items == pytest.approx(0.1 * np.sqrt([2 / 3, 4 / 3, 4 / 3, 4 / 3]))
    assert penalties.biases == pytest.approx(0.3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"factors": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"regularization": -0.1},
        {"bias_regularization": -1.0},
        {"validation_share": 1.0},
        {"max_epochs": 0},
        {"count_exponent": 2.0},
        {"updates": "both"},
    ],
)
def test_options_out_of_range_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(FactorOptions(), **wrong)  # type: ignore[arg-type]
