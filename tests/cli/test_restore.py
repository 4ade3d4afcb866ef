"""`posterity restore`: what is not a whole, undamaged backup changes nothing; what is there is moved, never deleted."""

import gzip
import hashlib
import io
import itertools
import json
import os
import random
import shutil
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from catalog.entries import Kind
from cli import backup_archive, restore_switch, restore_unpacking, restoring
from cli.backup_archive import ArchiveWriter, BadBackup
from tests.cli.furnished import Furnished, furnish, verify_here
from tests.plan import Judge
from tests.postgres import Postgres


@pytest.fixture
def place(tmp_path: Path, furnished: Path, monkeypatch: pytest.MonkeyPatch) -> Furnished:
    """An installation with something in it."""
    verify_here(monkeypatch)
    shutil.copytree(furnished, tmp_path / "data")
    return Furnished(tmp_path / "data", f"sqlite:///{tmp_path / 'data' / 'catalog.db'}", monkeypatch)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Furnished:
    verify_here(monkeypatch)
    return Furnished(tmp_path / "empty", f"sqlite:///{tmp_path / 'empty' / 'catalog.db'}", monkeypatch)


@pytest.fixture
def saved(place: Furnished, tmp_path: Path) -> Path:
    place.done("backup", str(tmp_path / "b.tar"))
    return tmp_path / "b.tar"


def state(place: Furnished) -> dict[str, bytes]:
    """Every byte of the data folder but the lock of restores."""
    paths = [path for path in sorted(place.data_dir.rglob("*")) if path.is_file() and path.name != ".restore.lock"]
    return {path.relative_to(place.data_dir).as_posix(): path.read_bytes() for path in paths}


