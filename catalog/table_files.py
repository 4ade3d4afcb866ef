"""Tables as Parquet files: the form that a backup keeps rows in, whatever database they come from or go to.

Numbers are int64 and float64, text is UTF-8, JSON is the text that the database holds; rows lie in the order of their
primary key. One run of rows is in memory at a time.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import JSON, Boolean, Column, Connection, Float, Integer, LargeBinary, Table, Text, cast, select

from catalog.errors import BadFile

ROWS_AT_ONCE = 1000  # 9 MB of the widest rows, which are vectors of 8.7 kB
MOST_BYTES_AT_ONCE = 256 << 20  # what a run may state before it is read: far over 1,000 rows, far below memory
_ARROW = ((JSON, pa.string()), (Boolean, pa.bool_()), (Float, pa.float64()), (Integer, pa.int64()))
_BYTES = (LargeBinary, pa.binary())


def write_table(connection: Connection, table: Table, path: Path) -> int:
    """Writes all rows of a table into a new file; returns how many.

    Raises:
        OSError: the disk is full or failing.
    """
    schema = pa.schema([(column.name, arrow_type(column)) for column in table.columns])
    selected = [cast(column, Text) if isinstance(column.type, JSON) else column for column in table.columns]
    query = select(*selected).order_by(*table.primary_key.columns)
    rows = connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE})
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
        for run in rows.partitions():
            columns = zip(zip(*run, strict=True), schema.types, strict=True)
            arrays = [pa.array(values, kind) for values, kind in columns]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=ROWS_AT_ONCE)
            count += len(run)
    return count


def read_rows(path: Path) -> Iterator[list[dict[str, Any]]]:
    """The rows of a file in runs, as plain values by column.

    Raises:
        BadFile: damaged, another kind of file, or with runs larger than ours.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for number in range(file.num_row_groups):
                stated = file.metadata.row_group(number)
                if stated.num_rows > ROWS_AT_ONCE or stated.total_byte_size > MOST_BYTES_AT_ONCE:
                    raise BadFile(path, f"its run {number} has {stated.num_rows:,} rows, more than a backup writes")
                yield file.read_row_group(number, use_threads=False).to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as err:
        raise BadFile(path, f"not a table of a backup: {str(err).splitlines()[0]}") from err


def columns_of(path: Path) -> tuple[Sequence[str], int]:
    """Names of the columns of a file, and its number of rows.

    Raises:
        BadFile: damaged, or another kind of file.
    """
    try:
        with pq.ParquetFile(path) as file:
            return file.schema_arrow.names, int(file.metadata.num_rows)
    except (pa.ArrowException, OSError) as err:
        raise BadFile(path, f"not a table of a backup: {str(err).splitlines()[0]}") from err


def arrow_type(column: Column[Any]) -> Any:
    """How the values of a column are kept."""
    kept = (arrow for kind, arrow in (*_ARROW, _BYTES) if isinstance(column.type, kind))
    return next(kept, pa.string())
