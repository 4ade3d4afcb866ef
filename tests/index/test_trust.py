import os
import shutil

import pytest

from index import live as live_module
from index import pruning, trust
from index.errors import IndexNotReady, SnapshotCorrupt
from index.live import LiveSnapshot
from index.manifest import read_manifest
from index.publishing import publish
from index.versions import rollback


@pytest.fixture
def counted(monkeypatch):
    """Counts the files that are read whole."""
    read = []
    real = trust.digest_of
    monkeypatch.setattr(trust, "digest_of", lambda path: read.append(path.name) or real(path))
    return read


def test_a_version_that_was_verified_is_opened_without_reading_it(tmp_path, contents, counted):
    publish(tmp_path, contents())
    assert LiveSnapshot(tmp_path).get().generation == 1
    assert counted == []


def test_one_bit_written_since_then_is_found(tmp_path, contents, counted):
    publish(tmp_path, contents())
    path = tmp_path / "v00000001" / "poster.faiss"
    path.chmod(0o644)
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(500)
        byte = file.read(1)
        file.seek(500)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # whoever hides the time of his change
    with pytest.raises(SnapshotCorrupt, match=r"poster\.faiss.*sha256"):
        trust.demand_files(path.parent, read_manifest(path.parent)[0])


def test_a_copy_is_read_once_and_then_known(tmp_path, contents, counted):
    publish(tmp_path / "a", contents())
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    LiveSnapshot(tmp_path / "b").get()
    assert "poster.faiss" in counted
    counted.clear()
    LiveSnapshot(tmp_path / "b").get()
    assert counted == []


@pytest.mark.parametrize("note", [b"", b"\xff\xfe", b"{}"])
def test_a_note_that_says_nothing_makes_the_version_be_read(tmp_path, contents, counted, note):
    publish(tmp_path, contents())
    (tmp_path / ".verified-v00000001").write_bytes(note)
    LiveSnapshot(tmp_path).get()
    assert "ratings.faiss" in counted


def test_without_the_right_to_write_notes_versions_are_served_all_the_same(tmp_path, contents, monkeypatch):
    publish(tmp_path, contents())
    (tmp_path / ".verified-v00000001").unlink()
    (tmp_path / ".verified-v00000001").mkdir()  # nobody can write a note there
    assert LiveSnapshot(tmp_path).get().generation == 1


def test_the_note_of_a_removed_version_goes_with_it(tmp_path, contents, monkeypatch):
    monkeypatch.setattr(pruning, "YOUNG_S", -1.0)
    for seed in range(5):
        publish(tmp_path, contents(seed))
    notes = {path.name for path in tmp_path.glob(".verified-*")}
    assert notes == {f".verified-{path.name}" for path in tmp_path.glob("v*")}


def test_a_rollback_reads_every_byte_again(tmp_path, contents):
    publish(tmp_path, contents(1))
    publish(tmp_path, contents(2))
    path = tmp_path / "v00000001" / "ratings.faiss"
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(SnapshotCorrupt, match="sha256"):
        rollback(tmp_path, 1)


def test_who_writes_between_the_reading_and_the_note_is_not_vouched_for(tmp_path, contents, monkeypatch):
    publish(tmp_path, contents())
    (tmp_path / ".verified-v00000001").unlink()
    path = tmp_path / "v00000001" / "poster.faiss"
    path.chmod(0o644)
    opened = live_module.Snapshot.open

    def slow(*arguments):
        snapshot = opened(*arguments)
        with path.open("r+b") as file:
            file.seek(500)
            file.write(b"\x55\xaa")
        return snapshot

    monkeypatch.setattr(live_module.Snapshot, "open", slow)
    LiveSnapshot(tmp_path).get()
    monkeypatch.undo()
    with pytest.raises(SnapshotCorrupt, match=r"poster\.faiss.*sha256"):
        trust.demand_files(path.parent, read_manifest(path.parent)[0])


def test_a_version_behind_a_link_is_not_opened(tmp_path, contents):
    publish(tmp_path / "index", contents())
    (tmp_path / "index" / "v00000001").rename(tmp_path / "elsewhere")
    (tmp_path / "index" / "v00000001").symlink_to(tmp_path / "elsewhere")
    live = LiveSnapshot(tmp_path / "index")
    with pytest.raises(IndexNotReady, match="it is a link"):
        live.get()
