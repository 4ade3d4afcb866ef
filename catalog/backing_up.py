"""The state of one moment, for a backup: read while everybody goes on writing."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, Table, select, text
from sqlalchemy import union as union_of

from catalog.database import Database
from catalog.errors import CatalogBusy
from catalog.job_rows import DONE
from catalog.schema import given_posters, jobs, metadata, poster_files, rating_sets, workers
from catalog.table_files import write_table
from catalog.upgrading import revision_of

# Who is alive is of no use to whoever restores.
TABLES: tuple[Table, ...] = tuple(table for table in metadata.sorted_tables if table is not workers)
COPY = "moment.db"
DISK = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_IOERR: errno.EIO, sqlite3.SQLITE_CANTOPEN: errno.EIO}
# Of PostgreSQL: writing a large table takes longer than a question may, and nobody waits for its reader.
PATIENCE = ("statement_timeout", "idle_in_transaction_session_timeout")


@dataclass(frozen=True, slots=True)
class Named:
    """The files that the rows of one moment name.

    Attributes:
        posters: sha256 and media type of each picture, sorted. ratings: below the data folder.
        model: name of the folder of the newest model, None before the first training.
        revision: of the schema.
    """

    posters: tuple[tuple[str, str], ...]
    ratings: tuple[str, ...]
    model: str | None
    revision: str


class Moment:
    """The rows of one moment, however many statements read them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.tables = tuple(table.name for table in TABLES)

    def write_table(self, name: str, path: Path) -> int:
        """Writes a table into a new file (see `catalog.table_files`); returns how many rows it has."""
        return write_table(self._connection, metadata.tables[name], path)

    def named(self) -> Named:
        """The files that these rows name."""
        return _named_files(self._connection)


@contextmanager
def one_moment(database: Database, scratch: Path) -> Iterator[Moment]:
    """The rows of one moment, for as long as the body runs.

    PostgreSQL: one REPEATABLE READ transaction, for which nobody waits. SQLite: a copy in the folder `scratch`, made by
    its own backup; in its DELETE mode writers wait while the copy is made, 3 s for 500 MB on 2 busy cores, no longer.

    Raises:
        CatalogBusy: the database does not answer. OSError: there is no room for the copy.
    """
    if not database.is_sqlite:
        with database.read() as connection:
            for limit in PATIENCE:
                connection.execute(text(f"SET LOCAL {limit} = 0"))
            yield Moment(connection)
        return
    path = scratch / COPY
    _copy(database, path)
    copy = Database(URL.create("sqlite", database=str(path)).render_as_string(hide_password=False))
    try:
        with copy.read() as connection:
            yield Moment(connection)
    finally:
        copy.close()
        path.unlink()


def _copy(database: Database, path: Path) -> None:
    path.unlink(missing_ok=True)
    with database.read() as reading, closing(sqlite3.connect(path)) as target:
        target.execute("PRAGMA synchronous=OFF")  # the copy is thrown away
        try:
            source: sqlite3.Connection = reading.connection.driver_connection  # type: ignore[assignment]
            source.backup(target)
        except sqlite3.OperationalError as err:
            code = DISK.get(err.sqlite_errorcode & 0xFF)
            if code is not None:
                raise OSError(code, f"the copy of the database: {err}", str(path)) from err
            raise CatalogBusy(f"the database at {database.where} does not answer: {err}") from err


def _named_files(connection: Connection) -> Named:
    shown = select(poster_files.c.sha256, poster_files.c.media_type)
    given = select(given_posters.c.sha256, given_posters.c.media_type).where(given_posters.c.sha256.is_not(None))
    posters = {(str(row[0]), str(row[1])) for row in connection.execute(union_of(shown, given))}
    trained = select(jobs.c.result).where(jobs.c.kind == "train", jobs.c.state == DONE)
    last = connection.execute(trained.order_by(jobs.c.created_at.desc()).limit(1)).scalar()
    return Named(
        posters=tuple(sorted(posters)),
        ratings=tuple(sorted(set(connection.execute(select(rating_sets.c.file)).scalars()))),
        model=str(last["model"]) if last else None,
        revision=revision_of(connection),
    )
