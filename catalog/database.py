"""One database, SQLite or PostgreSQL: connections, transactions and the SQLite gate."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from catalog.errors import BadDatabaseUrl, CatalogBusy
from catalog.turns import begin_writing
from catalog.urls import readable, shown

BUSY_TIMEOUT_MS = 5000  # reliability.md section 8
# A server that is gone without a word, as after a power cut, is noticed within a minute; the system would take 2 hours.
POSTGRESQL_LINE: dict[str, int] = {
    "connect_timeout": 5,  # seconds; psycopg itself would wait for 130
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}
LOCK_TIMEOUT_S = BUSY_TIMEOUT_MS // 1000  # the same patience on both databases: who waits longer is told to come again
POSTGRESQL_PATIENCE: dict[str, int] = {
    "lock_timeout": LOCK_TIMEOUT_S,
    # Queries take milliseconds, the largest statement of an import 20 s: what takes longer has lost its client.
    "statement_timeout": 600,
    # A process that stands still in mid-transaction (SIGSTOP, a swapped-out machine) must not keep its locks for ever;
    # a backup copies files for minutes while its transaction rests.
    "idle_in_transaction_session_timeout": 600,
}
READ_ONLY = "posterity_read_only"
SQLITE_READER: dict[str, Any] = {READ_ONLY: True}
POSTGRESQL_READER: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


class Database:
    """Transactions on one database; safe for threads, never to be carried over a fork.

    Raises:
        BadDatabaseUrl: the URL is not one of a database that this program can use.
        CatalogBusy: from `read` and `write`, when the database is locked or out of reach.
    """

    def __init__(self, url: str) -> None:
        self.url = readable(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url)
        self._readers = self.engine.execution_options(**(SQLITE_READER if self.is_sqlite else POSTGRESQL_READER))

    @property
    def where(self) -> str:
        """The URL without its password."""
        return shown(self.url)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end; on SQLite it holds the write lock from its start."""
        with _busy(self.where), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view for reading: all its statements see the same state, whatever is written meanwhile."""
        with _busy(self.where), self._readers.begin() as connection:
            yield connection

    def close(self) -> None:
        """Closes the pooled connections."""
        self.engine.dispose()


class Lock(IntEnum):
    """What only one process may do at a time; numbers that only this program uses as PostgreSQL's advisory locks."""

    SCHEMA = 0x706F7374
    MOVIES = 0x706F7375  # taking movies in, and queueing them


def alone(connection: Connection, lock: Lock) -> None:
    """Waits until nobody else holds the lock and holds it to the end of the transaction; SQLite's writers do anyway."""
    if connection.dialect.name == "postgresql":
        if lock == Lock.SCHEMA:  # the first of several processes may bring large tables up to date for minutes
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
        connection.execute(select(func.pg_advisory_xact_lock(int(lock))))


@contextmanager
def _busy(where: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as err:
        # PostgreSQL calls some of the ways in which it ends a connection internal errors.
        if not (isinstance(err, OperationalError) or err.connection_invalidated):
            raise
        raise CatalogBusy(f"the database at {where} does not answer: {str(err.orig).splitlines()[0]}") from err
    except PoolTimeout as err:
        raise CatalogBusy(f"the database at {where} does not answer: all connections are in use") from err


def journal_mode(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> str:
    """`WAL` where the SQLite library is free of the WAL-reset bug, else `DELETE`.

    Fixed in 3.51.3 with backports 3.44.6 and 3.50.7; 3.52.0 was withdrawn (sqlite.org/wal.html#walresetbug).
    """
    if version == (3, 52, 0):
        return "DELETE"
    fixed = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0)
    return "WAL" if fixed else "DELETE"


def synchronous(mode: str) -> str:
    """How thoroughly SQLite must sync so that what was committed survives a power cut.

    `FULL` leaves one gap in the mode DELETE: a commit ends by unlinking the journal, and until that is on the disk too
    a power cut brings the journal back and takes the commit away (sqlite.org/pragma.html#pragma_synchronous).
    """
    return "EXTRA" if mode == "DELETE" else "FULL"


def _postgresql_engine(url: URL) -> Engine:
    options = {name: value for name, value in POSTGRESQL_LINE.items() if name not in url.query}
    engine = create_engine(url, pool_pre_ping=True, connect_args=options)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        if "options" in url.query:
            return  # whoever wrote the URL has chosen
        with connection.cursor() as cursor:  # not as options of the connection: poolers as PgBouncer refuse those
            for name, seconds in POSTGRESQL_PATIENCE.items():
                cursor.execute(f"SET {name} = '{seconds}s'")
        connection.commit()

    return engine


def _sqlite_engine(url: URL) -> Engine:
    folder = Path(url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise BadDatabaseUrl(f"the folder {folder} of the database cannot be made: {err.strerror}") from err
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not guessed by the driver
        mode = journal_mode()
        for pragma in (f"journal_mode={mode}", f"synchronous={synchronous(mode)}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get(READ_ONLY, False):
            connection.exec_driver_sql("BEGIN")
        else:
            begin_writing(connection, BUSY_TIMEOUT_MS)

    return engine
