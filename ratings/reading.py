"""Reads `ratings.csv` in blocks: every row is used or counted under the reason it was rejected for."""

import csv
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from ratings.columns import RatingColumns, joined, latest_of_each_pair
from ratings.errors import BadFile
from ratings.tally import ReadingReport, RejectedBecause, Tally
from ratings.textfile import Progress, TextFile, written_lines

REQUIRED = ("userId", "movieId", "rating")
TIMESTAMP = "timestamp"
BLOCK_BYTES = 8 << 20  # of text at once: about 300,000 rows, 60 MB of strings in memory
ID = r"^0*[1-9][0-9]{0,9}$"  # plain ASCII digits; the range is checked on the number
STARS = r"^[0-9]{1,2}(\.[0-9]{1,6})?$"  # a plain decimal: no sign, exponent, "inf" or "nan"
SECONDS = r"^[0-9]{1,12}$"
MAX_ID, MIN_STARS, MAX_STARS = 2**31 - 1, 0.5, 5.0


def read_ratings_csv(
    path: Path, known_movie_ids: NDArray[np.int64], progress: Progress | None = None
) -> tuple[RatingColumns, ReadingReport]:
    """The ratings of a MovieLens file, the latest of each pair, sorted by user and movie; all of them in memory.

    Args:
        known_movie_ids: int64, sorted: ratings of other movies are counted and left out.

    Raises:
        BadFile, TooManyBadRows: see `rating_blocks`.
    """
    tally = Tally()
    columns, superseded = latest_of_each_pair(joined(list(rating_blocks(path, known_movie_ids, tally, progress))))
    tally.supersede(superseded)
    return columns, tally.report(path)


def rating_blocks(
    path: Path, known_movie_ids: NDArray[np.int64], tally: Tally, progress: Progress | None = None
) -> Iterator[RatingColumns]:
    """The good rows of a MovieLens file, block by block in file order; the tally is complete with the last one.

    Plain or `.gz`, UTF-8 with or without a byte order mark, any line ends; the timestamp may be missing (0). One block
    and its strings are in memory at a time, about 60 MB.

    Args:
        known_movie_ids: int64, sorted: ratings of other movies are counted and left out.

    Raises:
        BadFile: missing, empty, cut short, not UTF-8, or another kind of file. TooManyBadRows: more than 1 % of it is
            broken, which only its end can tell: what the blocks were used for is to be undone.
    """
    with _one_line_errors(path):
        for batch, lines in _batches(path, tally, progress):
            yield _checked(batch, lines, known_movie_ids, tally)
    tally.refuse_if_too_bad(path)


@contextmanager
def _one_line_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as err:
        raise BadFile(path, "the file is missing") from err
    except EOFError as err:
        raise BadFile(path, "the gzip file is cut short; fetch it again") from err
    except zlib.error as err:
        raise BadFile(path, f"the gzip file is damaged ({err}); fetch it again") from err
    except (UnicodeDecodeError, pa.ArrowInvalid, pa.ArrowKeyError, csv.Error) as err:
        raise BadFile(path, f"not a readable CSV file: {str(err).splitlines()[0][:200]}") from err
    except OSError as err:
        raise BadFile(path, f"cannot be read: {err.strerror or err}") from err


@dataclass(frozen=True, slots=True)
class _Lines:
    """Where the rows of a block stand in the file: the line of the first, and those between them that are no rows."""

    first: int
    skipped: Sequence[int]  # ascending

    def of(self, position: int) -> int:
        """Line of a row, as editors count them where no line is empty."""
        line = self.first + position
        for number in self.skipped:
            if number > line:
                break
            line += 1
        return line


def _batches(path: Path, tally: Tally, progress: Progress | None) -> Iterator[tuple[pa.RecordBatch, _Lines]]:
    """Blocks of rows as strings, each with the lines of its rows."""
    skipped: list[int] = []

    def wrong_columns(row: Any) -> str:
        line = f"line {row.number}: " if row.number else ""
        why = f"{line}{row.actual_columns} columns, wanted {row.expected_columns}"
        tally.reject(RejectedBecause.WRONG_COLUMNS, 1, why)
        skipped.append(row.number or 0)
        return "skip"

    names = _header(path)
    with TextFile(path, progress) as stream:
        reader = pa_csv.open_csv(
            stream,
            read_options=pa_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
            parse_options=pa_csv.ParseOptions(invalid_row_handler=wrong_columns),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=False, include_columns=names
            ),
        )
        lines = _Lines(2, skipped)
        for batch in reader:
            yield batch, lines
            tally.rows += batch.num_rows
            following = lines.of(batch.num_rows)
            skipped[:] = [number for number in skipped if number > following]  # what was read ahead
            lines = _Lines(following, skipped)
        tally.rows += tally.rejected[RejectedBecause.WRONG_COLUMNS]
        if stream.lines != tally.rows + 1:
            _count_swallowed(path, tally)


def _count_swallowed(path: Path, tally: Tally) -> None:
    """Lines that a quote took in which nobody closed: rows, though nobody can say of what."""
    swallowed = written_lines(path) - 1 - tally.rows
    if swallowed > 0:
        tally.rows += swallowed
        why = f"line unknown: {swallowed:,} lines stand within quotes; look for a quote that is not closed"
        tally.reject(RejectedBecause.WRONG_COLUMNS, swallowed, why)


def _header(path: Path) -> list[str]:
    """The wanted column names that the file has; checked before anything is read."""
    with TextFile(path) as stream:
        line = re.split("[\r\n]", stream.first_line().decode("utf-8-sig"), maxsplit=1)[0]
    found = next(csv.reader([line.strip()]), [])
    if not set(REQUIRED) <= set(found):
        raise BadFile(path, f"not a ratings file: its columns are {found[:6]}, wanted {[*REQUIRED, TIMESTAMP]}")
    if twice := [name for name in (*REQUIRED, TIMESTAMP) if found.count(name) > 1]:
        raise BadFile(path, f"not a ratings file: it has more than one column {twice[0]}")
    return [*REQUIRED, *([TIMESTAMP] if TIMESTAMP in found else [])]


def _checked(batch: pa.RecordBatch, lines: _Lines, known: NDArray[np.int64], tally: Tally) -> RatingColumns:
    """The good rows of one block; the others are counted under the first thing that is wrong with them."""
    good = np.ones(batch.num_rows, dtype=bool)

    def keep(passes: NDArray[np.bool_], why: RejectedBecause, name: str) -> None:
        bad = np.flatnonzero(good & ~passes)
        if len(bad):
            cell = batch.column(name)[int(bad[0])].as_py()
            tally.reject(why, len(bad), f"line {lines.of(int(bad[0]))}: {name} {cell[:40]!r}")
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
