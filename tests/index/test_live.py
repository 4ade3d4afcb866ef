import threading
from types import SimpleNamespace

import numpy as np
import pytest

from index import live as live_module
from index.durable import digest_of
from index.errors import IndexNotReady
from index.layout import Current, move_current
from index.live import LiveSnapshot
from index.manifest import MANIFEST
from index.publishing import publish
from index.versions import rollback

pytestmark = pytest.mark.usefixtures("verified_here")


def test_before_the_first_snapshot_nothing_is_ready_and_nothing_is_wrong(tmp_path):
    for root in (tmp_path, tmp_path / "not yet made"):
        live = LiveSnapshot(root)
        with pytest.raises(IndexNotReady, match="none was published yet"):
            live.get()
        assert not live.refresh()
        assert (live.degraded, live.failures) == (None, 0)


def test_the_first_snapshot_and_each_later_one_are_taken_over(tmp_path, contents):
    live = LiveSnapshot(tmp_path)
    assert not live.refresh()
    for generation in (1, 2, 3):
        publish(tmp_path, contents(generation))
        assert live.refresh()
        assert live.get().generation == generation
        assert not live.refresh()
    assert (live.degraded, live.failures) == (None, 0)


def test_the_folder_may_be_made_later(tmp_path, contents):
    live = LiveSnapshot(tmp_path / "index")
    assert not live.refresh()
    publish(tmp_path / "index", contents())
    assert live.refresh()


def test_a_request_keeps_the_snapshot_it_took(tmp_path, contents):
    publish(tmp_path, contents(0))
    live = LiveSnapshot(tmp_path)
    taken = live.get()
    before = taken.similar("poster", 3, 10)
    publish(tmp_path, contents(1))
    assert live.refresh()
    assert (taken.generation, live.get().generation) == (1, 2)
    assert taken.similar("poster", 3, 10) == before


def test_a_better_snapshot_ends_being_degraded(tmp_path, contents, overwrite):
    publish(tmp_path, contents(0))
    live = LiveSnapshot(tmp_path)
    live.get()
    publish(tmp_path, contents(1))
    overwrite(tmp_path / "v00000002" / "poster.faiss", b"")
    assert not live.refresh()
    assert "poster.faiss" in live.degraded
    publish(tmp_path, contents(2))
    assert live.refresh()
    assert (live.degraded, live.failures, live.get().generation) == (None, 1, 3)


def test_a_version_that_could_not_be_loaded_is_tried_again_but_not_at_every_look(
    tmp_path, contents, overwrite, monkeypatch
):
    publish(tmp_path, contents(0))
    live = LiveSnapshot(tmp_path)
    live.get()
    publish(tmp_path, contents(1))
    path = tmp_path / "v00000002" / "poster.faiss"
    good = path.read_bytes()
    overwrite(path, good[:-1])
    now = SimpleNamespace(monotonic=lambda: 1000.0)
    monkeypatch.setattr(live_module, "time", now)
    for _ in range(5):
        assert not live.refresh()
    assert live.failures == 1
    overwrite(path, good)
    assert not live.refresh()
    now.monotonic = lambda: 1000.0 + live_module.RETRY_S
    assert live.refresh()
    assert (live.get().generation, live.degraded) == (2, None)


def test_too_little_memory_keeps_the_old_snapshot_and_says_so(tmp_path, contents, monkeypatch):
    publish(tmp_path, contents(0))
    live = LiveSnapshot(tmp_path)
    live.get()
    publish(tmp_path, contents(1))
    memory = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=50 << 20))
    monkeypatch.setattr(live_module, "psutil", memory)
    assert not live.refresh()
    assert live.get().generation == 1
    assert "76.8 MiB of memory and 50.0 MiB are available" in live.degraded


