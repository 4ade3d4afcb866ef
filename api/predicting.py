"""Stars expected of a user, from the movies' side that a snapshot carries and nothing but his ratings."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from api.histories import History
from api.refusals import NoPredictions
from index.snapshot import Snapshot
from ratings.folding import ATTACHMENT, ItemSide

Basis = Literal["factors", "user_mean", "movie_mean", "mean"]


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a snapshot knows of the movies: their side of the model, and how many ratings each had, int64 (n,)."""

    side: ItemSide
    n_ratings: NDArray[np.int64]

    def rated_less_than(self, min_ratings: int) -> NDArray[np.int64]:
        """Ids of the movies that had fewer ratings."""
        return self.side.movie_ids[self.n_ratings < min_ratings]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is expected of one user and one movie.

    Attributes:
        stars: within the scale of the ratings trained on. known_ratings: the user's ratings that went into it.
        basis: factors - user and movie are known; user_mean - nobody had rated the movie, so the user's own bias on the
            mean; movie_mean - none of the user's movies is known, so the movie's bias on the mean; mean - neither.
    """

    stars: float
    known_ratings: int
    basis: Basis


def predictions_of(snapshot: Snapshot) -> Predictions | None:
    """What the snapshot carries for predictions, or None when it was published without."""
    arrays = snapshot.attached(ATTACHMENT)
    return None if arrays is None else Predictions(ItemSide.from_arrays(arrays), arrays["n_ratings"])


def demanded(predictions: Predictions | None, snapshot: Snapshot) -> Predictions:
    """The same where there are any.

    Raises:
        NoPredictions: there are none.
    """
    if predictions is None:
        raise NoPredictions(snapshot.generation, "predictions")
    return predictions


def predict(snapshot: Snapshot, history: History, movie_id: int) -> Prediction:
    """Stars that who has this history would give this movie.

    Raises:
        NoPredictions: the snapshot was published without them.
    """
    side = demanded(predictions_of(snapshot), snapshot).side
    user = side.fold_in(history.movie_ids, history.stars)
    expected = side.predict(user, np.array([movie_id], np.int64))
    return Prediction(float(expected.stars[0]), user.used, _basis(user.used > 0, bool(expected.known[0])))


def _basis(user_known: bool, movie_known: bool) -> Basis:
    if movie_known:
        return "factors" if user_known else "movie_mean"
    return "user_mean" if user_known else "mean"
