import errno
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from index import durable, publishing
from index.contents import SnapshotContents, SpaceContents
from index.errors import (
    DimensionMismatch,
    DuplicateId,
    IndexNotReady,
    NoSpace,
    NotFinite,
    NothingToPublish,
    PublishBusy,
    SnapshotCorrupt,
    ZeroVector,
)
from index.flat import FlatSpace
from index.layout import generations, read_current
from index.live import LiveSnapshot
from index.manifest import read_manifest
from index.publishing import publish
from index.snapshot import Snapshot
from index.spaces import SpaceInfo
from index.vectors import unit_rows

REPOSITORY = Path(__file__).parents[2]


def leftovers(root):
    return sorted(path.name for path in root.iterdir() if "tmp" in path.name)


def answers(snapshot):
    return snapshot.similar("poster", 3, 5), snapshot.similar("ratings", 2, 5)


def test_what_is_published_is_served_and_answers_as_brute_force(tmp_path, contents):
    manifest = publish(tmp_path, contents())
    snapshot = LiveSnapshot(tmp_path).get()
    assert snapshot.generation == manifest.generation == 1
    assert snapshot.manifest == manifest
    poster = contents().spaces[0]
    rows = unit_rows(np.concatenate(list(poster.blocks)), poster.movie_ids)
    cosines = rows.astype(np.float64) @ rows[1].astype(np.float64)
    real = [i for i in np.argsort(-cosines) if poster.generated[i] == 0 and i != 1][:7]
    found = snapshot.similar("poster", int(poster.movie_ids[1]), 7)
    assert [hit.movie_id for hit in found] == poster.movie_ids[real].tolist()
    assert np.allclose([hit.score for hit in found], cosines[real], atol=1e-6)


def test_the_folder_is_the_one_in_the_documents(tmp_path, contents):
    publish(tmp_path, contents())
    folder = tmp_path / "v00000001"
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(files) == [
        "manifest.json",
        "poster.faiss",
        "poster.generated.npy",
        "poster.ids.npy",
        "ratings.faiss",
        "ratings.ids.npy",
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}
    name, sha256 = (tmp_path / "CURRENT").read_text().split()
    assert (name, sha256) == ("v00000001", durable.digest_of(folder / "manifest.json").sha256)
    stated = json.loads(files["manifest.json"])
    assert {name: len(content) for name, content in files.items() if name != "manifest.json"} == {
        name: said["size"] for name, said in stated["files"].items()
    }
    assert stated["source"] == {"seed": 0}
    assert leftovers(tmp_path) == []


@pytest.mark.usefixtures("verified_here")
def test_one_kind_of_vector_is_enough_and_none_is_refused(tmp_path, contents):
    poster, ratings = contents().spaces
    publish(tmp_path, SnapshotContents((poster,)))
    publish(tmp_path, SnapshotContents((ratings,)))
    snapshot = LiveSnapshot(tmp_path).get()
    assert not snapshot.has("poster", 3)
    assert snapshot.has("ratings", 2)
    with pytest.raises(NothingToPublish, match="neither a poster nor a rating vector"):
        publish(tmp_path, SnapshotContents(()))
    empty = SpaceContents("poster", 8, "cosine", "toy", np.empty(0, np.int64), [], np.empty(0, np.uint8))
    with pytest.raises(NothingToPublish):
        publish(tmp_path, SnapshotContents((empty,)))
    assert publish(tmp_path, SnapshotContents((empty, contents().spaces[1]))).spaces.keys() == {"ratings"}
    assert generations(tmp_path) == [1, 2, 3]


@pytest.mark.usefixtures("verified_here")
def test_generations_go_up_by_one_over_all_there_are(tmp_path, contents):
    assert [publish(tmp_path, contents()).generation for _ in range(3)] == [1, 2, 3]
    (tmp_path / "v00000009").mkdir()
    assert publish(tmp_path, contents()).generation == 10
    (tmp_path / "CURRENT").unlink()
    (tmp_path / "CURRENT").write_text(f"v00000020 {'0' * 64}\n")
    assert publish(tmp_path, contents()).generation == 21
    (tmp_path / "CURRENT").unlink()
    (tmp_path / "CURRENT").write_text("garbage")
    assert publish(tmp_path, contents()).generation == 22


