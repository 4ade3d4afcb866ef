"""Measures methods on one split, each with the settings that are best on validation, and how sure the figures are."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ratings.bootstrap import Estimate, difference_of, means_of, ratio_of
from ratings.choosing import Choosing, Chosen, Failed, Fits, HoldOut, Method, Progress
from ratings.errors import RatingsError
from ratings.methods import MovieRanker, RatingPredictor
from ratings.metrics import StarErrors, star_errors
from ratings.neighbourly import NeighbourQuality, most_rated, nearest, neighbour_quality
from ratings.ranking import Rankings, rank_unseen
from ratings.splits import Split

Fitted = TypeVar("Fitted")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Measuring:
    """What all methods have in common.

    Attributes:
        split: what is learned from and what is reported on.
        hold_out: how validation ratings are parted from the training side; best as the split itself was made.
        seed: of validation and of the intervals.
        genres: of each movie column, for neighbours; None leaves neighbours out.
        progress: told the method and setting, and fits done of all.
    """

    split: Split
    hold_out: HoldOut
    seed: int
    genres: Sequence[Set[str]] | None = None
    progress: Progress | None = None

    def choosing(self, fits: int) -> Choosing:
        """What chooses settings on the training side; `fits` is how many there will be."""
        return Choosing(self.split.train, self.hold_out, self.seed, Fits(fits, self.progress))


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """A predictor's errors on the held-out ratings; `mse` in stars squared, `rmse` and `mae` in stars.

    `errors` has them by user; `seconds` is the last fit, `choosing_seconds` all fits and measurements before it.
    """

    method: str
    setting: str
    tried: int
    errors: StarErrors
    mse: Estimate
    rmse: Estimate
    mae: Estimate
    seconds: float
    choosing_seconds: float


@dataclass(frozen=True, slots=True)
class RankingRow:
    """A ranker's lists: NDCG@10, recall@20, MRR over the whole list, training ratings of what the first ten show.

    `rankings` has them by user; `neighbours` is None for a method without vectors. Seconds as in `ErrorRow`.
    """

    method: str
    setting: str
    tried: int
    rankings: Rankings
    ndcg: Estimate
    recall: Estimate
    mrr: Estimate
    popularity: Estimate
    neighbours: NeighbourQuality | None
    seconds: float
    choosing_seconds: float


def measure_predictors(methods: Sequence[Method[RatingPredictor]], measuring: Measuring) -> list[ErrorRow | Failed]:
    """One row for each method, in their order; chosen by validation MSE. One that fails says why."""
    choosing = measuring.choosing(sum(method.fits for method in methods))
    return [_or_failed(method, lambda it: _errors(choosing, it, measuring)) for method in methods]


def measure_rankers(methods: Sequence[Method[MovieRanker]], measuring: Measuring) -> list[RankingRow | Failed]:
    """One row for each method, in their order; chosen by validation NDCG@10. One that fails says why."""
    choosing = measuring.choosing(sum(method.fits for method in methods))
    return [_or_failed(method, lambda it: _rankings(choosing, it, measuring)) for method in methods]


def mse_above_best(rows: Sequence[ErrorRow], seed: int) -> list[Estimate]:
    """How far each MSE is above the least, the same users drawn for both; 0 for the best itself."""
    best = min(rows, key=lambda row: row.mse.value).errors
    return [difference_of(row.errors.squared, best.squared, best.counts, seed) for row in rows]


def ndcg_below_best(rows: Sequence[RankingRow], seed: int) -> list[Estimate]:
    """How far each NDCG@10 is below the greatest, the same users drawn for both; 0 for the best itself."""
    best = max(rows, key=lambda row: row.ndcg.value).rankings.ndcg
    return [difference_of(best, row.rankings.ndcg, np.ones(len(best)), seed) for row in rows]


def _or_failed(method: Method[Fitted], measure: Callable[[Method[Fitted]], Row]) -> Row | Failed:
    """A method's row; fitted arrays are let go of before the next method is fitted."""
    try:
        return measure(method)
    except RatingsError as err:
        return Failed(method.name, str(err))
    except MemoryError:
        return Failed(method.name, "not enough memory for so many ratings")


def _errors(choosing: Choosing, method: Method[RatingPredictor], measuring: Measuring) -> ErrorRow:
    chosen = choosing.chosen(method, lambda fitted, split: star_errors(fitted, split.test).mse)
    errors, seed = star_errors(chosen.fitted, measuring.split.test), measuring.seed
    mse = ratio_of(errors.squared, errors.counts, seed)
    return ErrorRow(
        method=chosen.method,
        setting=chosen.setting,
        tried=chosen.tried,
        errors=errors,
        mse=mse,
        rmse=mse.root(),
        mae=ratio_of(errors.absolute, errors.counts, seed),
        seconds=chosen.seconds,
        choosing_seconds=chosen.choosing_seconds,
    )


def _rankings(choosing: Choosing, method: Method[MovieRanker], measuring: Measuring) -> RankingRow:
    chosen = choosing.chosen(method, lambda fitted, split: -float(rank_unseen(fitted, split).ndcg.mean()))
    rankings = rank_unseen(chosen.fitted, measuring.split)
    by_user = (rankings.ndcg, rankings.recall, rankings.reciprocal_rank, rankings.popularity)
    ndcg, recall, mrr, popularity = means_of(np.stack(by_user, axis=1), measuring.seed)
    return RankingRow(
        method=chosen.method,
        setting=chosen.setting,
        tried=chosen.tried,
        rankings=rankings,
        ndcg=ndcg,
        recall=recall,
        mrr=mrr,
        popularity=popularity,
        neighbours=_neighbours(method, chosen, measuring),
        seconds=chosen.seconds,
        choosing_seconds=chosen.choosing_seconds,
    )


def _neighbours(
    method: Method[MovieRanker], chosen: Chosen[MovieRanker], measuring: Measuring
) -> NeighbourQuality | None:
    if method.vectors is None or measuring.genres is None:
        return None
    n_ratings = measuring.split.train.n_ratings
    asked = most_rated(n_ratings)
    lists = nearest(method.vectors(chosen.fitted), asked, debias=method.debias)
    return neighbour_quality(asked, lists, measuring.genres, n_ratings)
