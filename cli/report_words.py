"""What the methods of `posterity reproduce` are called, for people."""

from dataclasses import dataclass

from ratings.side_by_side import SideBySide

WORDS = {
    "article_user": "User similarity, the article's formula",
    "article_movie": "Movie similarity, the article's formula",
    "article_user_different": "User similarity, ten different ratings held out",
    "article_user_all_movies": "User similarity, all rated movies",
    "article_user_raters": "User similarity, divided over raters only",
    "article_movie_raters": "Movie similarity, divided over raters only",
    "article_global_mean": "One constant: the mean of the training ratings",
    "article_biases": "Habits: mean + user's bias + movie's bias",
    "global_mean": "One constant: the mean",
    "biases": "Habits: mean + biases",
    "user_similarity": "Similar users, done right",
    "movie_similarity": "Similar movies, done right",
    "sgd_without_l2": "SGD, 40 factors, no L2",
    "sgd_article": "SGD, 40 factors, the article's way",
    "sgd_ours": "SGD, Posterity's settings",
    "popularity": "The most-rated movies",
    "raw": "Cosine of raw ratings",
    "als": "Implicit ALS",
    "ease": "EASE",
    "sgd_article_cosine": "Cosine of those factors (the article)",
    "sgd_ours_cosine": "Cosine of those factors",
}

WHY = {
    "article_user": "missing ratings count as 0 stars, and the sum of similarities runs over everybody",
    "article_movie": "the same with movies: most of a row is missing, so predictions are close to 0",
    "article_user_different": "the article draws with replacement; mending that changes little",
    "article_user_all_movies": "the article cuts at movie id 9000; without the cut it is worse",
    "article_user_raters": "the one change that matters: only those who rated count",
    "article_movie_raters": "the same change for movies",
    "article_global_mean": "nobody is compared with anybody",
    "article_biases": "nobody is compared with anybody; damped means",
}


@dataclass(frozen=True, slots=True)
class WayWords:
    """A way to find neighbours: its title, and one line that says how it works."""

    title: str
    how: str


def ways_of(found: SideBySide) -> dict[tuple[str, float], WayWords]:
    """Words for every way, by its name and debias, in the order of the lists."""
    return {(it.way, it.debias): _words(it.way, it.debias) for it in found.qualities}


def _words(way: str, debias: float) -> WayWords:
    if way == "ease":
        what = "Posterity's default" if debias else "plain affinity"
        return WayWords(f"EASE, debias {debias:g}", f"{what}: who predicts whom when all other movies are known")
    return {
        "raw": WayWords("Cosine of raw ratings", "columns of stars, missing ones as 0"),
        "sgd_article": WayWords("Cosine of SGD factors", "the article's way: 40 factors, unit length"),
        "als": WayWords("Cosine of implicit ALS", "64 factors that explain who rated what"),
    }[way]