@pytest.mark.usefixtures("verified_here")
def test_progress_tells_each_phase_to_its_end(tmp_path, contents):
    told = []
    publish(tmp_path, contents(), lambda *step: told.append(step))
    assert told == [
        ("poster", 14, 40),
        ("poster", 27, 40),
        ("poster", 40, 40),
        ("ratings", 30, 30),
        ("verify", 0, 1),
        ("publish", 0, 1),
        ("publish", 1, 1),
    ]


def bad_posters(**changes):
    fields = {
        "name": "poster",
        "dimension": 4,
        "metric": "cosine",
        "fingerprint": "toy",
        "movie_ids": np.array([11, 12, 13]),
        "blocks": [np.ones((3, 4), np.float32)],
        "generated": None,
    }
    return SnapshotContents((SpaceContents(**{**fields, **changes}),))


ROW = np.ones((1, 4), np.float32)
BAD = {
    "NaN": ({"blocks": [np.ones((2, 4), np.float32), ROW * np.float32(np.nan)]}, NotFinite, "movie 13"),
    "zero": ({"blocks": [ROW, ROW * 0, ROW]}, ZeroVector, "movie 12"),
    "infinite factor": (
        {"metric": "inner_product", "blocks": [ROW, ROW * np.float32(np.inf), ROW]},
        NotFinite,
        "movie 12",
    ),
    "twice": ({"movie_ids": np.array([11, 12, 11])}, DuplicateId, "movie 11"),
    "too few rows": ({"blocks": [ROW, ROW]}, DimensionMismatch, "expected 3, got 2"),
    "too many rows": ({"blocks": [ROW] * 4}, DimensionMismatch, "expected 3"),
    "too wide": ({"blocks": [np.ones((3, 5), np.float32)]}, DimensionMismatch, "expected 4"),
    "float64": ({"blocks": [np.ones((3, 4))]}, DimensionMismatch, "float64"),
    "one axis": ({"blocks": [np.ones(12, np.float32)]}, DimensionMismatch, "expected 4"),
    "flags too short": ({"generated": np.zeros(2, np.uint8)}, DimensionMismatch, "flags"),
    "flags of two": ({"generated": np.full(3, 2, np.uint8)}, DimensionMismatch, "flags"),
}


@pytest.mark.usefixtures("verified_here")
@pytest.mark.parametrize("name", BAD)
def test_a_vector_that_must_not_get_in_is_named_and_nothing_changes(tmp_path, contents, name):
    changes, error, why = BAD[name]
    publish(tmp_path, contents())
    with pytest.raises(error, match=why) as raised:
        publish(tmp_path, bad_posters(**changes))
    assert "\n" not in str(raised.value)
    assert LiveSnapshot(tmp_path).get().generation == 1
    assert (leftovers(tmp_path), generations(tmp_path)) == ([], [1])


def test_a_caller_that_is_wrong_is_told_before_anything_is_written(tmp_path, contents):
    poster = contents().spaces[0]
    with pytest.raises(ValueError, match="at most once"):
        publish(tmp_path / "index", SnapshotContents((poster, poster)))
    with pytest.raises(ValueError, match="JSON"):
        publish(tmp_path / "index", SnapshotContents((poster,), {"loss": float("nan")}))
    assert not (tmp_path / "index").exists()


@pytest.mark.usefixtures("verified_here")
def test_a_caller_that_fails_in_the_middle_leaves_nothing(tmp_path, contents):
    def blocks():
        yield from contents().spaces[0].blocks
        raise KeyboardInterrupt

    poster = contents().spaces[0]
    broken = SpaceContents("poster", 96, "cosine", "toy", poster.movie_ids, blocks())
    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path, SnapshotContents((broken,)))
    assert (leftovers(tmp_path), generations(tmp_path), read_current(tmp_path)) == ([], [], None)


def test_too_little_room_is_said_before_anything_is_written(tmp_path, contents, monkeypatch):
    state = namedtuple("State", "f_bavail f_frsize")(5, 4096)
    monkeypatch.setattr(durable.os, "statvfs", lambda _: state)
    with pytest.raises(NoSpace, match=r"are needed and 0\.0 MiB are free") as raised:
        publish(tmp_path, contents())
    assert raised.value.free == 20480
    assert raised.value.needed > 2.2 * (40 * 96 + 30 * 8) * 4
    assert [path.name for path in tmp_path.iterdir()] == [".rebuild.lock"]


