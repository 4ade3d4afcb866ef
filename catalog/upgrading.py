"""Brings a database to the newest schema; several processes may try at once."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from catalog.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
UPGRADE_LOCK = 0x706F7374  # "post": any number that only this program uses as a PostgreSQL advisory lock


def upgrade(database: Database, revision: str = "head") -> None:
    """Runs the missing migrations in one transaction; does nothing when there are none."""
    if revision == "head" and _is_current(database):
        return
    _run(database, command.upgrade, revision)


def downgrade(database: Database, revision: str) -> None:
    """Goes back to an older schema; `base` empties the database."""
    _run(database, command.downgrade, revision)


def _is_current(database: Database) -> bool:
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


def _run(database: Database, step: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.write() as connection:  # SQLite: the write lock; whoever waits finds the work done
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        config.attributes["connection"] = connection
        step(config, revision)
