"""What the routes about users and their ratings answer, once, for the JSON and the OpenAPI document."""

from typing import Literal

from pydantic import BaseModel, Field

from api.answers import NOTICES


class Because(BaseModel):
    """A movie that the user rated and that speaks for a recommendation."""

    movie_id: int
    title: str
    share: float = Field(description="Its part among all rated movies that speak for it, 0 to 1.")


class RecommendedMovie(BaseModel):
    """One recommendation."""

    movie_id: int
    title: str
    year: int | None
    genres: list[str]
    score: float = Field(
        description="What the list is ordered by: the affinity, or the stars expected before they are cut to the scale."
    )
    predicted_rating: float | None = Field(
        description="Stars expected, within the scale of the ratings; null where the snapshot has no predictions."
    )
    because: list[Because] = Field(description="Up to three rated movies that speak most for it, the strongest first.")
    poster_source: str | None
    poster_url: str | None
    attribution: str | None = Field(description="What has to be said where the poster is shown.")


class RecommendationsAnswer(BaseModel):
    """Movies for one user, best first, without those he rated."""

    user_id: int
    by: Literal["affinity", "rating"]
    known_ratings: int = Field(description="How many movies the user has rated.")
    index_version: int
    items: list[RecommendedMovie]
    notices: list[str] = Field(description=NOTICES)


class PredictionAnswer(BaseModel):
    """What one user is expected to give one movie."""

    user_id: int
    movie_id: int
    predicted_rating: float = Field(description="Stars, within the scale of the ratings that were trained on.")
    known_ratings: int = Field(description="The user's ratings that went into it: of movies the snapshot knows.")
    basis: Literal["factors", "user_mean", "movie_mean", "mean"] = Field(
        description=(
            "factors: user and movie are known. user_mean: nobody had rated the movie when the snapshot was made. "
            "movie_mean: none of the user's movies is known to the snapshot. mean: neither."
        )
    )
    rating: float | None = Field(description="What the user really gave it; null when he has not rated it.")
    index_version: int


class RatingsAnswer(BaseModel):
    """What became of the ratings sent; accepted, duplicates and outdated are all of them."""

    accepted: int = Field(description="They count from now on.")
    replaced: int = Field(
        description="Of the accepted, those that took the place of one sent here before; imported ones are not counted."
    )
    duplicates: int = Field(description="Gave way to a later one of the same user and movie in this request.")
    outdated: int = Field(description="Gave way to a later one that was sent here before, by their rated_at.")
