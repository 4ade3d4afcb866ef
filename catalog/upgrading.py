"""Brings a database to the newest schema; several processes may try at once."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import ProgrammingError

from catalog.database import Database, Lock, alone
from catalog.errors import BadSchema

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(database: Database, revision: str = "head") -> None:
    """Runs the missing migrations in one transaction; does nothing when there are none.

    Raises:
        BadSchema: a newer version of this program made the database, or its user may not change tables.
    """
    if revision == "head" and _is_current(database):
        return
    _run(database, command.upgrade, revision)


def downgrade(database: Database, revision: str) -> None:
    """Goes back to an older schema; `base` empties the database."""
    _run(database, command.downgrade, revision)


def revision_of(connection: Connection) -> str:
    """The revision of the schema that a database has; empty when it has none of ours."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def revisions() -> list[str]:
    """The revisions that this version of the program knows, the oldest first."""
    return [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]


def step_to(connection: Connection, revision: str) -> None:
    """Brings a database to a revision in the caller's transaction.

    Raises:
        BadSchema: this version of the program does not know the revision.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError as err:
        raise BadSchema(f"the schema {revision} is of another version of this program: {err}") from err


def _is_current(database: Database) -> bool:
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


def _run(database: Database, step: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with database.write() as connection:
            alone(connection, Lock.SCHEMA)  # whoever waits here finds the work done
            config.attributes["connection"] = connection
            step(config, revision)
    except CommandError as err:
        raise BadSchema(f"the database at {database.where} is of another version of this program: {err}") from err
    except ProgrammingError as err:
        why = str(err.orig).splitlines()[0]
        raise BadSchema(f"the tables of the database at {database.where} cannot be changed: {why}") from err
