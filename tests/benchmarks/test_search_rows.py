"""Which catalogues are measured, and what is held to the bar."""

import numpy as np
import pytest

from benchmarks.bars import bar
from benchmarks.search_rows import Size, against_flat, sizes
from benchmarks.search_timing import Asked


def asked(ours_ms: float, flat_ms: float = 100.0) -> dict[str, Asked]:
    return {name: Asked([np.full(5, ms)], []) for name, ms in (("ours", ours_ms), ("flat", flat_ms))}


@pytest.mark.parametrize(
    ("n_real", "want"),
    [
        (2_250, [Size(2_250, 0), Size(2_250, 7_750)]),
        (5_316, [Size(2_500, 0), Size(5_316, 0), Size(5_316, 4_684)]),
        (30_000, [Size(2_500, 0), Size(10_000, 0)]),
    ],
)
def test_both_ends_of_the_bar_and_all_that_is_real_between(n_real: int, want: list[Size]) -> None:
    assert sizes(n_real) == want


def test_a_size_says_what_is_mixed() -> None:
    assert Size(2_250, 0).words == "2,250 real posters"
    assert Size(2_250, 7_750).words == "2,250 real + 7,750 mixed posters"


@pytest.mark.parametrize(
    ("ours_ms", "recall", "passed"), [(4.0, 0.995, True), (4.01, 1.0, False), (1.0, 0.9949, False)]
)
def test_ratio_and_recall_must_both_be_met(ours_ms: float, recall: float, passed: bool) -> None:
    row = against_flat("search_free", asked(ours_ms), recall, "beside")
    assert row.passed is passed
    assert f"recall@10 {recall:.4f}" in row.value


def test_the_stretch_is_told() -> None:
    assert "stretch met" in against_flat("search_free", asked(2.5), 0.999, "").quality
    assert "stretch met" not in against_flat("search_free", asked(2.5), 0.998, "").quality
    assert "stretch met" not in against_flat("search_filtered", asked(0.1), 1.0, "").quality


def test_the_ratio_is_that_of_the_medians() -> None:
    both = {"ours": Asked([np.array([1.0, 2.0, 30.0])], []), "flat": Asked([np.array([50.0, 60.0, 900.0])], [])}
    assert "1/30.0 of flat" in against_flat("search_large", both, 0.99, "").value


@pytest.mark.parametrize("name", ["lookup", "free", "filtered", "large", "space", "rebuild", "incremental"])
def test_every_row_has_its_bar(name: str) -> None:
    wanted = bar(f"search_{name}")
    assert wanted["what"]
    assert any(mark in wanted["at_least"] for mark in ("<=", "at most"))
