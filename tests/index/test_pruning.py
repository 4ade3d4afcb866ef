import errno
import time
from pathlib import Path

import pytest

from index import durable, pruning
from index.layout import generations
from index.live import LiveSnapshot
from index.pruning import prune
from index.publishing import publish
from index.versions import rollback

pytestmark = pytest.mark.usefixtures("verified_here")
LATER = 3600.0


@pytest.fixture
def five(tmp_path, contents):
    for seed in range(5):
        publish(tmp_path, contents(seed))
    return tmp_path


def test_youth_protects_while_there_is_room(five):
    assert generations(five) == [1, 2, 3, 4, 5]


def test_the_three_newest_are_kept(five):
    assert prune(five, time.time() + LATER) == [1, 2]
    assert generations(five) == [3, 4, 5]
    assert prune(five, time.time() + LATER) == []


def test_youth_does_not_protect_on_a_disk_that_is_nearly_full(five, monkeypatch):
    monkeypatch.setattr(pruning, "free_bytes", lambda _: 1000)
    assert prune(five) == [1, 2]
    assert generations(five) == [3, 4, 5]


def test_only_as_many_as_are_needed_give_way(five, monkeypatch):
    free = iter([1000, 10**9])
    monkeypatch.setattr(pruning, "free_bytes", lambda _: next(free))
    assert prune(five) == [1]


def test_ten_minutes_is_the_limit(five):
    created = LiveSnapshot(five).get().manifest.created_at.timestamp()
    assert prune(five, created + 500) == []
    assert prune(five, created + 700) == [1, 2]


def test_the_version_that_is_served_is_never_removed(five, monkeypatch):
    monkeypatch.setattr("index.versions.verify_apart", lambda folder, manifest: None)
    rollback(five, 1)
    assert prune(five, time.time() + LATER) == [2]
    assert LiveSnapshot(five).get().generation == 1


def test_a_broken_version_takes_no_place_of_a_good_one(five, overwrite):
    overwrite(five / "v00000004" / "poster.faiss", b"short")
    assert prune(five, time.time() + LATER) == [1]
    assert generations(five) == [2, 3, 4, 5]


def test_a_version_newer_than_those_kept_is_not_judged(five):
    (five / "v00000009").mkdir()
    assert prune(five, time.time() + LATER) == [1, 2]
    assert generations(five) == [3, 4, 5, 9]


def test_without_a_usable_version_nothing_is_removed(five, overwrite):
    for generation in range(1, 6):
        overwrite(five / f"v{generation:08d}" / "manifest.json", b"{}")
    assert prune(five, time.time() + LATER) == []


def test_a_reader_keeps_what_it_has_open(five):
    live = LiveSnapshot(five)
    before = live.get().similar("poster", 3, 10)
    for generation in generations(five):
        durable.remove_folder(five / f"v{generation:08d}")
    assert live.get().similar("poster", 3, 10) == before


def test_removing_that_fails_is_no_failure_of_the_rebuild(five, contents, monkeypatch, caplog):
    def broken(path: Path) -> None:
        raise OSError(errno.EIO, "broken", str(path))

    monkeypatch.setattr(pruning, "free_bytes", lambda _: 1000)
    monkeypatch.setattr(pruning, "remove_folder", broken)
    assert publish(five, contents()).generation == 6
    assert "are not removed" in caplog.text
    assert LiveSnapshot(five).get().generation == 6
    monkeypatch.undo()


def test_a_removal_that_was_killed_leaves_no_half_version(five, faults):
    faults.at(3)
    with pytest.raises(faults.Killed):
        prune(five, time.time() + LATER)
    faults.none()
    assert all((five / f"v{g:08d}" / "manifest.json").exists() for g in generations(five))
