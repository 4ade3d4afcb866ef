"""`POST /ratings`: what people think of movies; it counts at the next question, and in the next training."""

import logging
import time
from typing import Annotated, Any

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Discriminator, Field, RootModel
from pydantic import Tag as Form

from api.errors import problem_responses
from api.fields import JsonId, JsonMoment, Stars
from api.services import catalog
from api.user_answers import RatingsAnswer
from catalog.rating_rows import GivenRating

MAX_RATINGS = 500  # of one request; reliability.md section 10

log = logging.getLogger(__name__)

routes = APIBlueprint("ratings", __name__, abp_tags=[Tag(name="users")], abp_responses=problem_responses(400, 500, 503))


class RatingGiven(BaseModel, extra="forbid"):
    """What one user thinks of one movie; the latest of a user and a movie counts."""

    user_id: JsonId
    movie_id: JsonId
    rating: Stars
    rated_at: JsonMoment | None = Field(default=None, description="By default now; of equal times the one sent later.")


def _form(body: Any) -> str | None:
    return "object" if isinstance(body, dict | RatingGiven) else "array" if isinstance(body, list) else None


class RatingsGiven(RootModel[Any]):
    """One rating or a list of 1 to 500; all are taken or none."""

    model_config = ConfigDict(json_schema_extra={"example": {"user_id": 7, "movie_id": 6, "rating": 4.5}})
    root: Annotated[
        Annotated[RatingGiven, Form("object")]
        | Annotated[list[RatingGiven], Field(min_length=1, max_length=MAX_RATINGS), Form("array")],
        Discriminator(_form, custom_error_type="form", custom_error_message="must be a rating or a list of ratings"),
    ]


@routes.post("/ratings", responses={200: RatingsAnswer, **problem_responses(404, 413, 415)})
def rate(body: RatingsGiven) -> dict[str, Any]:
    """Take ratings in; predictions and recommendations follow at once, without training."""
    given = body.root if isinstance(body.root, list) else [body.root]
    now = int(time.time())
    taken = catalog().ratings.give([_given(rating, now) for rating in given])
    log.info("ratings taken in: %d of %d", taken.accepted, len(given))
    answer = RatingsAnswer(
        accepted=taken.accepted, replaced=taken.replaced, duplicates=taken.duplicates, outdated=taken.outdated
    )
    return answer.model_dump(mode="json")


def _given(rating: RatingGiven, now: int) -> GivenRating:
    rated_at = now if rating.rated_at is None else int(rating.rated_at.timestamp())
    return GivenRating(rating.user_id, rating.movie_id, float(rating.rating), rated_at)
