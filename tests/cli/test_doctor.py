"""`posterity doctor`: each thing is broken for real, found, named, and told what to do about; nothing is changed."""

import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.checking import ReadOnlyDatabase
from catalog.entries import Kind
from cli import doctor, doctor_catalog, doctor_files
from cli.doctor_findings import Patient
from config.settings import Settings
from index.layout import version_folder
from tests.cli.furnished import MODEL, RATINGS, Furnished, furnish, publish, verify_here
from tests.faults.tiny_disk import mounted
from tests.postgres import Postgres

CANARY = "canary-0123456789abcdef0123456789abcdef"
Said = dict[str, Any]


@pytest.fixture
def place(tmp_path: Path, furnished: Path, monkeypatch: pytest.MonkeyPatch) -> Furnished:
    """An installation with nothing wrong but the attempt that `furnish` leaves in hand."""
    verify_here(monkeypatch)
    monkeypatch.chdir(tmp_path)  # no .env of whoever runs the tests
    shutil.copytree(furnished, tmp_path / "data")
    return Furnished(tmp_path / "data", f"sqlite:///{tmp_path / 'data' / 'catalog.db'}", monkeypatch)


@pytest.fixture
def on_postgresql(
    tmp_path: Path, postgres: Postgres, newest_schema: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Furnished]:
    verify_here(monkeypatch)
    name = postgres.create(newest_schema)
    place = Furnished(tmp_path / "data", postgres.url(name), monkeypatch)
    furnish(place)
    yield place
    postgres.drop(name)


def examined(place: Furnished, *options: str) -> list[Said]:
    result = place.run("doctor", "--json", *options)
    found: list[Said] = json.loads(result.stdout)
    assert result.exit_code == (1 if any(one["level"] == "fault" for one in found) else 0)
    return found


def bad(found: list[Said]) -> list[Said]:
    return [one for one in found if one["level"] in ("fault", "warning")]


def only(found: list[Said], level: str, what: str) -> Said:
    """The one finding that is not well; it says what to do."""
    (one,) = [one for one in bad(found) if one["what"] != "work" or "no worker" not in one["value"]]
    assert (one["level"], one["what"]) == (level, what), one
    assert one["do"] and one["where"]
    return one


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def flip(path: Path, place: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(content))


def test_all_is_well_and_nothing_is_changed(place: Furnished) -> None:
    before = state(place.data_dir)
    found = examined(place)
    assert not [one for one in bad(found) if "no worker" not in one["value"]]
    looked_at = {one["what"] for one in found if one["level"] == "ok"}
    assert looked_at >= {"database", "integrity", "records", "posters", "snapshots", "models", "ratings", "weights"}
    assert looked_at >= {"work", "broker", "disk", "clock", "versions", "settings"}
    assert state(place.data_dir) == before


def test_each_line_has_the_form_of_all_programs(place: Furnished) -> None:
    for one in examined(place, "--quick"):
        assert set(one) == {"what", "value", "bar", "pass", "quality", "quick", "level", "where", "do"}
        assert one["pass"] is {"ok": True, "fault": False}.get(one["level"])


def test_a_person_gets_a_table_of_what_is_not_well(place: Furnished) -> None:
    flip(version_folder(place.data_dir / "index", 1) / "ratings.faiss")
    result = place.run("doctor")
    assert result.exit_code == 1
    assert "posterity rollback" in result.stdout and "1 fault" in result.stdout and "integrity" not in result.stdout
    assert "integrity" in place.run("doctor", "--all").stdout


def test_a_flipped_byte_in_a_snapshot_is_found(place: Furnished) -> None:
    folder = version_folder(place.data_dir / "index", 1)
    looked = Patient(settings_of(place, place.data_dir), None, False, lambda *_: None)
    for path in sorted(folder.iterdir()):
        flip(path)
        found = [one for one in doctor_files.snapshots(looked) if one.level == "fault"]
        assert found and any(path.name in one.found and "posterity" in one.do for one in found), path
        flip(path)
    assert [one.level for one in doctor_files.snapshots(looked)] == ["ok"]


def test_an_old_version_that_is_damaged_is_a_warning_and_sizes_are_enough_when_quick(place: Furnished) -> None:
    catalog = place.catalog()
    publish(catalog, place.data_dir / "index", seed=2)
    catalog.close()
    flip(version_folder(place.data_dir / "index", 1) / "ratings.faiss")
    assert "version 1" in only(examined(place), "warning", "snapshots")["value"]
    assert not [one for one in bad(examined(place, "--quick")) if one["what"] == "snapshots"]


