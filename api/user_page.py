"""`/app/users/ID`: what a user would like, with posters and why, beside what he rated best."""

from dataclasses import dataclass

import numpy as np
from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from api.answers import notices
from api.histories import History
from api.pages import NEIGHBOURS, number_in
from api.recommending import RankedBy, Wanted, recommended
from api.refusals import NoPredictions, NoRatingsOf, NoTaste
from api.services import catalog, served
from api.user_answers import RecommendedMovie
from api.users import known_history
from catalog.entries import Movie

LABELS: dict[RankedBy, str] = {"affinity": "You would like", "rating": "You would rate highest"}
NO_SNAPSHOT = "The first snapshot is still to come: it is published as soon as the ratings are trained."

routes = Blueprint("user_page", __name__)


@dataclass(frozen=True, slots=True)
class Recommendations:
    """One list of recommendations, or one line that says why there is none."""

    by: RankedBy
    label: str
    items: list[RecommendedMovie]
    missing: str = ""


@dataclass(frozen=True, slots=True)
class RatedMovie:
    """A movie and the stars that the user gave it."""

    movie: Movie
    stars: float

    @property
    def attribution(self) -> str | None:
        """What has to be said where its poster is shown."""
        return self.movie.poster_attribution


@routes.get("/app/users")
def chosen() -> Response:
    """Leads from the field of the start page to the page of the user named there."""
    return redirect(url_for("user_page.user", user_id=number_in(request.args.get("user_id", "").strip())))


@routes.get("/app/users/<user_id>")
def user(user_id: str) -> str:
    """One user: two rankings of what he has not rated, and the best of what he has."""
    number = number_in(user_id)
    if number == 0:
        raise NoRatingsOf(number)
    history = known_history(number)
    lists = [_recommendations(history, by) for by in LABELS]
    rated = _rated_best(history)
    return render_template(
        "user.html",
        user_id=number,
        n_ratings=len(history),
        mean=float(history.stars.mean(dtype=np.float64)),
        lists=lists,
        rated=rated,
        snapshot=served(),
        notices=notices([*(item for each in lists for item in each.items), *rated]),
    )


def _recommendations(history: History, by: RankedBy) -> Recommendations:
    snapshot = served()
    if snapshot is None:
        return Recommendations(by, LABELS[by], [], NO_SNAPSHOT)
    try:
        return Recommendations(by, LABELS[by], recommended(catalog(), snapshot, history, Wanted(NEIGHBOURS, by)))
    except (NoPredictions, NoTaste) as err:
        return Recommendations(by, LABELS[by], [], str(err))


def _rated_best(history: History) -> list[RatedMovie]:
    """The movies rated highest that are still in the catalog, by movie_id among equals."""
    best = np.argsort(-history.stars, kind="stable")[: 2 * NEIGHBOURS]
    stars = dict(zip(history.movie_ids[best].tolist(), history.stars[best].tolist(), strict=True))
    return [RatedMovie(movie, stars[movie.movie_id]) for movie in catalog().movies.many(list(stars))][:NEIGHBOURS]
