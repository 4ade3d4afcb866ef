"""The bundled ratings with titles and genres of their movies."""

import csv
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ratings.matrix import RatingsMatrix
from ratings.reading import read_ratings_csv

DATA = Path(__file__).resolve().parents[1] / "data" / "ml-latest-small"


@dataclass(frozen=True)
class Data:
    """Ratings; title and genres of each movie column."""

    matrix: RatingsMatrix
    titles: list[str]
    genres: list[Set[str]]


def bundled(folder: Path = DATA) -> Data:
    """MovieLens of October 2016, as it comes with the program."""
    with (folder / "movies.csv").open(encoding="utf-8", newline="") as file:
        movies = {int(row["movieId"]): row for row in csv.DictReader(file)}
    columns, _ = read_ratings_csv(folder / "ratings.csv", np.array(sorted(movies), np.int64))
    matrix = RatingsMatrix.from_columns(columns)
    rows = [movies[movie_id] for movie_id in matrix.movie_ids.tolist()]
    return Data(matrix, [row["title"] for row in rows], [_genres(row["genres"]) for row in rows])


def _genres(text: str) -> Set[str]:
    """None where MovieLens says "(no genres listed)": that is no genre that two movies could share."""
    return set() if text.startswith("(") else set(text.split("|"))