def test_what_current_says_is_looked_at(place: Furnished) -> None:
    current = place.data_dir / "index" / "CURRENT"
    line = current.read_bytes()
    for content, words in ((b"v00000001 " + b"0" * 64 + b"\n", "not the one that CURRENT"), (b"rubbish", "not a line")):
        current.write_bytes(content)
        assert any(words in one["value"] for one in examined(place) if one["level"] == "fault"), words
    current.unlink()
    assert any("missing" in one["value"] for one in examined(place) if one["level"] == "fault")
    current.write_bytes(line)
    os.utime(current, (time.time() + 3600, time.time() + 3600))
    assert "in the future" in only(examined(place), "warning", "clock")["value"]


def test_what_a_dead_rebuild_left_is_noted(place: Furnished) -> None:
    left = place.data_dir / "index" / ".tmp-2-1"
    left.mkdir()
    os.utime(left, (time.time() - 3600, time.time() - 3600))
    (one,) = [one for one in examined(place) if one["where"] == str(left)]
    assert one["level"] == "note" and "posterity rebuild" in one["do"]


def test_posters_that_are_gone_or_damaged_are_named(place: Furnished) -> None:
    rows = {row[1]: row[0] for row in place.rows()["poster_files"]}
    paths = [path for path in (place.data_dir / "posters").glob("*/*") if path.stem in rows]
    paths[0].unlink()
    flip(paths[1])
    found = [one for one in examined(place) if one["what"] == "posters"]
    assert [one["level"] for one in found] == ["fault", "fault"]
    assert f"missing: movies {rows[paths[0].stem]}" in found[0]["value"]
    assert f"damaged (sha256 differs): movies {rows[paths[1].stem]}" in found[1]["value"]


BREAKS = [
    ("DELETE FROM poster_vectors WHERE movie_id = 5", "an embedded movie has its vector (5)"),
    ("UPDATE poster_work SET attempt = 4 WHERE movie_id = 5", "more than 3 attempts (5)"),
    ("UPDATE poster_work SET state = 'odd' WHERE movie_id = 16", "one of those known (16)"),
    ("UPDATE poster_work SET reason = NULL WHERE state = 'failed'", "a failed movie has a reason (15)"),
    ("UPDATE poster_work SET token = 'x' WHERE movie_id = 16", "a lease and its token go together (16)"),
    ("UPDATE poster_work SET token = 'x', lease_until = 1 WHERE movie_id = 5", "has ended is in nobody's hands (5)"),
    ("UPDATE poster_work SET attempt = 3 WHERE movie_id = 16", "a row that waits has an attempt left (16)"),
    ("UPDATE poster_work SET lease_until = 9e9 WHERE token IS NOT NULL", "no lease ends later than a lease may"),
    ("UPDATE poster_work SET next_attempt_at = 9e9 WHERE movie_id = 16", "waits for a time far off (16)"),
    ("UPDATE poster_work SET changed_at = 9e9 WHERE movie_id = 16", "changed in the future (16)"),
    ("UPDATE jobs SET attempt = 9 WHERE kind = 'rebuild'", "attempts and a lease within bounds"),
    ("UPDATE movies SET title = '' WHERE movie_id = 7", "a movie has a title (7)"),
]


@pytest.mark.parametrize(("statement", "words"), BREAKS)
def test_a_row_that_breaks_a_rule_is_named(place: Furnished, statement: str, words: str) -> None:
    place.sql(statement)
    assert any(words in one["value"] and one["do"] for one in bad(examined(place))), bad(examined(place))


def test_the_rules_are_looked_at_in_postgresql_too(on_postgresql: Furnished) -> None:
    found = bad(examined(on_postgresql))
    assert {one["what"] for one in found} <= {"database", "work"}
    assert {"fsync is off" in one["value"] for one in found if one["what"] == "database"} == {True, False}
    database = ReadOnlyDatabase(on_postgresql.url)
    looked = Patient(settings_of(on_postgresql, on_postgresql.data_dir), database, True, lambda *_: None)
    for statement, words in BREAKS:
        assert not any(words in one.found for one in doctor_catalog.rules_hold(looked)), words
        on_postgresql.sql(statement)
        assert any(words in one.found for one in doctor_catalog.rules_hold(looked)), words
        on_postgresql.sql("UPDATE poster_work SET state = 'pending', token = NULL, attempt = 0 WHERE movie_id = 16")
    database.close()