def rewritten(saved: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The backup with other members; its manifest says what they are, so that only what was changed is wrong."""
    with tarfile.open(saved) as tar:
        members = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    change(members)
    manifest = json.loads(members.pop("manifest.json"))
    members.pop("manifest.sha256")
    posters = [name for name in members if name.startswith("posters/")]
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for name, content in members.items()
        if name not in posters
    }
    names = hashlib.sha256("".join(f"{name}\n" for name in posters).encode()).hexdigest()
    size = sum(len(members[name]) for name in posters)
    manifest["posters"] = {"count": len(posters), "bytes": size, "names_sha256": names}
    with target.open("wb") as file:
        archive = ArchiveWriter(file, lambda more: None)
        for name, content in members.items():
            archive.add(name, io.BytesIO(content), len(content))
        archive.finish(json.dumps(manifest).encode())
    return target


def said_of(manifest: dict[str, Any]) -> Callable[[dict[str, bytes]], None]:
    """A change of the manifest."""

    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps({**json.loads(members["manifest.json"]), **manifest}).encode()

    return change


def test_a_backup_cut_short_or_flipped_anywhere_changes_nothing(
    place: Furnished, saved: Path, tmp_path: Path, judge: Judge, nightly: bool
) -> None:
    seed = int(os.environ.get("POSTERITY_TEST_SEED", "20261124"))
    draw, content = random.Random(seed), saved.read_bytes()
    lengths = [len(content) * share // 20 for share in range(20)] + [
        len(content) - n for n in (1, 512, 513, 1024, 1025)
    ]
    damaged = [content[:length] for length in lengths]
    head, when, tail = content.rpartition(b'"created_at": "20')  # of the manifest itself: no other digest shows it
    damaged.append(head + when[:-2] + b"19" + tail)
    for place_of in (draw.randrange(len(content)) for _ in range(1000 if nightly else 100)):
        flipped = bytearray(content)
        flipped[place_of] ^= 1 << draw.randrange(8)
        damaged.append(bytes(flipped))
    before, wrong, bad = state(place), [], tmp_path / "bad.tar"
    for number, one in enumerate(damaged):
        bad.write_bytes(one)
        said = place.refused("restore", str(bad), "--replace")
        if not said.startswith(str(bad)) or state(place) != before:
            wrong.append((number, said))
    measured = f"{len(damaged) - len(wrong)} of {len(damaged)} refused in one line, nothing changed, seed {seed}"
    judge("T8", "backup cut short or flipped", len(damaged), "all refused, nothing changed", measured, not wrong)


def test_no_bit_of_a_header_can_be_flipped(saved: Path) -> None:
    content = saved.read_bytes()
    for bit in range(512 * 8):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadBackup):
            next(backup_archive.members(saved, io.BytesIO(flipped)))


@pytest.mark.parametrize("kind", ["text", "empty", "gzip", "zip", "tar of another", "zeros", "folder", "missing"])
def test_a_foreign_file_is_refused(place: Furnished, saved: Path, tmp_path: Path, kind: str) -> None:
    path, before = tmp_path / "foreign", state(place)
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("manifest.json", "{}")
    elif kind == "tar of another":
        with tarfile.open(path, "w") as tar:
            tar.add(Path(__file__), "readme.txt")
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        text = {"text": b"x" * 3000, "empty": b"", "gzip": gzip.compress(saved.read_bytes()), "zeros": bytes(4096)}
        path.write_bytes(text[kind])
    assert place.refused("restore", str(path), "--replace").startswith(str(path))
    assert state(place) == before


FAISS = "index/v00000001/ratings.faiss"
STRANGE, EMPTY = "which no backup has", hashlib.sha256(b"").hexdigest()


def hostile(name: str, **fields: Any) -> Callable[[tarfile.TarFile], None]:
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return lambda tar: tar.addfile(info, io.BytesIO(bytes(info.size)))


@pytest.mark.parametrize(
    ("add", "words"),
    [
        (hostile("../outside"), STRANGE),
        (hostile("/tmp/outside"), STRANGE),
        (hostile("posters/../../outside"), STRANGE),
        (hostile("tables/../../outside.parquet"), STRANGE),
        (hostile("index/v00000001/../../x"), STRANGE),
        (hostile("catalog.db"), STRANGE),
        (hostile(".env"), STRANGE),
        (hostile("models/x/arrays.npz", type=tarfile.SYMTYPE, linkname="/etc/passwd"), STRANGE),
        (hostile("models/x/arrays.npz", type=tarfile.LNKTYPE, linkname="tables/movies.parquet"), STRANGE),
        (hostile("models/x", type=tarfile.DIRTYPE), STRANGE),
        (hostile("models/x/arrays.npz", type=tarfile.FIFOTYPE), STRANGE),
        (hostile("models/x/arrays.npz", type=tarfile.GNUTYPE_SPARSE), STRANGE),
        (hostile("models/x/arrays.npz", type=tarfile.XHDTYPE), STRANGE),
        (hostile("tables/movies.parquet"), "twice"),
        (hostile("tables/strange.parquet"), "not in its manifest"),
        (hostile("posters/ab/" + "ab" * 32 + ".png", size=5), "is damaged"),
        (hostile(f"posters/{EMPTY[:2]}/{EMPTY}.png"), "16 posters and should have 15"),
        (hostile("a" * 300), STRANGE),
    ],
)
def test_members_that_no_backup_has_are_refused_wherever_they_point(
    place: Furnished, saved: Path, tmp_path: Path, add: Callable[[tarfile.TarFile], None], words: str
) -> None:
    bad, before = tmp_path / "bad.tar", state(place)
    with tarfile.open(saved) as tar, tarfile.open(bad, "w", format=tarfile.GNU_FORMAT) as out:
        for member in tar.getmembers():
            if member.name == "manifest.json":
                add(out)
            out.addfile(member, tar.extractfile(member))
        end = out.offset
    os.truncate(bad, end + 1024)  # tarfile writes more at the end
    said = place.refused("restore", str(bad), "--replace")
    assert said.startswith(str(bad)) and words in said
    assert state(place) == before
    assert not (tmp_path / "outside").exists() and not Path("/tmp/outside").exists()


def test_what_contradicts_its_own_manifest_is_refused(place: Furnished, saved: Path, tmp_path: Path) -> None:
    with tarfile.open(saved) as tar:
        counted = json.loads(tar.extractfile("manifest.json").read())["tables"]  # type: ignore[union-attr]
    changes: dict[str, Callable[[dict[str, bytes]], None]] = {
        "has not the 21 rows": said_of({"tables": {**counted, "movies": 21}}),
        "table ../../x is missing": said_of({"tables": {**counted, "../../x": 1}}),
        "cannot be read": said_of({"model": "../models"}),
        "not a manifest": lambda members: members.update({"index/v00000001/manifest.json": b"{}"}),
        "not a Parquet file": lambda members: members.update({"ratings/x.parquet": b"PAR1"}),
        "its content is not what was published": lambda members: members.update({FAISS: members[FAISS][:-1] + b"\7"}),
        "its files are not those": lambda members: members.update({"index/v00000001/more": b"x"}),
        "its manifest is not one": said_of({"tables": 3}),
    }
    before = state(place)
    for words, change in changes.items():
        bad = rewritten(saved, tmp_path / "bad.tar", change)
        assert words in place.refused("restore", str(bad), "--replace"), words
        assert state(place) == before, words


def test_rows_that_the_database_refuses_change_nothing(place: Furnished, saved: Path, tmp_path: Path) -> None:
    def orphan(members: dict[str, bytes]) -> None:
        table = pq.read_table(io.BytesIO(members["tables/movies.parquet"])).slice(5)
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        members["tables/movies.parquet"] = buffer.getvalue()
        said_of({"tables": {**json.loads(members["manifest.json"])["tables"], "movies": 15}})(members)

    before = state(place)
    bad = rewritten(saved, tmp_path / "bad.tar", orphan)
    said = place.refused("restore", str(bad), "--replace")
    assert said.startswith(f"{bad}: tables/") and "its rows are refused: FOREIGN KEY" in said
    assert state(place) == before


def test_newer_backups_say_which_program_restores_them(place: Furnished, saved: Path, tmp_path: Path) -> None:
    bad = rewritten(saved, tmp_path / "bad.tar", said_of({"format": 2, "more": 1}))
    assert "restore it with the newer Posterity" in place.refused("restore", str(bad), "--replace")
    bad = rewritten(saved, tmp_path / "bad.tar", said_of({"schema_revision": "9999"}))
    assert "this version knows up to" in place.refused("restore", str(bad), "--replace")


def test_an_older_schema_is_brought_up_to_date(place: Furnished, saved: Path, tmp_path: Path, empty: Furnished) -> None:
    def older(members: dict[str, bytes]) -> None:
        """As version 0002 had it: no times of changes, no counter of them."""
        table = pq.read_table(io.BytesIO(members["tables/movies.parquet"])).drop_columns(["changed_at"])
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        members["tables/movies.parquet"] = buffer.getvalue()
        del members["tables/set_changes.parquet"]
        tables = json.loads(members["manifest.json"])["tables"]
        del tables["set_changes"]
        said_of({"schema_revision": "0002", "tables": tables})(members)

    empty.done("restore", str(rewritten(saved, tmp_path / "old.tar", older)))
    mine, theirs = place.rows(), empty.rows()
    assert [row[:8] for row in theirs["movies"]] == [row[:8] for row in mine["movies"]]
    assert theirs["set_changes"] == [("movies", 0)]
    assert theirs["poster_vectors"] == mine["poster_vectors"]


def test_a_catalog_with_something_in_it_is_only_moved_aside(place: Furnished, saved: Path) -> None:
    before = state(place)
    assert "add --replace" in place.refused("restore", str(saved))
    assert state(place) == before
    place.sql("DELETE FROM movies WHERE movie_id = 20")
    lost = state(place)
    said = place.done("restore", str(saved), "--replace")
    assert len(place.rows()["movies"]) == 20
    (database,) = place.data_dir.glob("catalog.db.before-restore-*")
    (folder,) = place.data_dir.glob(".before-restore-*")
    assert str(database) in said and str(folder) in said
    assert database.read_bytes() == lost["catalog.db"]
    aside = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert aside == {name: content for name, content in lost.items() if name != "catalog.db"}


def test_a_catalog_that_cannot_be_read_can_be_replaced(place: Furnished, saved: Path) -> None:
    rows = place.rows()
    (place.data_dir / "catalog.db").write_bytes(b"no database" * 1000)
    assert "add --replace" in place.refused("restore", str(saved))
    place.done("restore", str(saved), "--replace")
    assert place.rows()["movies"] == rows["movies"]


def test_nothing_is_replaced_under_living_workers(place: Furnished, saved: Path) -> None:
    catalog = place.catalog()
    catalog.presence.seen("embed-7@here", (Kind.EMBED,))
    catalog.close()
    before = state(place)
    assert "embed-7@here" in place.refused("restore", str(saved), "--replace")
    assert state(place) == before
    place.done("restore", str(saved), "--replace", "--force")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_disk_that_fails_in_the_middle_leaves_everything_as_it_was(
    place: Furnished, saved: Path, database: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every rename of the switch fails once."""
    if database == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        place = Furnished(place.data_dir.with_name("there"), server.url(server.create()), monkeypatch)
        furnish(place)
    before, rows, tried, renamed = state(place), place.rows(), 0, os.rename
    while True:
        tried += 1
        left = [tried]

        def rename(source: Any, target: Any, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise OSError(5, "Input/output error", str(source))
            renamed(source, target)

        monkeypatch.setattr(restore_switch.os, "rename", rename)
        result = place.run("restore", str(saved), "--replace")
        monkeypatch.setattr(restore_switch.os, "rename", renamed)
        if result.exit_code == 0:
            break
        assert isinstance(result.exception, OSError), result.exception
        assert (state(place), place.rows()) == (before, rows), f"rename {tried}"
    assert tried > 8  # four folders away, four folders in, and of SQLite the database twice


def test_a_restore_killed_in_the_middle_is_done_again(
    place: Furnished, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every rename: nothing is put back, as nobody is there to do it; what was there first is kept whole."""
    place.sql("DELETE FROM movies WHERE movie_id = 20")
    old, renamed, struck = place.rows(), os.rename, True
    monkeypatch.setattr(restore_switch.Switch, "undo", lambda self: None)
    for number in itertools.count(1):
        folder = tmp_path / str(number)
        shutil.copytree(place.data_dir, folder)
        other = Furnished(folder, f"sqlite:///{folder / 'catalog.db'}", monkeypatch)
        left = [number]

        def rename(source: Any, target: Any, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            renamed(source, target)

        monkeypatch.setattr(restore_switch.os, "rename", rename)
        struck = other.run("restore", str(saved), "--replace").exit_code != 0
        monkeypatch.setattr(restore_switch.os, "rename", renamed)
        if not struck:
            break
        other.done("restore", str(saved), "--replace")
        assert len(other.rows()["movies"]) == 20 and not examined(other)
        first = min([*folder.glob("catalog.db.before-restore-*")])
        assert Furnished(folder, f"sqlite:///{first}", monkeypatch).rows() == old
    assert number > 8


def examined(place: Furnished) -> list[Any]:
    """The faults that the doctor finds."""
    return [one for one in json.loads(place.run("doctor", "--json", "--quick").stdout) if one["level"] == "fault"]


def test_a_restore_says_when_there_is_no_room(place: Furnished, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state(place)
    monkeypatch.setattr(restore_unpacking, "free_bytes", lambda path: 1000)
    assert "make room, then restore" in place.refused("restore", str(saved), "--replace")
    assert state(place) == before


def test_a_second_restore_waits_for_the_first_and_takes_nothing_from_it(place: Furnished, saved: Path) -> None:
    with restoring._alone(place.data_dir) as staging:
        (staging / "of the first").write_text("x")
        assert "another restore is running" in place.refused("restore", str(saved), "--replace")
        assert (staging / "of the first").exists()


def test_nothing_moved_aside_is_ever_written_over(
    place: Furnished, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.gmtime(0)
    monkeypatch.setattr(restoring.time, "gmtime", lambda: now)
    for _ in range(3):
        place.done("restore", str(saved), "--replace")
    assert len(list(place.data_dir.glob("catalog.db.before-restore-*"))) == 3
    assert len(list(place.data_dir.glob(".before-restore-*"))) == 3


def test_what_a_killed_restore_left_is_in_nobodys_way(place: Furnished, saved: Path) -> None:
    (place.data_dir / ".restore").mkdir()
    (place.data_dir / ".restore" / "manifest.json").write_text("{}")
    (place.data_dir / ".catalog.db.restore").write_bytes(b"half")
    place.done("restore", str(saved), "--replace")
    assert not (place.data_dir / ".restore").exists() and not (place.data_dir / ".catalog.db.restore").exists()
