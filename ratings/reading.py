"""Reads `ratings.csv` in blocks: every row is used or counted under the reason it was rejected for."""

import gzip
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from ratings.columns import RatingColumns, latest_of_each_pair
from ratings.errors import BadFile, TooManyBadRows

REQUIRED = ("userId", "movieId", "rating")
TIMESTAMP = "timestamp"
BLOCK_BYTES = 8 << 20  # of text at once: about 300,000 rows, 60 MB of strings in memory
MAX_BAD_SHARE = 0.01  # reliability.md section 10
ID = r"^0*[1-9][0-9]{0,9}$"  # plain ASCII digits; the range is checked on the number
STARS = r"^[0-9]{1,2}(\.[0-9]{1,6})?$"  # a plain decimal: no sign, exponent, "inf" or "nan"
SECONDS = r"^[0-9]{1,12}$"
MAX_ID, MIN_STARS, MAX_STARS = 2**31 - 1, 0.5, 5.0

Progress = Callable[[int, int], None]  # bytes read, bytes in all


class RejectedBecause(StrEnum):
    """Why a row was not used."""

    WRONG_COLUMNS = "wrong_columns"
    BAD_ID = "bad_id"
    BAD_RATING = "bad_rating"
    BAD_TIMESTAMP = "bad_timestamp"
    UNKNOWN_MOVIE = "unknown_movie"
    SUPERSEDED = "superseded"  # the same user rated the same movie later