def test_work_that_nobody_does_is_said(place: Furnished) -> None:
    place.sql("UPDATE poster_work SET lease_until = 1000 WHERE token IS NOT NULL")
    said = " ".join(one["value"] for one in bad(examined(place)))
    assert "1 rows wait since their worker died" in said
    assert "work of the kind embed waits" in said and "work of the kind fetch waits" in said
    catalog = place.catalog()
    catalog.presence.seen("here@1", (Kind.FETCH, Kind.EMBED))
    catalog.close()
    assert "no worker for it" not in " ".join(one["value"] for one in bad(examined(place)))


def test_a_damaged_record_is_named(place: Furnished) -> None:
    place.sql("UPDATE poster_vectors SET record = X'5056010000' WHERE movie_id = 5")
    said = only(examined(place), "fault", "records")
    assert "1 of 12 are damaged (movies 5)" in said["value"]


def test_a_database_with_a_broken_page_is_found(place: Furnished) -> None:
    path = place.data_dir / "catalog.db"
    content = bytearray(path.read_bytes())
    for page in range(20, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(bytes(content))
    found = examined(place)
    assert [one for one in found if one["level"] == "fault" and "restore" in one["do"]]
    assert [one for one in found if one["what"] == "snapshots" and one["level"] == "ok"]  # the others go on


def test_what_a_writer_left_that_was_killed_is_told_and_not_touched(place: Furnished) -> None:
    path = place.data_dir / "catalog.db"
    child = os.fork()
    if child == 0:  # SQLite, in mid-transaction, with pages in the file already
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE poster_vectors SET record = zeroblob(20000)")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    before = state(place.data_dir)
    assert str(path) + "-journal" in before
    said = [one["value"] for one in examined(place) if one["level"] == "fault"]
    assert said and all("posterity status --once" in one for one in said)
    assert state(place.data_dir) == before
    place.done("status", "--once")
    assert not [one for one in examined(place) if one["level"] == "fault"]


@pytest.mark.parametrize("content", [b"no database" * 1000, b"", None])
def test_without_a_database_everything_else_is_looked_at(place: Furnished, content: bytes | None) -> None:
    path = place.data_dir / "catalog.db"
    path.unlink() if content is None else path.write_bytes(content)
    found = examined(place)
    assert [one for one in found if one["level"] == "fault"]
    assert {one["what"] for one in found if one["level"] == "ok"} >= {"snapshots", "models", "ratings", "disk"}
    assert path.exists() == (content is not None)


def test_a_database_that_is_away_stops_no_other_check(place: Furnished) -> None:
    place.url = f"postgresql+psycopg://posterity:{CANARY}@127.0.0.1:1/gone"
    result = place.run("doctor", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1 and CANARY not in result.output
    assert [one for one in found if one["level"] == "fault" and "does not answer" in one["value"]]
    assert {one["what"] for one in found if one["level"] == "ok"} >= {"snapshots", "models", "ratings", "disk"}


def test_a_schema_of_another_version_is_told(place: Furnished) -> None:
    place.sql("UPDATE alembic_version SET version_num = '9999'")
    before = (place.data_dir / "catalog.db").read_bytes()
    (one,) = [one for one in examined(place) if one["what"] == "database"]
    assert one["level"] == "fault" and "9999" in one["value"]
    assert (place.data_dir / "catalog.db").read_bytes() == before


def test_wal_with_the_wal_reset_bug_is_a_fault(place: Furnished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_catalog, "journal_mode", lambda: "DELETE")
    connection = sqlite3.connect(place.data_dir / "catalog.db")
    connection.execute("PRAGMA journal_mode=WAL")
    (one,) = [one for one in examined(place) if one["what"] == "SQLite"]
    connection.close()
    assert one["level"] == "fault" and "WAL-reset bug" in one["value"]


def test_damaged_models_and_ratings_are_found(place: Furnished) -> None:
    flip(place.data_dir / "models" / MODEL / "arrays.npz")
    assert "posterity train" in only(examined(place), "fault", "models")["do"]
    flip(place.data_dir / "models" / MODEL / "arrays.npz")
    flip(place.data_dir / RATINGS, 40)
    assert "posterity import" in only(examined(place), "fault", "ratings")["do"]


def test_damaged_weights_are_found(place: Furnished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.npz"
    own.write_bytes(b"PK not weights")
    monkeypatch.setenv("POSTERITY_WEIGHTS", str(own))
    assert "POSTERITY_WEIGHTS=bundled" in only(examined(place), "fault", "weights")["do"]


def test_a_disk_that_fills_is_said_before_it_is_full(place: Furnished, tmp_path: Path) -> None:
    with mounted(tmp_path / "tiny", 90) as disk:
        checked = Patient(settings_of(place, disk.root), None, True, lambda *_: None)
        assert [one.level for one in doctor_files.room(checked)] == ["ok"]
        disk.fill(leave_pages=10)
        (one,) = doctor_files.room(checked)
        assert one.level == "fault" and "make room" in one.do


def test_room_for_the_next_snapshot_is_counted(place: Furnished, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [version.size_bytes for version in doctor_files.check_versions(place.data_dir / "index", False, print)]
    monkeypatch.setattr(doctor_files, "LEAST_FREE", 0)
    for free, level in ((int(2.2 * sizes[0]), "ok"), (int(2.2 * sizes[0]) - 1, "warning")):
        monkeypatch.setattr(doctor_files, "free_bytes", lambda path, free=free: free)
        (one,) = [one for one in examined(place, "--quick") if one["what"] == "disk"]
        assert one["level"] == level


def test_what_a_restore_moved_aside_is_noted(place: Furnished) -> None:
    aside = place.data_dir / "catalog.db.before-restore-20261124T000000-01"
    aside.write_bytes(b"x")
    (one,) = [one for one in examined(place, "--quick") if one["what"] == "restore"]
    assert (one["level"], one["where"]) == ("note", str(aside))


def test_secret_files_that_everybody_may_read_are_named(place: Furnished, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(CANARY)
    token.chmod(0o644)
    place.monkeypatch.setenv("POSTERITY_ADMIN_TOKEN_FILE", str(token))
    said = only(examined(place), "warning", "secrets")
    assert said["do"] == f"chmod 600 {token}"
    token.chmod(0o600)
    assert not [one for one in bad(examined(place)) if one["what"] == "secrets"]
    assert CANARY not in place.run("doctor", "--all").output


def test_an_api_open_to_everybody_is_a_warning(place: Furnished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTERITY_HOST", "0.0.0.0")
    found = {one["where"]: one["level"] for one in bad(examined(place, "--quick"))}
    assert found["POSTERITY_HOST"] == found["POSTERITY_TRUSTED_HOSTS"] == "warning"
    monkeypatch.setenv("POSTERITY_READ_TOKEN", CANARY)
    found = {one["where"]: one["level"] for one in bad(examined(place, "--quick"))}
    assert "POSTERITY_HOST" not in found


def test_a_setting_that_is_wrong_is_a_finding(place: Furnished, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTERITY_PROT", "1")
    (one,) = [one for one in examined(place) if one["level"] == "fault"]
    assert "did you mean POSTERITY_PORT?" in one["value"]


def test_a_check_that_fails_stops_no_other_one(place: Furnished, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(error: Exception) -> Callable[[Patient], Any]:
        def check(patient: Patient) -> Any:
            raise error

        return check

    errors = (PermissionError(13, "Permission denied", "/x"), ZeroDivisionError("secret"))
    monkeypatch.setattr(doctor, "OTHERS", (*(fails(error) for error in errors), *doctor.OTHERS))
    found = examined(place, "--quick")
    assert [one["where"] for one in found if one["level"] == "fault"] == ["/x", "this check"]
    assert {one["what"] for one in found if one["level"] == "ok"} >= {"snapshots", "disk", "versions"}


def test_before_anything_was_imported_there_is_no_fault_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Furnished(tmp_path / "none", f"sqlite:///{tmp_path / 'none' / 'catalog.db'}", monkeypatch)
    assert not bad(examined(place))
    assert not (tmp_path / "none").exists()


def settings_of(place: Furnished, data_dir: Path) -> Any:
    return Settings(data_dir=data_dir, database_url=place.url)
