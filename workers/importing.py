"""Import of a MovieLens folder: reads everything, then makes it true in one transaction."""

import hashlib
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.catalog import Catalog
from catalog.entries import FileReport
from catalog.movielens import find_file, read_movies
from catalog.ratings import RatingSet
from catalog.storing import Ratings, Stored, store_movies
from ratings.columns import ROW_BYTES, RatingColumns, joined
from ratings.errors import BadFile
from ratings.locking import import_lock
from ratings.parquet import counts_and_sums, read_parquet
from ratings.storing import remove_leftovers, report_of, store_ratings
from ratings.tally import ReadingReport
from workers.reporting import Report

SET_NAME = "movielens"
RATINGS_FOLDER = "ratings"
DELETED_HERE = "deleted_here"
NO_LINKS = "there is no links.csv: new movies have no IMDb and TMDB ids, known ones keep theirs"
NO_RATINGS = "there is no ratings.csv: only movies were imported, and the ratings known stay as they are"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: rows by file, movies by what became of them, and notes on files that were not there.

    `movies_deleted_here` are in the files, yet were deleted from this catalog and stay away.
    """

    files: tuple[FileReport, ...]
    movies_new: int
    movies_changed: int
    movies_unchanged: int
    movies_deleted_here: int
    ratings_changed: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _RatingsRead:
    """The Parquet file of a source; `changed` says that it is not the one the catalog names yet."""

    imported: RatingSet
    report: ReadingReport
    changed: bool


def _silent(_what: str, _done: int, _of: int) -> None:
    """For callers who do not want to know how far it is."""


def import_movielens(catalog: Catalog, folder: Path, report: Report = _silent) -> ImportReport:
    """Takes a MovieLens folder in; doing it again changes only what differs.

    The ratings are streamed into a Parquet file beside the old one, a few million rows in memory at a time. One
    transaction at the end makes movies and ratings true together: before it, a refusal, a full disk or a kill leaves
    everything as it was.

    Args:
        report: told how far the reading and the sorting are, both in bytes.

    Raises:
        catalog.errors.BadFile, ratings.errors.RatingsError: a file is missing, foreign or too broken, or another import
            is running; nothing changed.
    """
    files = read_movies(folder)
    known = np.array(sorted(movie.movie_id for movie in files.movies if movie.movie_id), dtype=np.int64)
    source = find_file(folder, "ratings.csv")
    parquet_folder = catalog.data_dir / RATINGS_FOLDER
    parquet_folder.mkdir(parents=True, exist_ok=True)
    with import_lock(parquet_folder):
        remove_leftovers(parquet_folder)
        before = {old.name: old for old in catalog.ratings.sets()}.get(SET_NAME)
        read = _read_ratings(catalog, source, known, before, report) if source else None
        ratings = _by_movie(catalog.data_dir / read.imported.file, known) if read else None
        with catalog.database.write() as connection:
            stored = store_movies(connection, files.movies, ratings, time.time(), keep_links=not files.has_links)
            if read and read.changed:
                catalog.ratings.replace(connection, read.imported)
        if before and read and before.file != read.imported.file:
            (catalog.data_dir / before.file).unlink(missing_ok=True)
    movies_report = _without_deleted(files.reports[0], stored)
    reports = [movies_report, *files.reports[1:], *([FileReport(**asdict(read.report))] if read else [])]
    return ImportReport(
        tuple(reports),
        stored.new,
        stored.changed,
        stored.unchanged,
        len(stored.deleted_here),
        read is not None and read.changed,
        _notes(folder, files.has_links),
    )


def load_ratings(catalog: Catalog) -> RatingColumns:
    """All ratings: the imported sets and the single ones given since, not yet reduced to the latest of each pair.

    A single set comes back as its file has it, sorted and without doubles, 20 bytes a rating.
    """
    imported = _imported(catalog)
    users, movies, stars, times = catalog.ratings.single()
    single = RatingColumns(users.astype(np.int32), movies.astype(np.int32), stars, times)
    return joined([*imported, single] if len(single) or not imported else imported)


def _imported(catalog: Catalog) -> list[RatingColumns]:
    """The imported sets; an import that replaces one meanwhile takes the file away that was about to be read."""
    sets = catalog.ratings.sets()
    try:
        return [read_parquet(catalog.data_dir / imported.file) for imported in sets]
    except BadFile:
        now = catalog.ratings.sets()
        if now == sets:
            raise
        return [read_parquet(catalog.data_dir / imported.file) for imported in now]


def _read_ratings(
    catalog: Catalog, source: Path, known: NDArray[np.int64], before: RatingSet | None, report: Report
) -> _RatingsRead:
    """The Parquet file of this source: the one that is there, where neither source nor known movies changed."""
    digest = _sha256(source)
    made_from = hashlib.sha256(digest.encode() + known.tobytes()).hexdigest()
    name = f"{RATINGS_FOLDER}/{SET_NAME}-{made_from[:16]}.parquet"
    path = catalog.data_dir / name
    if before is not None and (before.source_sha256, before.file) == (digest, name):
        try:
            return _RatingsRead(before, replace(report_of(path), path=str(source)), changed=False)
        except BadFile:
            pass  # gone or damaged: it is made again
    read = store_ratings(
        source,
        known,
        path,
        lambda done, of: report(f"reading {source.name}", done, of),
        lambda done, of: report("sorting ratings", done * ROW_BYTES, of * ROW_BYTES),
    )
    return _RatingsRead(RatingSet(SET_NAME, name, digest, read.used, time.time()), read, changed=True)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as err:
        raise BadFile(path, f"cannot be read: {err.strerror or err}") from err


def _by_movie(path: Path, movie_ids: NDArray[np.int64]) -> Ratings:
    """Number of ratings and mean in stars of every rated movie."""
    counts, sums = counts_and_sums(path, movie_ids)
    rated = counts > 0
    means = (sums[rated] / counts[rated]).round(4)
    numbers = zip(counts[rated].tolist(), means.tolist(), strict=True)
    return dict(zip(movie_ids[rated].tolist(), numbers, strict=True))


def _without_deleted(report: FileReport, stored: Stored) -> FileReport:
    """The report of movies.csv with the movies that were deleted here among the rejected rows."""
    if not stored.deleted_here:
        return report
    count, first = len(stored.deleted_here), stored.deleted_here[0]
    return replace(
        report,
        used=report.used - count,
        rejected={**report.rejected, DELETED_HERE: count},
        examples={**report.examples, DELETED_HERE: f"movie {first} was deleted here; POST /movies brings it back"},
    )


def _notes(folder: Path, has_links: bool) -> tuple[str, ...]:
    notes = [
        f"{name} was read, {name}.gz beside it was not"
        for name in ("movies.csv", "links.csv", "ratings.csv")
        if (folder / name).is_file() and (folder / f"{name}.gz").is_file()
    ]
    notes += [] if has_links else [NO_LINKS]
    notes += [] if find_file(folder, "ratings.csv") else [NO_RATINGS]
    return tuple(notes)
