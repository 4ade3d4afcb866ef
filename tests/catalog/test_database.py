"""The database: the SQLite gate, locks that are waited for, a schema that goes up and down."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

from catalog.catalog import Catalog
from catalog.content import ContentStore
from catalog.database import Database, journal_mode
from catalog.errors import CatalogBusy
from catalog.schema import metadata
from catalog.upgrading import downgrade, upgrade


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 40, 1), "DELETE"),
        ((3, 44, 5), "DELETE"),
        ((3, 44, 6), "WAL"),
        ((3, 45, 0), "DELETE"),
        ((3, 50, 6), "DELETE"),
        ((3, 50, 7), "WAL"),
        ((3, 51, 0), "DELETE"),
        ((3, 51, 2), "DELETE"),
        ((3, 51, 3), "WAL"),
        ((3, 52, 0), "DELETE"),
        ((3, 53, 0), "WAL"),
    ],
)
def test_wal_only_where_its_reset_bug_is_fixed(version: tuple[int, int, int], mode: str) -> None:
    assert journal_mode(version) == mode


def test_the_connection_is_set_as_the_gate_says(catalog: Catalog) -> None:
    with catalog.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one().upper() == journal_mode()
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_a_row_of_a_movie_that_does_not_exist_is_refused(catalog: Catalog) -> None:
    with pytest.raises(IntegrityError), catalog.database.write() as connection:
        connection.exec_driver_sql("INSERT INTO links (movie_id) VALUES (5)")


def test_a_locked_database_is_busy_not_broken(
    catalog: Catalog, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.database.BUSY_TIMEOUT_MS", 100)
    holder = sqlite3.connect(tmp_path / "catalog.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    other = Database(url)
    with pytest.raises(CatalogBusy, match="does not answer"), other.write():
        pass
    holder.execute("ROLLBACK")
    holder.close()
    with other.write():
        pass
    other.close()


def test_the_migrations_make_the_schema_and_can_be_undone_with_data(catalog: Catalog) -> None:
    with catalog.database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    with catalog.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO movies (movie_id, title, search_text, added_at) VALUES (1, 'a', 'a', 0)"
        )
    downgrade(catalog.database, "base")
    upgrade(catalog.database)
    assert catalog.movies.count() == 0


def test_two_processes_may_upgrade_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    program = (
        "import sys; from catalog.database import Database; from catalog.upgrading import upgrade\n"
        "upgrade(Database(sys.argv[1]))"
    )
    racing = [subprocess.Popen([sys.executable, "-c", program, url]) for _ in range(3)]
    assert [process.wait(60) for process in racing] == [0, 0, 0]


def test_the_same_bytes_are_kept_once_and_damage_is_noticed(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    sha256 = store.put(b"poster", "image/png")
    assert store.put(b"poster", "image/png") == sha256
    assert store.get(sha256, "image/png") == b"poster"
    assert [path.name for path in tmp_path.rglob("*.*")] == [f"{sha256}.png"]
    store.path(sha256, "image/png").write_bytes(b"poster!")
    assert store.get(sha256, "image/png") is None
    assert store.get("0" * 64, "image/png") is None


def test_a_write_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("catalog.content.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        ContentStore(tmp_path).put(b"poster", "image/png")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
