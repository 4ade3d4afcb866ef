"""The grid: each combination on the same folds, the best one out, and no result lost to divergence or Ctrl-C."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from ratings.errors import FitDiverged, NothingToFit
from ratings.grid import Grid, GridReport, GridResult, search_grid
from ratings.matrix import RatingsMatrix
from ratings.options import FactorOptions
from ratings.sgd import fit_on_split
from ratings.splits import folds

BASE = FactorOptions(max_epochs=30, patience=4, seed=5)
GRID = Grid(factors=(1, 3), regularizations=(0.01, 0.5), learning_rates=(0.05,))


def two_camps(users: int = 30, movies: int = 20) -> RatingsMatrix:
    """Even users love even movies and hate odd ones, odd users the other way round; a fifth is not rated."""
    u, m = np.meshgrid(np.arange(users), np.arange(movies), indexing="ij")
    stars = np.where((u + m) % 2 == 0, 5.0, 1.0)
    stars[np.random.default_rng(0).random(stars.shape) < 0.2] = 0
    user_items = csr_matrix(stars.astype(np.float32))
    return RatingsMatrix(user_items, np.arange(users, dtype=np.int64), np.arange(movies, dtype=np.int64))


def test_all_combinations_are_tried_and_the_rest_is_that_of_the_base() -> None:
    grid = Grid((1, 2), (0.1, 0.2, 0.3), (0.01, 0.02))
    settings = list(grid.settings(BASE))
    assert len(settings) == len(set(settings)) == 12
    assert {(each.factors, each.regularization, each.learning_rate) for each in settings} == {
        (k, reg, rate) for k in (1, 2) for reg in (0.1, 0.2, 0.3) for rate in (0.01, 0.02)
    }
    assert {(each.seed, each.max_epochs, each.patience) for each in settings} == {(5, 30, 4)}


def test_a_row_is_mean_and_deviation_over_the_folds() -> None:
    matrix = two_camps()
    result = search_grid(matrix, GRID, BASE, k=3)
    row = result.rows[1]
    fits = [fit_on_split(split, row.options) for split in folds(matrix, 3, seed=5)]
    errors = [fit.curve[fit.best_epoch - 1].validation_rmse for fit in fits]
    assert row.mean_rmse == pytest.approx(sum(errors) / 3)
    assert row.std_rmse == pytest.approx(np.std(errors, ddof=1))
    assert row.epochs == tuple(fit.best_epoch for fit in fits)


def test_the_best_comes_first_and_is_the_one_that_can_tell_the_camps_apart() -> None:
    result = search_grid(two_camps(), Grid((2,), (0.01, 5.0), (0.05,)), replace(BASE, max_epochs=300, patience=60), k=2)
    assert [row.options.regularization for row in result.rows] == [0.01, 5.0]
    assert result.best == result.rows[0].options
    assert result.rows[0].mean_rmse < 0.6 < 1.5 < result.rows[1].mean_rmse
    assert (result.folds, result.interrupted) == (2, False)


def test_the_same_seed_gives_the_same_rows() -> None:
    first, second = (search_grid(two_camps(), GRID, BASE, k=2) for _ in range(2))
    assert first == second
    assert first != search_grid(two_camps(), GRID, replace(BASE, seed=6), k=2)


def test_progress_counts_every_fit() -> None:
    reports: list[GridReport] = []
    result = search_grid(two_camps(), GRID, BASE, k=3, progress=reports.append)
    assert [(report.done, report.total) for report in reports] == [(done, 12) for done in range(1, 13)]
    of_best = [report.rmse for report in reports if report.options == result.best]
    assert np.mean(of_best) == pytest.approx(result.rows[0].mean_rmse)


def test_a_combination_that_diverges_comes_last() -> None:
    result = search_grid(two_camps(), Grid((3,), (0.05,), (50.0, 0.05)), BASE, k=2)
    assert [row.options.learning_rate for row in result.rows] == [0.05, 50.0]
    assert result.rows[1].mean_rmse == np.inf
    assert np.isnan(result.rows[1].std_rmse)
    assert result.rows[1].epochs == (0, 0)


def test_when_all_diverge_there_is_no_best() -> None:
    with pytest.raises(FitDiverged, match="learning rate 50;"):
        search_grid(two_camps(), Grid((3,), (0.05,), (50.0, 60.0)), BASE, k=2)


def interrupted_after(fits: int) -> GridResult:
    def interrupt(report: GridReport) -> None:
        if report.done == fits:
            raise KeyboardInterrupt

    return search_grid(two_camps(), GRID, BASE, k=3, progress=interrupt)


def test_ctrl_c_leaves_all_combinations_measured_on_the_folds_that_are_over() -> None:
    cut = interrupted_after(6)  # four fits a fold
    first = next(folds(two_camps(), 3, seed=5))
    assert (cut.interrupted, cut.folds, len(cut.rows)) == (True, 1, 4)
    for row in cut.rows:
        fit = fit_on_split(first, row.options)
        assert row.mean_rmse == fit.curve[fit.best_epoch - 1].validation_rmse
        assert row.epochs == (fit.best_epoch,)
        assert np.isnan(row.std_rmse)


def test_ctrl_c_in_the_first_fold_goes_on_to_the_caller() -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted_after(2)


def test_too_few_ratings_are_said_to_be_too_few() -> None:
    few = RatingsMatrix(csr_matrix(np.full((2, 4), 3, np.float32)), np.arange(2), np.arange(4))
    with pytest.raises(NothingToFit):
        search_grid(few, GRID, BASE, k=2)
    with pytest.raises(ValueError, match="9 folds of 8 ratings"):
        search_grid(few, GRID, BASE, k=9)