@pytest.mark.usefixtures("verified_here")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_fails_at_any_step_leaves_the_old_or_the_new_version_and_recovers(
    tmp_path, contents, faults, number
):
    publish(tmp_path, contents(0))
    old = answers(LiveSnapshot(tmp_path).get())
    for step in range(1, 200):
        shim = faults.at(step, number)
        before = read_current(tmp_path).generation
        try:
            publish(tmp_path, contents(step))
            failed = False
        except (NoSpace, OSError) as err:
            failed = True
            assert isinstance(err, NoSpace) == (number != errno.EIO)
        faults.none()
        live = LiveSnapshot(tmp_path)
        assert live.get().generation == read_current(tmp_path).generation
        assert live.degraded is None
        if not failed and shim.steps < step:
            break
        if live.get().generation == before:
            assert answers(live.get()) == old
        assert leftovers(tmp_path) == []
        old = answers(live.get())
    assert step > 25
    assert leftovers(tmp_path) == []


@pytest.mark.usefixtures("verified_here")
@pytest.mark.parametrize("first", [True, False])
def test_a_kill_at_any_step_leaves_the_old_or_the_new_version_and_the_next_rebuild_clears_up(
    tmp_path, contents, faults, first
):
    killed_before, killed_after = 0, 0
    for step in range(1, 200):
        root = tmp_path / str(step)
        if not first:
            publish(root, contents(0))
            old = answers(LiveSnapshot(root).get())
        faults.at(step)
        try:
            publish(root, contents(1))
            break
        except faults.Killed:
            pass
        faults.none()
        live = LiveSnapshot(root)
        try:
            snapshot = live.get()
        except IndexNotReady:
            assert first
            assert read_current(root) is None
            killed_before += 1
        else:
            new = snapshot.generation == (1 if first else 2)
            killed_after += new
            killed_before += not new
            assert new or answers(snapshot) == old
        following = publish(root, contents(2))
        assert live.refresh()
        assert live.get().generation == following.generation
        assert answers(live.get()) == answers(Snapshot.open(root / f"v{following.generation:08d}"))
        assert leftovers(root) == []
    assert killed_before > 20
    assert killed_after >= 1


@pytest.mark.usefixtures("verified_here")
def test_of_two_rebuilds_at_once_one_is_told_to_wait(tmp_path, contents):
    inside, go_on, done = threading.Event(), threading.Event(), []

    def blocks():
        inside.set()
        assert go_on.wait(30)
        yield from contents().spaces[0].blocks

    poster = contents().spaces[0]
    slow = SpaceContents("poster", 96, "cosine", "toy", poster.movie_ids, blocks())
    thread = threading.Thread(target=lambda: done.append(publish(tmp_path, SnapshotContents((slow,)))))
    thread.start()
    assert inside.wait(30)
    try:
        for _ in range(3):
            with pytest.raises(PublishBusy, match="another rebuild or rollback"):
                publish(tmp_path, contents())
    finally:
        go_on.set()
        thread.join()
    assert done[0].generation == 1
    assert publish(tmp_path, contents()).generation == 2


def in_a_process(program, *arguments):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_rebuild_killed_by_the_kernel_frees_the_lock_and_the_next_one_clears_up(tmp_path, contents):
    publish(tmp_path, contents())
    died = in_a_process(
        """
        import os, signal, sys
        from pathlib import Path
        import numpy as np
        from index.contents import SnapshotContents, SpaceContents
        from index.publishing import publish

        def blocks():
            yield np.ones((5, 8), np.float32)
            os.kill(os.getpid(), signal.SIGKILL)

        space = SpaceContents("poster", 8, "cosine", "toy", np.arange(10), blocks())
        publish(Path(sys.argv[1]), SnapshotContents((space,)))
        """,
        tmp_path,
    )
    assert died.returncode == -signal.SIGKILL
    assert len(leftovers(tmp_path)) == 1
    assert LiveSnapshot(tmp_path).get().generation == 1
    assert publish(tmp_path, contents()).generation == 2
    assert leftovers(tmp_path) == []


