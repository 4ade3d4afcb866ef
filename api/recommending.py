"""What to recommend to who has rated some movies: ranked, with the stars expected and the movies that speak for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from api.answers import poster_url
from api.histories import History
from api.neighbours import DIGITS
from api.predicting import Predictions, demanded, predictions_of
from api.refusals import NoPredictions, NoTaste
from api.user_answers import Because, RecommendedMovie
from catalog.catalog import Catalog
from catalog.entries import Movie
from index.errors import NoSuchSpace, ZeroVector
from index.filtering import Among
from index.flat import Neighbour
from index.snapshot import Snapshot
from index.space import Space
from ratings.folding import UserSide
from ratings.tastes import REASONS, RECOMMEND_DEBIAS, Reason, Taste

RankedBy = Literal["affinity", "rating"]
SHARE_DIGITS = 3
# A prediction for a movie of few ratings is little more than luck, and the luckiest would fill the list.
MIN_RATINGS: dict[RankedBy, int] = {"affinity": 0, "rating": 20}
SPARE = 3  # reasons found beside those shown: a rated movie may have left the catalog

Ranking = Callable[[int], Sequence[Neighbour]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many, ranked how: by affinity, less in favour of the well known with `debias`, or by the stars expected.

    `min_ratings` leaves out movies with fewer ratings; None is what `MIN_RATINGS` says.
    """

    k: int
    by: RankedBy = "affinity"
    debias: float = RECOMMEND_DEBIAS
    min_ratings: int | None = None

    @property
    def fewest(self) -> int:
        """The ratings that a movie must have."""
        return MIN_RATINGS[self.by] if self.min_ratings is None else self.min_ratings


@dataclass(frozen=True, slots=True)
class _Person:
    """One history against one snapshot. `taste` and `space` are None where the snapshot has no rating vectors."""

    history: History
    predictions: Predictions | None
    side: UserSide | None
    space: Space | None
    taste: Taste | None


def recommended(catalog: Catalog, snapshot: Snapshot, history: History, wanted: Wanted) -> list[RecommendedMovie]:
    """The best movies that are not in the history, best first; those that have left the catalog are left out.

    Raises:
        NoPredictions: the snapshot lacks what this ranking is made from. NoTaste: none of the rated movies is in it.
    """
    person = _person(snapshot, history)
    left_out = _left_out(person, snapshot, wanted.fewest)
    if wanted.by == "affinity":
        ranking = _by_affinity(person, snapshot, wanted.debias, left_out)
    else:
        ranking = _by_rating(demanded(person.predictions, snapshot), person, left_out)
    return _answers(catalog, person, _still_there(catalog, ranking, wanted.k))


def _person(snapshot: Snapshot, history: History) -> _Person:
    predictions = predictions_of(snapshot)
    side = None if predictions is None else predictions.side.fold_in(history.movie_ids, history.stars)
    try:
        space = snapshot.space("ratings")
    except NoSuchSpace:
        return _Person(history, predictions, side, None, None)
    found, vectors = space.vectors(history.movie_ids)
    return _Person(history, predictions, side, space, Taste(history.movie_ids[found], history.stars[found], vectors))


def _left_out(person: _Person, snapshot: Snapshot, fewest: int) -> NDArray[np.int64]:
    """Ids of the movies seen, and of those with too few ratings."""
    if fewest == 0:
        return person.history.movie_ids
    obscure = demanded(person.predictions, snapshot).rated_less_than(fewest)
    return np.union1d(person.history.movie_ids, obscure)


def _by_affinity(person: _Person, snapshot: Snapshot, debias: float, left_out: NDArray[np.int64]) -> Ranking:
    space, taste = person.space, person.taste
    if space is None or taste is None:
        raise NoPredictions(snapshot.generation, "rating vectors")
    question = taste.vector()

    def first(n: int) -> Sequence[Neighbour]:
        try:
            return space.search_vector(question, n, debias=debias, among=Among(exclude=left_out))
        except ZeroVector as err:  # no rated movie has a vector, or only movies that say nothing
            raise NoTaste(len(person.history), snapshot.generation) from err

    return first


def _by_rating(predictions: Predictions, person: _Person, left_out: NDArray[np.int64]) -> Ranking:
    """By the stars expected before they are clipped, so that the best do not tie; ties by movie_id."""
    ids = predictions.side.movie_ids
    stars = np.zeros(len(ids)) if person.side is None else predictions.side.drawn_to(person.side)
    open_to = np.flatnonzero(~np.isin(ids, left_out))
    order = open_to[np.argsort(-stars[open_to], kind="stable")]
    return lambda n: [Neighbour(int(ids[row]), float(stars[row])) for row in order[:n]]


def _still_there(catalog: Catalog, ranking: Ranking, k: int) -> list[tuple[Movie, float]]:
    """The first `k` of a ranking that are in the catalog, with their scores."""
    wanted = k
    while True:
        ranked = ranking(wanted)
        movies = {movie.movie_id: movie for movie in catalog.movies.many([near.movie_id for near in ranked])}
        found = [(movies[near.movie_id], near.score) for near in ranked if near.movie_id in movies]
        if len(found) >= k or len(ranked) < wanted:
            return found[:k]
        wanted *= 2  # some have been deleted; a snapshot without them is on its way, so this happens rarely


def _answers(catalog: Catalog, person: _Person, found: list[tuple[Movie, float]]) -> list[RecommendedMovie]:
    ids = np.array([movie.movie_id for movie, _ in found], np.int64)
    reasons = _reasons(person, ids)
    named = {reason.movie_id for of_one in reasons for reason in of_one}
    titles = {movie.movie_id: movie.title for movie in catalog.movies.many(sorted(named))}
    return [
        _answer(movie, score, stars, _because(of_one, titles))
        for (movie, score), stars, of_one in zip(found, _stars(person, ids), reasons, strict=True)
    ]


def _reasons(person: _Person, ids: NDArray[np.int64]) -> list[list[Reason]]:
    """For each movie the rated ones that speak for it; none for a movie without a rating vector."""
    if person.space is None or person.taste is None:
        return [[] for _ in ids]
    has, vectors = person.space.vectors(ids)
    found = iter(person.taste.because(vectors, REASONS + SPARE))
    return [next(found) if there else [] for there in has]


def _stars(person: _Person, ids: NDArray[np.int64]) -> list[float | None]:
    if person.predictions is None or person.side is None:
        return [None] * len(ids)
    expected = person.predictions.side.predict(person.side, ids)
    return [float(stars) for stars in expected.stars]


def _because(reasons: Sequence[Reason], titles: dict[int, str]) -> list[Because]:
    return [
        Because(movie_id=reason.movie_id, title=titles[reason.movie_id], share=round(reason.share, SHARE_DIGITS))
        for reason in reasons
        if reason.movie_id in titles
    ][:REASONS]


def _answer(movie: Movie, score: float, stars: float | None, because: list[Because]) -> RecommendedMovie:
    return RecommendedMovie(
        movie_id=movie.movie_id,
        title=movie.title,
        year=movie.year,
        genres=list(movie.genres),
        score=round(score, DIGITS),
        predicted_rating=None if stars is None else round(stars, SHARE_DIGITS),
        because=because,
        poster_source=movie.poster_source,
        poster_url=poster_url(movie),
        attribution=movie.poster_attribution,
    )
