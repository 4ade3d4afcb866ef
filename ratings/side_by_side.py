"""What each method recommends, side by side: neighbours of single movies, and lists for users beside the error.

"A good MSE can recommend nonsense" is the article's complaint; here are the lists to see it by, and the numbers.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ratings.als import AlsOptions, fit_als
from ratings.biases import fit_biases
from ratings.ease import EaseOptions, fit_ease
from ratings.matrix import RatingsMatrix
from ratings.methods import MovieRanker, RatingPredictor
from ratings.metrics import star_errors
from ratings.neighbourly import most_rated, nearest, neighbour_quality
from ratings.popularity import fit_popularity
from ratings.ranking import rank_unseen
from ratings.raw_cosine import RawCosine
from ratings.reproducing import Effort, Progress, finished
from ratings.sgd import FactorOptions, fit_sgd
from ratings.splits import Split, share_per_user
from ratings.tastes import SIMILAR_DEBIAS, TASTE_POWER
from ratings.vectors import TasteRanker, supported

LISTED = 6  # neighbours of a movie that are shown
HELD_OUT_SHARE = 0.2  # of each user, where lists are measured: performance.md section 5
COSINE = 1.0  # a debias of 1 ranks as the cosine
FITS = 4  # ways to make vectors: raw, SGD, ALS, EASE


@dataclass(frozen=True, slots=True)
class Way:
    """A way to find neighbours: by `q . v_i / |v_i|^debias` over these vectors, float32 (n_movies, d)."""

    name: str
    rows: NDArray[np.float32]
    debias: float


@dataclass(frozen=True, slots=True)
class NeighbourList:
    """The nearest movies of one movie by one way: MovieLens ids, best first."""

    way: str
    debias: float
    movie_id: int
    neighbours: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WayQuality:
    """Ten neighbours of each of the 3,000 most-rated movies; see `ratings.neighbourly.NeighbourQuality`.

    `genre_jaccard` is None where no genres are known.
    """

    way: str
    debias: float
    genre_jaccard: float | None
    median_ratings: float
    different: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """How one method does on both counts, on one split.

    Attributes:
        mse: of predicted stars, in stars squared; None for a method that predicts none.
        ndcg: mean NDCG@10 over the users. popularity: training ratings of a movie shown in a first ten, on average.
        different: movies in all first tens.
    """

    name: str
    mse: float | None
    ndcg: float
    popularity: float
    different: int


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Lists, their quality, and both counts; `n_ratings` are the ratings of every movie listed, by id."""

    lists: tuple[NeighbourList, ...]
    qualities: tuple[WayQuality, ...]
    ranked: tuple[Ranked, ...]
    n_ratings: dict[int, int]


def steps() -> int:
    """How many steps `compare` tells its progress about."""
    return 2 * FITS + 1


def compare(
    matrix: RatingsMatrix,
    asked: Sequence[int],
    genres: Sequence[Set[str]],
    effort: Effort,
    progress: Progress,
) -> SideBySide:
    """Neighbours from all ratings, both counts from a split of the first seed; two fits of EASE are most of the time.

    Args:
        asked: MovieLens ids whose neighbours are shown; those without ratings are left out.
        genres: of each movie column, empty where they are unknown.

    Raises:
        NothingToFit: too few ratings. KeyboardInterrupt: a fit was stopped by hand.
    """
    told = _Told(progress)
    ways = _ways(matrix, effort, told)
    rated = [movie_id for movie_id in asked if movie_id in set(matrix.movie_ids.tolist())]
    lists = tuple(neighbours_of(matrix, way, movie_id) for movie_id in rated for way in ways)
    told.step("genres of neighbours")
    qualities = tuple(_quality(matrix, way, genres) for way in ways)
    split = share_per_user(matrix, HELD_OUT_SHARE, effort.seeds[0])
    ranked = _both_counts(split, effort, told)
    shown = {movie_id for it in lists for movie_id in (it.movie_id, *it.neighbours)}
    counts = dict(zip(matrix.movie_ids.tolist(), matrix.n_ratings.tolist(), strict=True))
    return SideBySide(lists, qualities, ranked, {movie_id: counts[movie_id] for movie_id in sorted(shown)})