def test_mapped_vectors_do_not_count_as_memory(tmp_path, contents, monkeypatch):
    publish(tmp_path, contents(0, posters=3000))
    memory = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=78 << 20))
    monkeypatch.setattr(live_module, "psutil", memory)
    monkeypatch.setattr(live_module, "WORKING_BYTES", 64 << 20)
    assert LiveSnapshot(tmp_path).get().generation == 1


def test_a_folder_that_vanishes_is_told_and_the_open_snapshot_stays(tmp_path, contents):
    root = tmp_path / "index"
    publish(root, contents(0))
    live = LiveSnapshot(root)
    before = live.get().similar("ratings", 2, 5)
    root.rename(tmp_path / "elsewhere")
    assert not live.refresh()
    assert "gone" in live.degraded
    assert live.get().similar("ratings", 2, 5) == before
    (tmp_path / "elsewhere").rename(root)
    assert live.refresh()
    assert live.degraded is None


def test_a_rollback_is_followed(tmp_path, contents, monkeypatch):
    monkeypatch.setattr("index.versions.verify_apart", lambda folder, manifest: None)
    publish(tmp_path, contents(0))
    publish(tmp_path, contents(1))
    live = LiveSnapshot(tmp_path)
    assert live.get().generation == 2
    rollback(tmp_path)
    assert live.refresh()
    assert live.get().generation == 1


class Followed(LiveSnapshot):
    """Says when it has looked."""

    def __init__(self, root):
        super().__init__(root)
        self.looked = threading.Event()

    def refresh(self):
        changed = super().refresh()
        self.looked.set()
        return changed


def test_the_thread_follows_and_ends_when_it_is_closed(tmp_path, contents):
    publish(tmp_path, contents(0))
    live = Followed(tmp_path)
    live.get()
    live.watch(0.001)
    live.watch(0.001)
    assert [thread.name for thread in threading.enumerate()].count("follow-snapshot") == 1
    publish(tmp_path, contents(1))
    for _ in range(2):  # a look that had begun before, and one after
        live.looked.clear()
        assert live.looked.wait(10)
    assert live.get().generation == 2
    live.close()
    live.close()
    assert "follow-snapshot" not in [thread.name for thread in threading.enumerate()]
    assert live.get().generation == 2
    live.watch(0.001)
    live.looked.clear()
    assert live.looked.wait(10)
    live.close()


def test_an_unforeseen_error_does_not_end_the_thread(tmp_path, contents, monkeypatch, caplog):
    publish(tmp_path, contents(0))
    live = Followed(tmp_path)
    live.get()
    publish(tmp_path, contents(1))
    calls, told = [], threading.Event()

    def broken(folder, manifest):
        calls.append(folder)
        if len(calls) == 1:
            raise RuntimeError("never seen before")
        told.set()
        return opened(folder, manifest)

    opened = live_module.Snapshot.open
    monkeypatch.setattr(live_module.Snapshot, "open", broken)
    monkeypatch.setattr(live_module, "RETRY_S", 0.0)
    live.watch(0.001)
    assert told.wait(10)
    live.close()
    assert "could not be refreshed" in caplog.text
    assert (live.get().generation, live.failures) == (2, 1)


def test_while_versions_change_every_answer_is_that_of_its_own_version(tmp_path, contents):
    want = {}
    for seed in range(3):
        manifest = publish(tmp_path, contents(seed))
        want[manifest.generation] = LiveSnapshot(tmp_path).get().similar("poster", 3, 10)
    live, wrong, stop = LiveSnapshot(tmp_path), [], threading.Event()
    live.get()

    def ask():
        while not stop.is_set():
            snapshot = live.get()
            if snapshot.similar("poster", 3, 10) != want[snapshot.generation]:
                wrong.append(snapshot.generation)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    draw = np.random.default_rng(0)
    for generation in draw.integers(1, 4, 30).tolist():
        sha256 = digest_of(tmp_path / f"v{generation:08d}" / MANIFEST).sha256
        move_current(tmp_path, Current(generation, sha256))
        live.refresh()
        assert live.get().generation == generation
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
