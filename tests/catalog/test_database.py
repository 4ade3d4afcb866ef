"""The database: the SQLite gate, locks that are waited for, a schema that goes up and down."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from catalog.catalog import Catalog
from catalog.content import ContentStore
from catalog.database import Database, journal_mode
from catalog.errors import CatalogBusy


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


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}", tmp_path)
    yield opened
    opened.close()


def test_the_connection_is_set_as_the_gate_says(sqlite: Catalog) -> None:
    with sqlite.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one().upper() == journal_mode()
        # EXTRA is 3, FULL is 2: without EXTRA a power cut may bring an unlinked journal back, and take the commit away
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == (3 if journal_mode() == "DELETE" else 2)
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_a_row_of_a_movie_that_does_not_exist_is_refused(catalog: Catalog) -> None:
    with pytest.raises(IntegrityError), catalog.database.write() as connection:
        connection.exec_driver_sql("INSERT INTO links (movie_id) VALUES (5)")


def test_a_locked_database_is_busy_not_broken(sqlite: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.database.BUSY_TIMEOUT_MS", 100)
    holder = sqlite3.connect(tmp_path / "catalog.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    other = Database(f"sqlite:///{tmp_path / 'catalog.db'}")
    with pytest.raises(CatalogBusy, match="does not answer"), other.write():
        pass
    holder.execute("ROLLBACK")
    holder.close()
    with other.write():
        pass
    other.close()


def test_the_same_bytes_are_kept_once_and_damage_is_noticed(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    sha256 = store.put(b"poster", "image/png")
    assert store.put(b"poster", "image/png") == sha256
    assert store.get(sha256, "image/png") == b"poster"
    assert [path.name for path in tmp_path.rglob("*.*")] == [f"{sha256}.png"]
    store.path(sha256, "image/png").write_bytes(b"poster!")
    assert store.get(sha256, "image/png") is None
    assert store.get("0" * 64, "image/png") is None


def test_a_stored_file_that_was_damaged_is_replaced_when_it_comes_again(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    sha256 = store.put(b"poster", "image/png")
    store.path(sha256, "image/png").write_bytes(b"post")
    assert store.put(b"poster", "image/png") == sha256
    assert store.get(sha256, "image/png") == b"poster"


def test_a_folder_that_was_removed_meanwhile_is_made_again(tmp_path: Path) -> None:
    store = ContentStore(tmp_path)
    path = store.path(store.put(b"poster", "image/png"), "image/png")
    path.unlink()
    path.parent.rmdir()
    assert store.get(store.put(b"poster", "image/png"), "image/png") == b"poster"


def test_a_write_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("catalog.content.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        ContentStore(tmp_path).put(b"poster", "image/png")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