HARMLESS = (RejectedBecause.UNKNOWN_MOVIE, RejectedBecause.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class ReadingReport:
    """What became of the rows: `rows == used + sum(rejected.values())`; one example per reason, with its line."""

    path: str
    rows: int
    used: int
    rejected: Mapping[str, int]
    examples: Mapping[str, str]


@dataclass(slots=True)
class _Tally:
    rows: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def reject(self, why: RejectedBecause, count: int, example: str) -> None:
        if count:
            self.rejected[why] += count
            self.examples.setdefault(why, example)


def read_ratings_csv(
    path: Path, known_movie_ids: NDArray[np.int64], progress: Progress | None = None
) -> tuple[RatingColumns, ReadingReport]:
    """The ratings of a MovieLens file, the latest of each pair, sorted by user and movie.

    Plain or `.gz`, UTF-8 with or without a byte order mark, any line ends; the timestamp may be missing (0).

    Args:
        known_movie_ids: int64, sorted: ratings of other movies are counted and left out.

    Raises:
        BadFile: missing, empty, not UTF-8, or another kind of file. TooManyBadRows: more than 1 % of it is broken.
    """
    tally, parts = _Tally(), []
    for batch, first_line in _batches(path, tally, progress):
        parts.append(_checked(batch, first_line, known_movie_ids, tally))
    if tally.rows == 0:
        raise BadFile(path, "it has no rows")
    _refuse_if_too_bad(path, tally)
    columns, superseded = latest_of_each_pair(_joined(parts))
    tally.reject(RejectedBecause.SUPERSEDED, superseded, "a later rating of the same movie by the same user counts")
    return columns, ReadingReport(str(path), tally.rows, len(columns), dict(tally.rejected), tally.examples)


def _batches(path: Path, tally: _Tally, progress: Progress | None) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Blocks of rows as strings, each with the line number of its first row."""
    skipped: list[int] = []

    def wrong_columns(row: Any) -> str:
        line = f"line {row.number}: " if row.number else ""
        tally.reject(
            RejectedBecause.WRONG_COLUMNS, 1, f"{line}{row.actual_columns} columns, wanted {row.expected_columns}"
        )
        skipped.append(1)
        return "skip"

    try:
        names = _header(path)
        with _open(path, progress) as stream:
            reader = csv.open_csv(
                stream,
                read_options=csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
                parse_options=csv.ParseOptions(invalid_row_handler=wrong_columns),
                convert_options=csv.ConvertOptions(
                    column_types={name: pa.string() for name in names}, strings_can_be_null=False, include_columns=names
                ),
            )
            line = 2
            for batch in reader:
                yield batch, line
                tally.rows += batch.num_rows
                line += batch.num_rows + len(skipped)
                skipped.clear()
    except FileNotFoundError as err:
        raise BadFile(path, "the file is missing") from err
    except (UnicodeDecodeError, pa.ArrowInvalid, pa.ArrowKeyError) as err:
        raise BadFile(path, f"not a readable CSV file: {str(err).splitlines()[0][:200]}") from err
    except OSError as err:
        raise BadFile(path, f"cannot be read: {err.strerror or err}") from err
    tally.rows += tally.rejected[RejectedBecause.WRONG_COLUMNS]


def _header(path: Path) -> list[str]:
    """The wanted column names that the file has; checked before anything is read."""
    with _plain(path) as stream:
        line = stream.readline(4096)
    found = line.decode("utf-8-sig").strip().split(",")
    if not set(REQUIRED) <= set(found):
        raise BadFile(path, f"not a ratings file: its columns are {found[:6]}, wanted {[*REQUIRED, TIMESTAMP]}")
    return [*REQUIRED, *([TIMESTAMP] if TIMESTAMP in found else [])]


def _plain(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _open(path: Path, progress: Progress | None) -> Any:
    return _Counted(path, progress)


class _Counted:
    """A readable stream that tells how many bytes of the file were read."""

    def __init__(self, path: Path, progress: Progress | None) -> None:
        self._raw = path.open("rb")
        self._stream: BinaryIO = cast(BinaryIO, gzip.GzipFile(fileobj=self._raw)) if path.suffix == ".gz" else self._raw
        self._size, self._progress = path.stat().st_size, progress
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(size)
        if self._progress is not None:
            self._progress(self._raw.tell(), self._size)
        return content

    def close(self) -> None:
        self.closed = True
        self._raw.close()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return False

    def __enter__(self) -> "_Counted":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _checked(batch: pa.RecordBatch, line: int, known: NDArray[np.int64], tally: _Tally) -> RatingColumns:
    """The good rows of one block; the others are counted under the first thing that is wrong with them."""
    good = np.ones(batch.num_rows, dtype=bool)

    def keep(passes: NDArray[np.bool_], why: RejectedBecause, name: str) -> None:
        bad = np.flatnonzero(good & ~passes)
        if len(bad):
            cell = batch.column(name)[int(bad[0])].as_py()
            tally.reject(why, len(bad), f"line {line + int(bad[0])}: {name} {cell[:40]!r}")
            good[bad] = False

    users, movies = _ids(batch, "userId", keep), _ids(batch, "movieId", keep)
    stars = _numbers(batch, "rating", STARS, RejectedBecause.BAD_RATING, keep, pa.float64())
    keep((stars >= MIN_STARS) & (stars <= MAX_STARS), RejectedBecause.BAD_RATING, "rating")
    times = np.zeros(batch.num_rows, np.int64)
    if TIMESTAMP in batch.schema.names:
        times = _numbers(batch, TIMESTAMP, SECONDS, RejectedBecause.BAD_TIMESTAMP, keep, pa.int64())
    place = np.minimum(np.searchsorted(known, movies), max(len(known) - 1, 0))
    there = known[place] == movies if len(known) else np.zeros(batch.num_rows, dtype=bool)
    keep(there, RejectedBecause.UNKNOWN_MOVIE, "movieId")
    return RatingColumns(
        users[good].astype(np.int32), movies[good].astype(np.int32), stars[good].astype(np.float32), times[good]
    )


Keep = Callable[[NDArray[np.bool_], RejectedBecause, str], None]


def _ids(batch: pa.RecordBatch, name: str, keep: Keep) -> NDArray[np.int64]:
    ids = _numbers(batch, name, ID, RejectedBecause.BAD_ID, keep, pa.int64())
    keep((ids >= 1) & (ids <= MAX_ID), RejectedBecause.BAD_ID, name)
    return ids


def _numbers(
    batch: pa.RecordBatch, name: str, pattern: str, why: RejectedBecause, keep: Keep, kind: pa.DataType
) -> NDArray[Any]:
    """A column as numbers; a cell that does not look like one is rejected and comes out as 0."""
    cells = batch.column(name)
    looks_right = pc.match_substring_regex(cells, pattern)
    keep(looks_right.to_numpy(zero_copy_only=False), why, name)
    numbers: NDArray[Any] = pc.if_else(looks_right, cells, "0").cast(kind).to_numpy(zero_copy_only=False)
    return numbers


def _joined(parts: list[RatingColumns]) -> RatingColumns:
    return RatingColumns(
        np.concatenate([part.user_ids for part in parts]),
        np.concatenate([part.movie_ids for part in parts]),
        np.concatenate([part.ratings for part in parts]),
        np.concatenate([part.timestamps for part in parts]),
    )


def _refuse_if_too_bad(path: Path, tally: _Tally) -> None:
    bad = {why: count for why, count in tally.rejected.items() if why not in HARMLESS}
    if sum(bad.values()) > max(1.0, MAX_BAD_SHARE * tally.rows):
        raise TooManyBadRows(path, sum(bad.values()), tally.rows, tally.examples[next(iter(bad))])
