"""One database, SQLite or PostgreSQL: connections, transactions and the SQLite gate."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from catalog.errors import BadDatabaseUrl, CatalogBusy

BUSY_TIMEOUT_MS = 5000  # reliability.md section 8
READ_ONLY = "posterity_read_only"


class Database:
    """Transactions on one database; safe for threads, never to be carried over a fork.

    Raises:
        BadDatabaseUrl: the URL is not one of a database that this program can use.
        CatalogBusy: from `read` and `write`, when the database is locked or out of reach.
    """

    def __init__(self, url: str) -> None:
        self.url = _readable(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine = _sqlite_engine(url) if self.is_sqlite else create_engine(self.url, pool_pre_ping=True)
        self._readers = self.engine.execution_options(**{READ_ONLY: True})

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end; on SQLite it holds the write lock from its start."""
        with _busy(self.url.render_as_string()), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view for reading."""
        with _busy(self.url.render_as_string()), self._readers.begin() as connection:
            yield connection

    def close(self) -> None:
        """Closes the pooled connections."""
        self.engine.dispose()


def _readable(url: str) -> URL:
    try:
        readable = make_url(url)
        readable.get_dialect().import_dbapi()
    except ArgumentError as err:
        known = "sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        raise BadDatabaseUrl(f"the database URL is not one this program can use; it takes {known}") from err
    except ModuleNotFoundError as err:
        raise BadDatabaseUrl(f"the database needs the package {err.name}: pip install 'posterity[postgres]'") from err
    return readable


@contextmanager
def _busy(where: str) -> Iterator[None]:
    try:
        yield
    except OperationalError as err:
        raise CatalogBusy(f"the database at {where} does not answer: {str(err.orig).splitlines()[0]}") from err


def journal_mode(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> str:
    """`WAL` where the SQLite library is free of the WAL-reset bug, else `DELETE`.

    Fixed in 3.51.3 with backports 3.44.6 and 3.50.7; 3.52.0 was withdrawn (sqlite.org/wal.html#walresetbug).
    """
    if version == (3, 52, 0):
        return "DELETE"
    fixed = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)
    return "WAL" if fixed else "DELETE"


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not guessed by the driver
        for pragma in (f"journal_mode={journal_mode()}", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get(READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
