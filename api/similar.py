"""`/similar`: the movies that look like one movie, or are liked like it."""

from typing import Any, Literal

from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from api.answers import By, SimilarAnswer, notices
from api.errors import problem_responses
from api.fields import Debias, K, MovieId
from api.neighbours import Question, similar_movies, usual_debias
from api.services import catalog, served, snapshot
from index.flat import Kind
from ratings.tastes import SIMILAR_DEBIAS

Generated = Literal["exclude", "only", "any"]
KINDS: dict[Generated | None, Kind] = {None: "same", "exclude": "real", "only": "generated", "any": "any"}

routes = APIBlueprint(
    "similar", __name__, abp_tags=[Tag(name="similar")], abp_responses=problem_responses(400, 404, 409, 500, 503)
)


class SimilarQuery(BaseModel, extra="forbid"):
    """Similar to what, in which way, how many."""

    movie_id: MovieId
    by: By = Field(default="poster", description="poster: looks alike. ratings: liked alike.")
    k: K = 10
    generated: Generated | None = Field(
        default=None, description="Title cards among the answers; by default cards answer cards and posters posters."
    )

    debias: Debias | None = Field(
        default=None,
        description=(
            "With by=ratings: 0 favours neighbours that many people rated, 1 those that few did. "
            f"Default {SIMILAR_DEBIAS:g}."
        ),
    )

    @field_validator("generated")
    @classmethod
    def _cards_are_posters(cls, generated: Generated | None, info: ValidationInfo) -> Generated | None:
        if info.data.get("by") == "ratings":
            raise ValueError("goes with by=poster only: ratings know no title cards")
        return generated

    @field_validator("debias")
    @classmethod
    def _of_ratings(cls, debias: float | None, info: ValidationInfo) -> float | None:
        if debias is not None and info.data.get("by") == "poster":
            raise ValueError("goes with by=ratings only: posters know no favourites")
        return debias


@routes.get("/similar", responses={200: SimilarAnswer})
def similar(query: SimilarQuery) -> dict[str, Any]:
    """The most similar movies, best first, without the movie itself."""
    if served() is None:
        catalog().movies.get(query.movie_id)  # an unknown movie is unknown even before the first snapshot
    here = snapshot()
    debias = usual_debias(query.by) if query.debias is None else query.debias
    question = Question(query.movie_id, query.by, query.k, KINDS[query.generated], debias)
    items = similar_movies(catalog(), here, question)
    answer = SimilarAnswer(
        movie_id=query.movie_id, by=query.by, index_version=here.generation, items=items, notices=notices(items)
    )
    return answer.model_dump(mode="json")
