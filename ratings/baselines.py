"""The methods that any other has to beat, in the form in which methods are measured."""

from functools import partial

from ratings.biases import fit_biases
from ratings.choosing import Method, Setting
from ratings.methods import LIKED, MovieRanker, RatingPredictor
from ratings.popularity import fit_global_mean, fit_popularity

DAMPINGS = (5.0, 2.0, 10.0, 20.0)  # ratings; 5 is the one the literature has


def baseline_predictors() -> tuple[Method[RatingPredictor], ...]:
    """The global mean, and what movies and users get more or less than it."""
    dampings = tuple(
        Setting[RatingPredictor](f"damping {damping:g}", partial(fit_biases, damping=damping)) for damping in DAMPINGS
    )
    return Method("global mean", (Setting("", fit_global_mean),)), Method("biases", dampings)


def baseline_rankers() -> tuple[Method[MovieRanker], ...]:
    """The movies with most ratings, or with most ratings of four stars and more, for everybody."""
    counted = (
        Setting[MovieRanker]("all ratings", fit_popularity),
        Setting[MovieRanker]("ratings of 4 and more", partial(fit_popularity, least_stars=LIKED)),
    )
    return (Method("popularity", counted),)