def neighbours_of(matrix: RatingsMatrix, way: Way, movie_id: int, k: int = LISTED) -> NeighbourList:
    """The k nearest of a movie, fewer where fewer have vectors.

    Raises:
        UnratedMovie: it has no ratings here.
    """
    column = np.array([matrix.row_of_movie(movie_id)], np.int32)
    found = nearest(way.rows, column, k, way.debias)[0]
    return NeighbourList(way.name, way.debias, movie_id, tuple(matrix.movie_ids[found[found >= 0]].tolist()))


class _Told:
    def __init__(self, progress: Progress) -> None:
        self._progress, self._done = progress, 0

    def step(self, what: str) -> None:
        self._progress(what, self._done, steps())
        self._done += 1


def _ways(matrix: RatingsMatrix, effort: Effort, told: _Told) -> list[Way]:
    told.step("neighbours by raw ratings")
    ways = [Way("raw", RawCosine(matrix).rows, COSINE)]
    told.step("neighbours by SGD factors")
    ways.append(Way("sgd_article", finished(fit_sgd(matrix, effort.article)).factors.item_factors, COSINE))
    told.step("neighbours by implicit ALS")
    ways.append(Way("als", fit_als(matrix, AlsOptions()).item_factors, COSINE))
    told.step("neighbours by EASE")
    ease = fit_ease(matrix, EaseOptions(dimensions=effort.dimensions))
    return [*ways, Way("ease", ease, 0.0), Way("ease", ease, SIMILAR_DEBIAS)]


def _quality(matrix: RatingsMatrix, way: Way, genres: Sequence[Set[str]]) -> WayQuality:
    asked = most_rated(matrix.n_ratings)
    found = neighbour_quality(asked, nearest(way.rows, asked, debias=way.debias), genres, matrix.n_ratings)
    jaccard = found.mean_jaccard if len(found.jaccard) else None
    return WayQuality(way.name, way.debias, jaccard, found.median_ratings, found.different)


def _both_counts(split: Split, effort: Effort, told: _Told) -> tuple[Ranked, ...]:
    """Error and lists of every method on this split."""
    train = split.train
    told.step("lists by habits and raw ratings")
    popularity, biases = fit_popularity(train), fit_biases(train)
    habits = [_ranked("popularity", split, popularity), _ranked("biases", split, _ByBias(biases.item_biases), biases)]
    raw = _ranked("raw", split, RawCosine(train))
    told.step("lists by SGD factors")
    factors = [
        it
        for name, options in (("sgd_article", effort.article), ("sgd_ours", effort.ours))
        for it in _by_factors(name, split, options)
    ]
    told.step("lists by implicit ALS")
    als = _ranked("als", split, fit_als(train, AlsOptions()))
    told.step("lists by EASE")
    ease = fit_ease(train, EaseOptions(dimensions=effort.dimensions))
    return (*habits, *factors, raw, als, _ranked("ease", split, TasteRanker(ease, train, TASTE_POWER)))


@dataclass(frozen=True, slots=True)
class _ByBias:
    """Ranks by what movies get more than the mean, the same for everybody."""

    item_biases: NDArray[np.float32]

    def scores(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.tile(self.item_biases, (len(rows), 1))


def _by_factors(name: str, split: Split, options: FactorOptions) -> tuple[Ranked, Ranked]:
    """By the stars that the factors predict, and by the article's cosine of the movies' factors."""
    factors = finished(fit_sgd(split.train, options)).factors
    unit = supported(factors.item_factors, split.train.n_ratings, half_support=0)
    cosine = TasteRanker(unit, split.train, TASTE_POWER)
    return _ranked(name, split, factors, factors), _ranked(f"{name}_cosine", split, cosine, factors)


def _ranked(name: str, split: Split, ranker: MovieRanker, predictor: RatingPredictor | None = None) -> Ranked:
    found = rank_unseen(ranker, split)
    mse = None if predictor is None else star_errors(predictor, split.test).mse
    return Ranked(name, mse, float(found.ndcg.mean()), float(found.popularity.mean()), found.coverage)
