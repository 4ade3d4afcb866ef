"""What `posterity evaluate` found, and the same as rows for programs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cli.rows import Row
from ratings.bootstrap import Estimate
from ratings.choosing import Failed
from ratings.measuring import ErrorRow, RankingRow

FOLDS_BAR = 0.919  # RMSE of Surprise's SVD++ on ml-100k, five folds: performance.md section 5


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Errors and rankings of all methods on one set of ratings.

    Attributes:
        data: one line about the ratings. held_out: which of them were held out, for errors and for rankings.
        errors, rankings: one entry a method, in the order of the methods.
        quick: fewer settings were tried.
    """

    data: str
    held_out: tuple[str, str]
    seed: int
    errors: Sequence[ErrorRow | Failed]
    rankings: Sequence[RankingRow | Failed]
    quick: bool

    @property
    def error_rows(self) -> list[ErrorRow]:
        """Predictors that could be measured."""
        return [row for row in self.errors if isinstance(row, ErrorRow)]

    @property
    def ranking_rows(self) -> list[RankingRow]:
        """Rankers that could be measured."""
        return [row for row in self.rankings if isinstance(row, RankingRow)]

    @property
    def measured(self) -> bool:
        """Whether there is any figure at all."""
        return bool(self.error_rows or self.ranking_rows)

    def rows(self) -> list[Row]:
        """One row a figure; a method that failed has one with its reason."""
        errors = [row for entry in self.errors for row in _error_figures(entry)]
        rankings = [row for entry in self.rankings for row in _ranking_figures(entry)]
        of_errors, of_rankings = self.held_out
        return [*self._said(errors, of_errors), *self._said(rankings, of_rankings)]

    def _said(self, rows: list[Row], held_out: str) -> list[Row]:
        return [replace(row, quick=self.quick, quality=f"{row.quality}; {held_out}") for row in rows]


@dataclass(frozen=True, slots=True)
class FoldsEvaluation:
    """Errors of all predictors on ml-100k's five folds.

    Attributes:
        folder: where the folds are. folds: one list a fold, each with one entry a method.
    """

    folder: str
    seed: int
    folds: Sequence[Sequence[ErrorRow | Failed]]
    quick: bool

    @property
    def by_method(self) -> dict[str, list[ErrorRow | Failed]]:
        """The entries of each method, one a fold."""
        return {entries[0].method: list(entries) for entries in zip(*self.folds, strict=True)}

    def mean_rmse(self, method: str) -> float | None:
        """Mean over the folds, in stars; None where one of them failed."""
        values = [entry.rmse.value for entry in self.by_method[method] if isinstance(entry, ErrorRow)]
        return float(np.mean(values)) if len(values) == len(self.folds) else None

    @property
    def best(self) -> tuple[str, float] | None:
        """The method with the least mean and that mean; None where none was measured on all folds."""
        means = {method: mean for method in self.by_method if (mean := self.mean_rmse(method)) is not None}
        return min(means.items(), key=lambda pair: pair[1], default=None)

    def rows(self) -> list[Row]:
        """One row a method, and one for the bar."""
        return [replace(row, quick=self.quick) for row in [*map(self._row, self.by_method), self._bar_row()]]

    def _row(self, method: str) -> Row:
        entries, mean = self.by_method[method], self.mean_rmse(method)
        if mean is None:
            failed = next(entry for entry in entries if isinstance(entry, Failed))
            return Row(f"{method}: RMSE, mean of the folds", "failed", "", None, failed.why)
        each = ", ".join(f"{entry.rmse.value:.4f}" for entry in entries if isinstance(entry, ErrorRow))
        return Row(f"{method}: RMSE, mean of the folds", f"{mean:.4f}", "", None, each)

    def _bar_row(self) -> Row:
        what, bar = "ml-100k's own five folds: RMSE of the best method, mean of five", f"<= {FOLDS_BAR:g}"
        if self.best is None:
            return Row(what, "none measured", bar, False)
        method, mean = self.best
        return Row(what, f"{mean:.4f}", bar, mean <= FOLDS_BAR, method)


def _error_figures(entry: ErrorRow | Failed) -> list[Row]:
    if isinstance(entry, Failed):
        return [Row(f"{entry.method}: MSE", "failed", "", None, entry.why)]
    how = f"{entry.setting}; {entry.seconds:.2f} s".removeprefix("; ")
    figures = {"MSE": entry.mse, "RMSE": entry.rmse, "MAE": entry.mae}
    return [_figure(f"{entry.method}: {name}", estimate, how) for name, estimate in figures.items()]


def _ranking_figures(entry: RankingRow | Failed) -> list[Row]:
    if isinstance(entry, Failed):
        return [Row(f"{entry.method}: NDCG@10", "failed", "", None, entry.why)]
    how = f"{entry.setting}; {entry.seconds:.2f} s".removeprefix("; ")
    figures = {"NDCG@10": entry.ndcg, "recall@20": entry.recall, "MRR": entry.mrr}
    rows = [_figure(f"{entry.method}: {name}", estimate, how) for name, estimate in figures.items()]
    share = f"{entry.rankings.coverage_share:.2%} of all movies"
    popularity = _figure(f"{entry.method}: ratings of a movie shown, mean", entry.popularity, how, digits=1)
    rows += [Row(f"{entry.method}: different movies shown", f"{entry.rankings.coverage}", "", None, share), popularity]
    return rows + _neighbour_figures(entry)


def _neighbour_figures(entry: RankingRow) -> list[Row]:
    if entry.neighbours is None:
        return []
    lists = f"neighbours of the {entry.neighbours.asked:,} most-rated movies"
    figures = {
        "genre Jaccard of neighbours": f"{entry.neighbours.mean_jaccard:.4f}",
        "ratings of a neighbour, median": f"{entry.neighbours.median_ratings:g}",
        "different neighbours": f"{entry.neighbours.different}",
    }
    return [Row(f"{entry.method}: {name}", value, "", None, lists) for name, value in figures.items()]


def _figure(what: str, it: Estimate, how: str, digits: int = 4) -> Row:
    between = f"95 % {it.low:.{digits}f} to {it.high:.{digits}f}"
    return Row(what, f"{it.value:.{digits}f}", "", None, f"{between}; {how}")
