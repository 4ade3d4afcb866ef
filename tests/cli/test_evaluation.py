"""What an evaluation says to people and programs, from figures that are known."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, RenderableType

from cli.evaluation import Evaluation, FoldsEvaluation
from cli.evaluation_table import folds_picture, picture
from ratings.bootstrap import Estimate, mean_of
from ratings.choosing import Failed
from ratings.measuring import ErrorRow, RankingRow
from ratings.metrics import StarErrors
from ratings.neighbourly import NeighbourQuality
from ratings.ranking import Rankings

DRAW = np.random.default_rng(0)
HARD = DRAW.random(400)  # how hard each user is
OFF = HARD + 1


def error_row(method: str, squared: NDArray[np.float64]) -> ErrorRow:
    errors = StarErrors(squared, np.sqrt(squared), np.ones(len(squared), np.int64))
    mse = mean_of(squared, 0)
    return ErrorRow(method, "8 factors", 3, errors, mse, mse.root(), mse, 1.25, 2.5)


def ranking_row(method: str, ndcg: NDArray[np.float64], neighbours: NeighbourQuality | None = None) -> RankingRow:
    rankings = Rankings(ndcg, ndcg, ndcg, ndcg * 100, np.array([0, 3, 1, 0]))
    it = mean_of(ndcg, 0)
    return RankingRow(method, "64 numbers", 1, rankings, it, it, it, mean_of(ndcg * 100, 0), neighbours, 1.0, 0.0)


def text_of(shown: RenderableType) -> str:
    screen = Console(width=150, force_terminal=False)
    with screen.capture() as captured:
        screen.print(shown)
    return captured.get()


def line_of(text: str, method: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(method))


CLOSE = error_row("close", OFF + DRAW.normal(0, 0.05, 400) + 0.002)
FOUND = Evaluation(
    data="7 ratings",
    held_out=("ten held out", "a fifth held out"),
    seed=0,
    errors=[error_row("far", OFF + 0.3), error_row("best", OFF), CLOSE, Failed("broken", "it diverged")],
    rankings=[
        ranking_row("lists", HARD, NeighbourQuality(np.array([0.25, 0.35]), 12.0, 3966, 3000)),
        ranking_row("poor", HARD * 0.5),
    ],
    quick=False,
)


def test_the_best_is_named_and_a_gap_that_may_be_chance_is_marked() -> None:
    text = text_of(picture(FOUND))
    assert "best" in line_of(text, "best").split()[3:]
    assert " 0.3000 " in line_of(text, "far")
    assert "\N{ALMOST EQUAL TO}" in line_of(text, "close")
    assert "\N{ALMOST EQUAL TO}" not in line_of(text, "far")
    assert "broken failed: it diverged" in text


def test_neighbours_have_a_table_of_those_that_have_some() -> None:
    table = text_of(picture(FOUND)).split("Ten neighbours of each of the 3,000 most-rated movies")[1]
    assert line_of(table, "lists").split() == ["lists", "0.300", "12", "3,966"]
    assert "poor" not in table


def test_a_quick_run_does_not_claim_that_settings_were_chosen() -> None:
    assert "chosen on validation" in text_of(picture(FOUND))
    quick = text_of(picture(replace(FOUND, quick=True)))
    assert "chosen on validation" not in quick
    assert "no bar is met by these figures" in quick


def test_coverage_counts_movies_shown_at_least_once() -> None:
    assert "2 (50%)" in line_of(text_of(picture(FOUND)), "lists")


def test_every_figure_and_every_failure_is_a_row() -> None:
    rows = {row.what: row for row in FOUND.rows()}
    assert (rows["broken: MSE"].value, rows["broken: MSE"].quality) == ("failed", "it diverged; ten held out")
    assert rows["lists: genre Jaccard of neighbours"].value == "0.3000"
    assert rows["lists: different movies shown"].value == "2"
    assert "poor: genre Jaccard of neighbours" not in rows
    assert rows["poor: MRR"].quality.endswith("; a fifth held out")
    assert rows["best: MSE"].quality.endswith("; 8 factors; 1.25 s; ten held out")


def test_nothing_measured_still_makes_a_table_that_says_why() -> None:
    none = replace(FOUND, errors=[Failed("a", "why not")], rankings=[Failed("b", "nor this")])
    assert not none.measured
    assert "a failed: why not" in text_of(picture(none))
    assert "b failed: nor this" in text_of(picture(none))


def rmse_row(method: str, rmse: float) -> ErrorRow:
    return replace(error_row(method, OFF), rmse=Estimate(rmse, rmse, rmse))


def test_the_folds_are_held_to_the_bar_by_the_best_mean() -> None:
    folds = [[rmse_row("a", 0.90 + fold / 100), rmse_row("b", 0.95)] for fold in range(5)]
    found = FoldsEvaluation("ml-100k", 0, folds, quick=False)
    assert found.best is not None
    assert found.best[0] == "a"
    assert [(row.value, row.passed) for row in found.rows()] == [("0.9200", None), ("0.9500", None), ("0.9200", False)]
    assert "SHORT: the best mean is 0.9200, the bar <= 0.919" in text_of(folds_picture(found))


def test_a_method_that_fails_on_one_fold_has_no_mean_and_cannot_be_best() -> None:
    folds = [[rmse_row("a", 0.8), rmse_row("b", 0.91)] for _ in range(4)] + [[Failed("a", "why"), rmse_row("b", 0.91)]]
    found = FoldsEvaluation("ml-100k", 0, folds, quick=True)
    assert [(row.value, row.passed, row.quick) for row in found.rows()] == [
        ("failed", None, True),
        ("0.9100", None, True),
        ("0.9100", True, True),
    ]
    text = text_of(folds_picture(found))
    assert "a failed: why" in text
    assert "pass (quick): the best mean is 0.9100" in text
    nothing = FoldsEvaluation("ml-100k", 0, [[Failed("a", "why")]] * 5, quick=False)
    assert (nothing.best, nothing.rows()[-1].passed) == (None, False)
