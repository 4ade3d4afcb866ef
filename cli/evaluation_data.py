"""The ratings that are evaluated, and the genres of their movies."""

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catalog.catalog import Catalog
from catalog.movielens import find_file, read_movies
from cli.session import bundled_data, session
from config.loading import load_settings
from config.settings import Settings
from ratings.errors import BadFile
from ratings.matrix import RatingsMatrix
from ratings.reading import read_ratings_csv
from workers.importing import load_ratings


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """Ratings, the genres of each movie column (empty where none are known), and where they come from."""

    matrix: RatingsMatrix
    genres: list[Set[str]]
    source: str

    @property
    def words(self) -> str:
        """One line about them."""
        matrix = self.matrix
        counts = f"{len(matrix):,} ratings of {len(matrix.movie_ids):,} movies by {len(matrix.user_ids):,} users"
        return f"{counts} ({self.source})"


def evaluation_data(folder: Path | None) -> EvaluationData:
    """The ratings of this folder; else of the catalog, when it has some; else those that come with the program.

    Raises:
        CatalogError, ConfigError: the catalog cannot be opened. RatingsError: a file is missing or broken.
        click.UsageError: no folder was given, the catalog has no ratings, and this is not a clone.
    """
    if folder is None and _has_catalog(load_settings()):
        with session() as opened:
            if opened.catalog.ratings.count():
                return _of_catalog(opened.catalog)
    return _of_folder(bundled_data(folder))


def _of_catalog(catalog: Catalog) -> EvaluationData:
    matrix = RatingsMatrix.from_columns(load_ratings(catalog))
    movies = catalog.movies.many(matrix.movie_ids.tolist())
    return EvaluationData(matrix, _in_order(matrix, {movie.movie_id: set(movie.genres) for movie in movies}), "catalog")


def _of_folder(folder: Path) -> EvaluationData:
    genres = {movie.movie_id: set(movie.genres) for movie in read_movies(folder).movies if movie.movie_id is not None}
    source = find_file(folder, "ratings.csv")
    if source is None:
        raise BadFile(folder, "it has no ratings.csv, so there is nothing to evaluate")
    columns, _ = read_ratings_csv(source, np.array(sorted(genres), np.int64))
    matrix = RatingsMatrix.from_columns(columns)
    return EvaluationData(matrix, _in_order(matrix, genres), folder.name or str(folder))


def _in_order(matrix: RatingsMatrix, genres: dict[int, set[str]]) -> list[Set[str]]:
    return [genres.get(movie_id, set()) for movie_id in matrix.movie_ids.tolist()]


def _has_catalog(settings: Settings) -> bool:
    """Whether there may be ratings to look for; to measure is no reason to make a data folder."""
    return bool(settings.database_url) or settings.data_dir.exists()
