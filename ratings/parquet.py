"""The Parquet file of imported ratings: written and read in row groups, with what became of its source's rows."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ratings.columns import RatingColumns, filled, joined
from ratings.errors import BadFile

SCHEMA = pa.schema(
    [("user_id", pa.int32()), ("movie_id", pa.int32()), ("rating", pa.float32()), ("timestamp", pa.int64())]
)
ROWS_PER_GROUP = 1 << 20  # 20 MB of columns: read and written in pieces of that size
ABOUT = b"posterity"  # key of the file's metadata under which `about` is kept, as JSON


class RatingsWriter:
    """Takes ratings run by run and writes them in row groups of about a million; hold it in a `with`.

    Args:
        file: open for writing in binary; it is neither synced nor closed here.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._writer = pq.ParquetWriter(file, SCHEMA, compression="zstd", write_page_checksum=True)
        self._waiting: list[RatingColumns] = []

    def write(self, columns: RatingColumns) -> None:
        """Appends these ratings; their arrays must not change until the writer is closed."""
        self._waiting.append(columns)
        if sum(len(run) for run in self._waiting) >= ROWS_PER_GROUP:
            self._flush()

    def describe(self, about: dict[str, Any]) -> None:
        """Puts plain values into the file's metadata, for `about` to read."""
        self._writer.add_key_value_metadata({ABOUT: json.dumps(about).encode()})

    def _flush(self) -> None:
        if not self._waiting:
            return
        run = joined(self._waiting)
        self._waiting.clear()
        arrays = [pa.array(array) for array in (run.user_ids, run.movie_ids, run.ratings, run.timestamps)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), row_group_size=ROWS_PER_GROUP)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._waiting.clear()
        self._writer.close()


class RatingsFile:
    """A file that `RatingsWriter` wrote, open for reading; hold it in a `with`.

    Raises:
        BadFile: missing, damaged, or another kind of file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
        except FileNotFoundError as err:
            raise BadFile(path, "the file is missing; import the ratings again") from err
        except (pa.ArrowInvalid, OSError) as err:
            raise self._damaged(err) from err
        found = self._file.schema_arrow
        if found.remove_metadata() != SCHEMA:
            self._file.close()
            raise BadFile(path, f"its columns are {found.names}, wanted {SCHEMA.names}")
        self.rows: int = self._file.metadata.num_rows

    def about(self) -> dict[str, Any]:
        """What `RatingsWriter.describe` was given; empty where it was not called."""
        kept = self._file.metadata.metadata or {}
        about = json.loads(kept.get(ABOUT, b"{}"))
        return about if isinstance(about, dict) else {}

    def groups(self, users: tuple[int, int] | None = None) -> Iterator[RatingColumns]:
        """The row groups in order, only those that may hold users in [first, end) where these are given."""
        for group in range(self._file.num_row_groups):
            if users is None or self._may_hold(group, users):
                yield RatingColumns(*self._columns(group, SCHEMA.names))

    def movies_and_stars(self) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        """Movie ids and stars of each row group; the other columns are not read."""
        for group in range(self._file.num_row_groups):
            movie_ids, stars = self._columns(group, ["movie_id", "rating"])
            yield movie_ids, stars

    def _columns(self, group: int, names: list[str]) -> list[NDArray[Any]]:
        try:
            table = self._file.read_row_group(group, columns=names, use_threads=False)
        except (pa.ArrowInvalid, OSError) as err:
            raise self._damaged(err) from err
        if any(table.column(name).null_count for name in names):
            raise BadFile(self._path, "it has empty cells; import the ratings again")
        return [table.column(name).to_numpy() for name in names]

    def _may_hold(self, group: int, users: tuple[int, int]) -> bool:
        statistics = self._file.metadata.row_group(group).column(0).statistics
        if statistics is None or not statistics.has_min_max:
            return True
        return bool(statistics.min < users[1] and statistics.max >= users[0])

    def _damaged(self, err: Exception) -> BadFile:
        return BadFile(self._path, f"not a Parquet file of ratings: {str(err).splitlines()[0]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_parquet(path: Path) -> RatingColumns:
    """All ratings of a file; never more in memory than them and one row group.

    Raises:
        BadFile: missing, damaged, or another kind of file.
    """
    with RatingsFile(path) as file:
        return filled(file.rows, file.groups())


def counts_and_sums(path: Path, movie_ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Number of ratings and sum of stars of each of these movies: int64 and float64, each (n,).

    Args:
        movie_ids: int64, sorted; every movie of the file is among them.

    Raises:
        BadFile: missing, damaged, or another kind of file.
    """
    counts, sums = np.zeros(len(movie_ids), np.int64), np.zeros(len(movie_ids), np.float64)
    with RatingsFile(path) as file:
        for rated, stars in file.movies_and_stars():
            places = np.searchsorted(movie_ids, rated)
            counts += np.bincount(places, minlength=len(movie_ids))
            sums += np.bincount(places, weights=stars, minlength=len(movie_ids))
    return counts, sums
