"""Surprise's SVD and SVD++ on our splits: the accuracy that others would get, tuned as ours is."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from surprise import SVD, SVDpp, Trainset

from ratings.choosing import Method, Setting
from ratings.matrix import RatingsMatrix
from ratings.methods import RatingPredictor, scale_of


@dataclass(frozen=True)
class Fitted:
    """A model of Surprise as a rating predictor."""

    model: Any
    scale: tuple[float, float]

    def predict(self, rows: NDArray[np.int32], cols: NDArray[np.int32]) -> NDArray[np.float32]:
        """Stars, clipped to the scale as ours are: float32 (n,)."""
        stars = [self.model.estimate(user, movie) for user, movie in zip(rows.tolist(), cols.tolist(), strict=True)]
        return np.clip(stars, *self.scale).astype(np.float32)


def trainset(matrix: RatingsMatrix) -> Trainset:
    """The ratings as Surprise holds them; rows and columns are its inner ids."""
    by_user: dict[int, list[tuple[int, float]]] = defaultdict(list)
    by_movie: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for user, movie, stars in zip(*(column.tolist() for column in matrix.triples()), strict=True):
        by_user[user].append((movie, stars))
        by_movie[movie].append((user, stars))
    users, movies = range(len(matrix.user_ids)), range(len(matrix.movie_ids))
    same_users, same_movies = dict(zip(users, users, strict=True)), dict(zip(movies, movies, strict=True))
    scale = scale_of(matrix.user_items.data)
    return Trainset(by_user, by_movie, len(users), len(movies), len(matrix), scale, same_users, same_movies)


def methods(quick: bool) -> list[Method[RatingPredictor]]:
    """SVD over six settings and SVD++ over four, as many epochs as their papers and more; `quick` has one each."""
    svd = [_setting(SVD, k, epochs, 0.005, reg) for k, epochs, reg in SVD_SETTINGS]
    plus = [_setting(SVDpp, k, epochs, rate, reg) for k, epochs, rate, reg in SVDPP_SETTINGS]
    both = [Method("Surprise SVD", tuple(svd)), Method("Surprise SVD++", tuple(plus))]
    return [method.first() for method in both] if quick else both


# Factors, epochs and L2; the first is near Surprise's default, the others are what its users report as better.
SVD_SETTINGS = ((100, 20, 0.02), (100, 40, 0.05), (100, 60, 0.1), (40, 60, 0.1), (200, 60, 0.1), (100, 100, 0.1))
SVDPP_SETTINGS = ((20, 20, 0.007, 0.02), (20, 20, 0.007, 0.05), (20, 30, 0.007, 0.1), (40, 20, 0.007, 0.05))


def _setting(kind: Any, factors: int, epochs: int, rate: float, regularization: float) -> Setting[RatingPredictor]:
    def fit(train: RatingsMatrix) -> RatingPredictor:
        model = kind(n_factors=factors, n_epochs=epochs, lr_all=rate, reg_all=regularization, random_state=0)
        return Fitted(model.fit(trainset(train)), scale_of(train.user_items.data))

    return Setting(f"{factors} factors, {epochs} epochs, L2 {regularization:g}", fit)
