"""Rows of a backup into a database, in one transaction: the old rows aside, the schema, the rows, at rest."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, MetaData, Table, Text, bindparam, case, cast, inspect, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import DropTable

from catalog.database import Database, Lock, alone
from catalog.errors import BadFile, BadSchema
from catalog.presence import ALIVE_WITHIN_S
from catalog.schema import deleted_movies, jobs, metadata, movies, poster_work, ratings, workers
from catalog.table_files import columns_of, read_rows
from catalog.upgrading import revisions, step_to

HELD = (movies, deleted_movies, ratings, jobs)  # a catalog with a row in one of these is not empty
VERSIONS = Table("alembic_version", MetaData())

Rows = Callable[[str, int], None]  # table, rows put in so far


@dataclass(frozen=True, slots=True)
class Held:
    """What a database holds before a restore: anything of ours, and which workers say that they are alive."""

    anything: bool
    workers: tuple[str, ...]


def held_by(database: Database) -> Held:
    """What is there; a database that cannot be read holds something, whatever it is.

    Raises:
        CatalogBusy: it does not answer.
    """
    try:
        with database.read() as connection:
            there = set(inspect(connection).get_table_names())
            ours = [table for table in HELD if table.name in there]
            rows = (connection.execute(select(table.primary_key.columns[0]).limit(1)).first() for table in ours)
            anything = any(row is not None for row in rows)
            since = select(workers.c.worker_id).where(workers.c.seen_at >= time.time() - ALIVE_WITHIN_S)
            alive = connection.execute(since).scalars().all() if workers.name in there else ()
            return Held(anything, tuple(alive))
    except DBAPIError:
        return Held(True, ())


def drop_ours(connection: Connection) -> None:
    """Drops our tables from a database that holds nothing, so that they can be made as the backup had them."""
    alone(connection, Lock.SCHEMA)
    there = set(inspect(connection).get_table_names())
    for table in [*reversed(metadata.sorted_tables), VERSIONS]:
        if table.name in there:
            connection.execute(DropTable(table))


def move_aside(connection: Connection, name: str) -> bool:
    """Moves our tables into a schema of PostgreSQL of this name; True when there were any.

    Raises:
        BadSchema: the database's user may not do that.
    """
    alone(connection, Lock.SCHEMA)
    there = set(inspect(connection).get_table_names())
    ours = [table for table in [*metadata.tables, VERSIONS.name] if table in there]
    quoted = connection.dialect.identifier_preparer.quote
    try:
        if ours:
            connection.execute(text(f"CREATE SCHEMA {quoted(name)}"))
        for table in ours:
            connection.execute(text(f"ALTER TABLE {quoted(table)} SET SCHEMA {quoted(name)}"))
    except DBAPIError as err:
        why = str(err.orig).splitlines()[0]
        raise BadSchema(f"the old tables cannot be moved aside: {why}; restore into an empty database") from err
    return bool(ours)


def demand_known(revision: str) -> None:
    """Passes when this version of the program knows the schema.

    Raises:
        BadSchema: it does not.
    """
    if revision not in revisions():
        raise BadSchema(
            f"the backup has schema {revision}, this version knows up to {revisions()[-1]}: restore it with the "
            "version of Posterity that made it, or a newer one"
        )


def put_in(connection: Connection, folder: Path, counts: Mapping[str, int], revision: str, report: Rows) -> None:
    """Fills an empty database from the table files of a folder, brings it up to date and to rest.

    Args:
        folder: with NAME.parquet for each table. counts: rows of each. revision: of the schema they come from.

    Raises:
        BadFile: a file is not what is stated. BadSchema: the revision is not known.
    """
    step_to(connection, revision)
    there = MetaData()
    there.reflect(connection)
    strangers = sorted(set(counts) - set(there.tables))
    if strangers:
        raise BadFile(folder, f"it has a table {strangers[0]}, which schema {revision} has not")
    for table in reversed(there.sorted_tables):
        if table.name != VERSIONS.name:
            connection.execute(table.delete())  # a migration may have put first rows in
    for table in there.sorted_tables:
        if table.name in counts:
            _fill(connection, table, folder / f"{table.name}.parquet", counts[table.name], report)
    step_to(connection, "head")
    _come_to_rest(connection)


def _fill(connection: Connection, table: Table, path: Path, count: int, report: Rows) -> None:
    names, rows = columns_of(path)
    if rows != count or set(names) != set(table.columns.keys()):
        raise BadFile(path, f"it has {rows:,} rows of {', '.join(names)} and should have {count:,} as {table.name} has")
    statement = table.insert().values({name: _value(connection, table, name) for name in names})
    done = 0
    for run in read_rows(path):
        try:
            connection.execute(statement, run)
        except DBAPIError as err:
            raise BadFile(path, f"its rows are refused: {str(err.orig).splitlines()[0]}") from err
        done += len(run)
        report(table.name, done)


def _value(connection: Connection, table: Table, name: str) -> Any:
    """JSON goes in as the text that it was."""
    if not isinstance(table.columns[name].type, JSON):
        return bindparam(name)
    given = bindparam(name, type_=Text())
    return cast(given, JSON) if connection.dialect.name == "postgresql" else given


def _come_to_rest(connection: Connection) -> None:
    """What was in somebody's hands is free at once: its worker is not here, and the attempt was not its fault."""
    for table in (poster_work, jobs):
        attempt = case((table.c.attempt > 0, table.c.attempt - 1), else_=0)
        held = table.c.token.is_not(None)
        connection.execute(update(table).where(held).values(attempt=attempt, token=None, lease_until=None))
        connection.execute(update(table).where(table.c.lease_until.is_not(None)).values(lease_until=None))
