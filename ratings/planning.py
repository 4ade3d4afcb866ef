"""Which rating vectors to fit: what memory has room for, and why."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ratings.matrix import RatingsMatrix
from ratings.partial import MOVIE_PAIR_BYTES, bytes_by, cheaper_side

VectorMethod = Literal["ease", "als", "sgd"]
METHODS: tuple[VectorMethod, ...] = get_args(VectorMethod)
MEMORY_SHARE = 0.5  # of what is free: the rest is for the factors and for others on the machine
RATING_BYTES = 72  # both channels of a rating, float64 and an index each, and two copies of them on the way
LEAST_HELD = 0.8  # share of the ratings that the fitted movies must hold; the others rest on them
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class VectorPlan:
    """What will be fitted.

    Attributes:
        method: ease, als or sgd. fitted: movies fitted themselves; None for all. why: one line for people.
    """

    method: VectorMethod
    fitted: int | None
    why: str


def plan_vectors(matrix: RatingsMatrix, free_bytes: int, asked: VectorMethod | None = None) -> VectorPlan:
    """EASE as far as memory goes, unless something else is asked for.

    All movies by the cheaper side where that fits into half of the free memory; else the most-rated movies, the others
    folded in; where those would hold less than 80 % of the ratings, implicit ALS.

    Args:
        free_bytes: memory free now. asked: the method that somebody wants, None for the best.
    """
    if asked in ("als", "sgd"):
        return VectorPlan(asked, None, f"{asked} was asked for")
    room = MEMORY_SHARE * free_bytes - RATING_BYTES * len(matrix)
    rows, movies = 2 * len(matrix.user_ids), len(matrix.movie_ids)  # a row of X for each user and channel
    cheaper = cheaper_side(rows, movies)
    needed = bytes_by(cheaper, rows, movies)
    side = f"{cheaper}, {needed / GIB:.2f} GiB of {max(room, 0) / GIB:.1f} GiB"
    if needed <= room:
        return VectorPlan("ease", None, f"EASE of all {movies:,} rated movies: it fits, by {side}")
    most = int(np.sqrt(max(room, 0) / MOVIE_PAIR_BYTES))
    held = _share_held(matrix.n_ratings, most)
    if held >= LEAST_HELD or (asked == "ease" and most > 0):
        what = f"EASE of the {most:,} most-rated movies ({held:.0%} of the ratings), {movies - most:,} folded in"
        return VectorPlan("ease", most, f"{what}: all would take {side}")
    why = f"implicit ALS: EASE of all {movies:,} movies would take {side}, and the {most:,} most-rated that fit hold"
    return VectorPlan("als", None, f"{why} only {held:.0%} of the ratings")


def _share_held(n_ratings: NDArray[np.int64], most: int) -> float:
    """Share of all ratings that the most-rated movies hold, in [0, 1]."""
    total = int(n_ratings.sum())
    return float(np.sort(n_ratings)[::-1][:most].sum() / total) if total else 0.0