def test_a_real_write_error_ends_the_rebuild_and_leaves_nothing(tmp_path, contents):
    publish(tmp_path, contents())
    failed = in_a_process(
        """
        import resource, signal, sys
        from pathlib import Path
        import numpy as np
        from index.contents import SnapshotContents, SpaceContents
        from index.publishing import publish

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        space = SpaceContents("poster", 8, "cosine", "toy", np.arange(100), [np.ones((100, 8), np.float32)])
        try:
            publish(Path(sys.argv[1]), SnapshotContents((space,)))
        except OSError as err:
            print(err)
        """,
        tmp_path,
    )
    assert "poster.faiss" in failed.stdout, failed.stderr
    assert (leftovers(tmp_path), generations(tmp_path)) == ([], [1])


def test_a_file_that_the_disk_did_not_keep_is_found_by_reading_it_back(tmp_path, contents, monkeypatch):
    publish(tmp_path, contents())
    write = publishing.write_flat

    def forgetful(path, info, blocks):
        digest = write(path, info, blocks)
        content = bytearray(path.read_bytes())
        content[-100] ^= 1
        path.unlink()
        path.write_bytes(content)
        return digest

    monkeypatch.setattr(publishing, "write_flat", forgetful)
    with pytest.raises(SnapshotCorrupt, match=r"poster\.faiss.*sha256") as raised:
        publish(tmp_path, contents())
    assert "\n" not in str(raised.value)
    assert LiveSnapshot(tmp_path).get().generation == 1
    assert (leftovers(tmp_path), generations(tmp_path)) == ([], [1])


def test_rows_that_were_never_normalised_are_found_by_verification(tmp_path, contents, monkeypatch):
    monkeypatch.setattr("index.contents.unit_rows", lambda block, ids: block)
    with pytest.raises(SnapshotCorrupt, match="own nearest"):
        publish(tmp_path, contents())
    assert read_current(tmp_path) is None


def test_a_verification_that_dies_is_told_in_one_line(tmp_path, contents, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SnapshotCorrupt, match="verification: its verification died with code 1"):
        publish(tmp_path, contents())
    assert leftovers(tmp_path) == []


def test_verification_works_from_anywhere(tmp_path, contents, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faiss.py").write_text("raise SystemExit('not this one')")
    assert publish(Path("index"), contents()).generation == 1


def test_the_index_room_brings_no_other_room_and_no_tensorflow():
    listed = in_a_process(
        """
        import sys
        import index.publishing, index.live, index.versions, index.records
        others = ("tensorflow", "flask", "celery", "config", "catalog", "posters", "ratings")
        print([name for name in others if name in sys.modules])
        """
    )
    assert listed.stdout.strip() == "[]", listed.stderr


def test_a_published_manifest_is_what_publish_returned(tmp_path, contents):
    manifest = publish(tmp_path, contents())
    assert read_manifest(tmp_path / "v00000001")[0] == manifest
    assert manifest.spaces["poster"] == SpaceInfo("poster", 96, "float32", "cosine", "toy", 40)
    assert isinstance(Snapshot.open(tmp_path / "v00000001").space("poster"), FlatSpace)


@pytest.mark.usefixtures("verified_here")
def test_everything_is_on_the_disk_before_the_name_that_shows_it(tmp_path, contents, faults):
    shim = faults.at(10**9)
    publish(tmp_path, contents())
    aside = f".tmp-1-{os.getpid()}"
    for file in ("poster.faiss", "ratings.ids.npy", "manifest.json"):
        assert shim.log.index(f"fsync {file}") > max(i for i, op in enumerate(shim.log) if op == f"write {file}")
    assert shim.log.index("open manifest.json") > max(i for i, op in enumerate(shim.log) if op.endswith("npy"))
    tail = shim.log[shim.log.index("fsync manifest.json") :]
    assert [op for op in tail if not op.startswith(("open", "fchmod"))] == [
        "fsync manifest.json",
        f"fsync {aside}",
        f"rename {aside}",
        f"fsync {tmp_path.name}",
        "write CURRENT.tmp",
        "fsync CURRENT.tmp",
        "replace CURRENT.tmp",
        f"fsync {tmp_path.name}",
    ]


@pytest.mark.usefixtures("verified_here")
def test_on_a_full_disk_old_versions_give_way_before_a_rebuild_is_refused(tmp_path, contents, monkeypatch):
    for seed in range(5):
        publish(tmp_path, contents(seed))
    monkeypatch.setattr(publishing, "free_bytes", lambda _: 1000)
    monkeypatch.setattr("index.pruning.free_bytes", lambda _: 1000)
    with pytest.raises(NoSpace):
        publish(tmp_path, contents())
    assert generations(tmp_path) == [3, 4, 5]
