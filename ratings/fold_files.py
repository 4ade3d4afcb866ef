"""Reads ml-100k's own five folds, `u1.base` and `u1.test` to `u5`: user, movie, stars and seconds, tabs between."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from ratings.columns import RatingColumns, joined, latest_of_each_pair
from ratings.errors import BadFile
from ratings.matrix import RatingsMatrix
from ratings.reading import MAX_ID, MAX_STARS, MIN_STARS
from ratings.splits import Split, parted

FOLDS = 5
COLUMNS = {"user": pa.int64(), "movie": pa.int64(), "stars": pa.float64(), "seconds": pa.int64()}
WANTED = f"an unpacked ml-100k folder has u1.base, u1.test to u{FOLDS}.base, u{FOLDS}.test"


def fold_files(folder: Path) -> list[tuple[Path, Path]]:
    """Training and test file of each fold.

    Raises:
        BadFile: the folder or one of its files is not there.
    """
    if not folder.is_dir():
        raise BadFile(folder, f"there is no such folder; {WANTED}")
    pairs = [(folder / f"u{fold}.base", folder / f"u{fold}.test") for fold in range(1, FOLDS + 1)]
    for path in (path for pair in pairs for path in pair):
        if not path.is_file():
            raise BadFile(path, f"the file is missing; {WANTED}")
    return pairs


def read_fold(base: Path, test: Path) -> Split:
    """One fold; its rows and columns are the users and movies of both files together.

    Raises:
        BadFile: a file cannot be read, a line is not a rating, or a rating is there twice, in one file or in both.
    """
    learned, measured = _columns(base), _columns(test)
    whole = RatingsMatrix.from_columns(joined([learned, measured]))
    if both := len(learned) + len(measured) - len(whole):
        raise BadFile(test, f"{both:,} of its ratings are in {base.name} too; fetch both files again")
    rows, cols, _ = whole.triples()
    return parted(whole, np.isin(_pairs(whole.user_ids[rows], whole.movie_ids[cols]), _pairs_of(measured)))


def _columns(path: Path) -> RatingColumns:
    table = _table(path)
    user, movie, stars, seconds = (table.column(name).to_numpy() for name in COLUMNS)
    good = (np.minimum(user, movie) >= 1) & (np.maximum(user, movie) <= MAX_ID)
    good &= (stars >= MIN_STARS) & (stars <= MAX_STARS)  # not true of NaN either
    if not good.all():
        line = int(np.flatnonzero(~good)[0])
        found = f"user {user[line]}, movie {movie[line]}, {stars[line]:g} stars"
        raise BadFile(path, f"line {line + 1}: {found}; wanted ids from 1 and {MIN_STARS:g} to {MAX_STARS:g} stars")
    columns = RatingColumns(user.astype(np.int32), movie.astype(np.int32), stars.astype(np.float32), seconds)
    if doubles := len(columns) - len(latest_of_each_pair(columns)[0]):
        raise BadFile(path, f"{doubles:,} ratings are there twice; fetch the file again")
    return columns


def _table(path: Path) -> pa.Table:
    try:
        return pa_csv.read_csv(
            path,
            read_options=pa_csv.ReadOptions(column_names=list(COLUMNS), use_threads=False),
            parse_options=pa_csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(column_types=COLUMNS, null_values=[]),
        )
    except pa.ArrowInvalid as err:
        why = str(err).splitlines()[0][:200]
        raise BadFile(path, f"not lines of user, movie, stars and seconds with tabs between: {why}") from err
    except OSError as err:
        raise BadFile(path, f"cannot be read: {err.strerror or err}") from err


def _pairs(users: NDArray[np.int64], movies: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number for each pair of 32-bit ids."""
    return (users << 32) | movies


def _pairs_of(columns: RatingColumns) -> NDArray[np.int64]:
    return _pairs(columns.user_ids.astype(np.int64), columns.movie_ids.astype(np.int64))
