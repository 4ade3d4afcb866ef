"""Ratings as columns, and their Parquet file."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ratings.errors import BadFile

SCHEMA = pa.schema(
    [("user_id", pa.int32()), ("movie_id", pa.int32()), ("rating", pa.float32()), ("timestamp", pa.int64())]
)
ROWS_PER_GROUP = 1 << 20  # 20 MB of columns: read and written in pieces of that size


@dataclass(frozen=True, slots=True)
class RatingColumns:
    """Ratings, one per position: int32, int32, float32 stars in [0.5, 5], int64 seconds since 1970; each (n,)."""

    user_ids: NDArray[np.int32]
    movie_ids: NDArray[np.int32]
    ratings: NDArray[np.float32]
    timestamps: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ratings)

    def take(self, positions: NDArray[np.int64]) -> "RatingColumns":
        """The ratings at these positions, in their order; a copy."""
        return RatingColumns(
            self.user_ids[positions], self.movie_ids[positions], self.ratings[positions], self.timestamps[positions]
        )


def latest_of_each_pair(columns: RatingColumns) -> tuple[RatingColumns, int]:
    """One rating per (user, movie), the latest, sorted by user and movie; and how many gave way.

    The later position wins where the times are equal.
    """
    order = np.lexsort((np.arange(len(columns)), columns.timestamps, columns.movie_ids, columns.user_ids))
    users, movies = columns.user_ids[order], columns.movie_ids[order]
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (users[1:] != users[:-1]) | (movies[1:] != movies[:-1])
    return columns.take(order[last]), int(len(order) - last.sum())


def write_parquet(columns: RatingColumns, path: Path) -> None:
    """Writes the file whole or not at all, synced to the disk.

    Raises:
        OSError: the disk is full or failing; an older file of this name stays.
    """
    arrays = [columns.user_ids, columns.movie_ids, columns.ratings, columns.timestamps]
    table = pa.Table.from_arrays([pa.array(array) for array in arrays], schema=SCHEMA)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            pq.write_table(table, file, row_group_size=ROWS_PER_GROUP, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_parquet(path: Path) -> RatingColumns:
    """The ratings of a file that `write_parquet` wrote.

    Raises:
        BadFile: missing, damaged, or another kind of file.
    """
    try:
        table = pq.read_table(path)
    except FileNotFoundError as err:
        raise BadFile(path, "the file is missing; import the ratings again") from err
    except (pa.ArrowInvalid, OSError) as err:
        raise BadFile(path, f"not a Parquet file of ratings: {str(err).splitlines()[0]}") from err
    if table.schema.remove_metadata() != SCHEMA:
        raise BadFile(path, f"its columns are {table.schema.names}, wanted {SCHEMA.names}")
    return RatingColumns(*(table.column(name).to_numpy() for name in SCHEMA.names))
