"""`/users/ID/recommendations` and `/predict`: what a user would like, as far as his ratings say."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from api.answers import notices
from api.errors import problem_responses
from api.fields import Debias, K, MinRatings, MovieId, UserId
from api.histories import History
from api.neighbours import DIGITS
from api.predicting import predict
from api.recommending import MIN_RATINGS, RankedBy, Wanted, recommended
from api.refusals import NoRatingsOf
from api.services import catalog, services, snapshot
from api.user_answers import PredictionAnswer, RecommendationsAnswer
from ratings.tastes import RECOMMEND_DEBIAS

routes = APIBlueprint(
    "users", __name__, abp_tags=[Tag(name="users")], abp_responses=problem_responses(400, 404, 409, 500, 503)
)


class UserPath(BaseModel):
    """One user."""

    user_id: UserId


class RecommendationsQuery(BaseModel, extra="forbid"):
    """How many, ranked how."""

    k: K = 10
    by: RankedBy = Field(
        default="affinity", description="affinity: what the user is drawn to. rating: the stars expected."
    )
    debias: Debias | None = Field(
        default=None,
        description=f"With by=affinity: 0 favours what many people like, 1 what few do. Default {RECOMMEND_DEBIAS:g}.",
    )
    min_ratings: MinRatings | None = Field(
        default=None,
        description=f"Leaves out movies with fewer. Default {MIN_RATINGS['rating']} with by=rating, else 0.",
    )

    @field_validator("debias")
    @classmethod
    def _of_affinity(cls, debias: float | None, info: ValidationInfo) -> float | None:
        if debias is not None and info.data.get("by") == "rating":
            raise ValueError("goes with by=affinity only: expected stars know no debias")
        return debias


class PredictQuery(BaseModel, extra="forbid"):
    """Which user and which movie."""

    user_id: UserId
    movie_id: MovieId


@routes.get("/users/<user_id>/recommendations", responses={200: RecommendationsAnswer})
def recommendations(path: UserPath, query: RecommendationsQuery) -> dict[str, Any]:
    """Movies for a user, best first, without those he rated; each with the movies that speak most for it."""
    history = known_history(path.user_id)
    debias = RECOMMEND_DEBIAS if query.debias is None else query.debias
    here = snapshot()
    items = recommended(catalog(), here, history, Wanted(query.k, query.by, debias, query.min_ratings))
    answer = RecommendationsAnswer(
        user_id=path.user_id,
        by=query.by,
        known_ratings=len(history),
        index_version=here.generation,
        items=items,
        notices=notices(items),
    )
    return answer.model_dump(mode="json")


@routes.get("/predict", responses={200: PredictionAnswer})
def prediction(query: PredictQuery) -> dict[str, Any]:
    """The stars that a user is expected to give a movie; `basis` says what they are made from."""
    catalog().movies.get(query.movie_id)  # an unknown movie is unknown even before the first snapshot
    history = known_history(query.user_id)
    here = snapshot()
    expected = predict(here, history, query.movie_id)
    answer = PredictionAnswer(
        user_id=query.user_id,
        movie_id=query.movie_id,
        predicted_rating=round(expected.stars, DIGITS),
        known_ratings=expected.known_ratings,
        basis=expected.basis,
        rating=history.stars_of(query.movie_id),
        index_version=here.generation,
    )
    return answer.model_dump(mode="json")


def known_history(user_id: int) -> History:
    """What a user rated.

    Raises:
        NoRatingsOf: nothing.
    """
    history = services().histories.of(user_id)
    if not len(history):
        raise NoRatingsOf(user_id)
    return history
