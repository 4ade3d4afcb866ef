"""`/similar`: the movies that look like one movie, or are liked like it."""

from typing import Literal

from flask import Flask, Response, current_app
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import Field, ValidationInfo, field_validator

from api.answers import By, SimilarAnswer, notices
from api.caching import kept_answer
from api.errors import problem_responses
from api.fields import (
    MAX_EXCLUDED,
    Debias,
    Flag,
    GenreName,
    K,
    MinRatings,
    MovieId,
    MovieIds,
    Year,
)
from api.neighbours import NONE_MATCH, Question, Seen, demand_genre, neighbours, usual_debias
from api.parameters import Parameters, reads_query
from api.services import catalog, served, snapshot, view
from api.shelf_view import Wish
from api.written import Writer
from catalog.catalog import Catalog
from index.flat import Kind
from ratings.tastes import SIMILAR_DEBIAS

Generated = Literal["exclude", "only", "any"]
KINDS: dict[Generated | None, Kind] = {None: "same", "exclude": "real", "only": "generated", "any": "any"}
WRITER = "posterity-writer"

routes = APIBlueprint(
    "similar", __name__, abp_tags=[Tag(name="similar")], abp_responses=problem_responses(400, 404, 409, 500, 503)
)


class SimilarQuery(Parameters):
    """Similar to what, in which way, how many, among which; the conditions hold together."""

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
    genre: GenreName | None = Field(default=None, description="Only movies of this genre, such as Comedy, in any case.")
    year_from: Year | None = Field(default=None, description="Only movies of this year or later.")
    year_to: Year | None = Field(default=None, description="Only movies of this year or before.")
    exclude: MovieIds | None = Field(
        default=None, description=f"Not these movies: up to {MAX_EXCLUDED} ids with commas between them."
    )
    min_ratings: MinRatings | None = Field(default=None, description="Only movies with so many ratings or more.")
    exact: Flag = Field(default=False, description="Look at every movie, however long it takes; the answer says so.")

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

    @field_validator("year_to")
    @classmethod
    def _not_before_the_first(cls, year_to: int | None, info: ValidationInfo) -> int | None:
        year_from = info.data.get("year_from")
        if year_to is not None and year_from is not None and year_to < year_from:
            raise ValueError(f"must not be before year_from, which is {year_from}")
        return year_to

    @property
    def question(self) -> Question:
        """The same as what the index is asked."""
        return Question(
            movie_id=self.movie_id,
            by=self.by,
            k=self.k,
            kind=KINDS[self.generated],
            debias=usual_debias(self.by) if self.debias is None else self.debias,
            wish=Wish(self.genre, self.year_from, self.year_to, self.min_ratings),
            exclude=self.exclude or (),
            exact=self.exact,
        )


@routes.get("/similar", responses={200: SimilarAnswer, 304: None})
@reads_query
def similar(query: SimilarQuery) -> Response:
    """The most similar movies, best first, without the movie itself.

    Filters are applied inside the search: the k asked for come back while so many movies match. The answer has a strong
    ETag; with If-None-Match it is 304 when nothing changed.
    """
    if served() is None:
        catalog().movies.get(query.movie_id)  # an unknown movie is unknown even before the first snapshot
    demand_genre(view().shelf, query.genre)  # what is wrong with a question is told before there is a snapshot
    return kept_answer(similar_body(query, Seen(snapshot(), view().shelf), catalog(), writer_of(current_app)))


def similar_body(query: SimilarQuery, seen: Seen, catalog: Catalog | None, writer: Writer) -> bytes:
    """The answer as JSON, in the order of `SimilarAnswer`.

    Raises:
        InvalidRequest: no movie has the genre asked for. UnknownMovie and others: as `neighbours`.
    """
    question = query.question
    demand_genre(seen.shelf, query.genre)
    found = neighbours(seen, catalog, question, lambda ids: writer.look(seen.shelf, ids))
    said = notices([written for written, _ in found])
    if question.filtered and not found:
        said.append(NONE_MATCH)
    items = ",".join([written.item(question.by, score) for written, score in found])
    return (
        f'{{"movie_id":{question.movie_id},"by":"{question.by}","index_version":{seen.snapshot.generation},'
        f'"exact":{"true" if question.exact else "false"},"items":[{items}],'
        f'"notices":{writer.dumps(said) if said else "[]"}}}\n'
    ).encode()


def writer_of(app: Flask) -> Writer:
    """The one that keeps what this app has written of movies."""
    writer: Writer | None = app.extensions.get(WRITER)
    if writer is None:
        writer = app.extensions.setdefault(WRITER, Writer(app.json))
    return writer
