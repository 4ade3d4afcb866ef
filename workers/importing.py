"""Import of a MovieLens folder: reads everything, then makes it true in one transaction."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catalog.catalog import Catalog
from catalog.entries import FileReport
from catalog.movielens import read_movies
from catalog.movies import Ratings
from catalog.ratings import RatingSet
from ratings.columns import RatingColumns, read_parquet, write_parquet
from ratings.reading import read_ratings_csv

SET_NAME = "movielens"
RATINGS_FOLDER = "ratings"
Progress = Callable[[int, int], None]  # bytes read, bytes in all


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: rows by file, and how many movies are new or changed."""

    files: tuple[FileReport, ...]
    movies_changed: int
    ratings_changed: bool


def import_movielens(catalog: Catalog, folder: Path, progress: Progress | None = None) -> ImportReport:
    """Takes a MovieLens folder in; doing it again changes only what differs.

    Raises:
        catalog.errors.BadFile, ratings.errors.RatingsError: a file is missing, foreign or too broken; nothing changed.
    """
    movies, reports = read_movies(folder)
    known = np.array(sorted(movie.movie_id for movie in movies if movie.movie_id), dtype=np.int64)
    ratings_csv = folder / "ratings.csv"
    columns, reading = read_ratings_csv(ratings_csv, known, progress)
    new_set = _stored(catalog, columns, ratings_csv)
    before = {old.name: old for old in catalog.ratings.sets()}.get(SET_NAME)
    with catalog.database.write() as connection:
        changed = catalog.movies.store(connection, movies, _by_movie(columns), time.time())
        if before is None or before.source_sha256 != new_set.source_sha256:
            catalog.ratings.replace(connection, new_set)
    _drop_old_file(catalog, before, new_set)
    ratings_report = FileReport(
        str(ratings_csv),
        reading.rows,
        reading.used,
        {str(why): n for why, n in reading.rejected.items()},
        reading.examples,
    )
    same = before is not None and before.source_sha256 == new_set.source_sha256
    return ImportReport((*reports, ratings_report), changed, not same)


def load_ratings(catalog: Catalog) -> RatingColumns:
    """All ratings: the imported sets and the single ones given since, not yet reduced to the latest of each pair."""
    parts = [read_parquet(catalog.data_dir / imported.file) for imported in catalog.ratings.sets()]
    users, movies, stars, times = catalog.ratings.single()
    parts.append(RatingColumns(users.astype(np.int32), movies.astype(np.int32), stars, times))
    return RatingColumns(
        np.concatenate([part.user_ids for part in parts]),
        np.concatenate([part.movie_ids for part in parts]),
        np.concatenate([part.ratings for part in parts]),
        np.concatenate([part.timestamps for part in parts]),
    )


def _stored(catalog: Catalog, columns: RatingColumns, source: Path) -> RatingSet:
    """The Parquet file of these ratings, written beside the old one: the catalog row makes it the current one."""
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    name = f"{RATINGS_FOLDER}/{SET_NAME}-{digest[:16]}.parquet"
    path = catalog.data_dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(columns, path)
    return RatingSet(SET_NAME, name, digest, len(columns.ratings), time.time())


def _drop_old_file(catalog: Catalog, before: RatingSet | None, now: RatingSet) -> None:
    if before is not None and before.file != now.file:
        (catalog.data_dir / before.file).unlink(missing_ok=True)


def _by_movie(columns: RatingColumns) -> Ratings:
    """Number of ratings and mean in stars by movie."""
    movie_ids, rows, counts = np.unique(columns.movie_ids, return_inverse=True, return_counts=True)
    means = np.bincount(rows, weights=columns.ratings) / counts
    return {int(m): (int(n), round(float(mean), 4)) for m, n, mean in zip(movie_ids, counts, means, strict=True)}
