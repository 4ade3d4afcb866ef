from datetime import UTC, datetime, timedelta

import pytest

from index.errors import NoSuchSnapshot, PublishBusy, SnapshotCorrupt
from index.layout import read_current
from index.live import LiveSnapshot
from index.locking import publish_lock
from index.publishing import publish
from index.versions import list_versions, rollback, served_generation

pytestmark = pytest.mark.usefixtures("verified_here")


@pytest.fixture
def three(tmp_path, contents):
    for seed in range(3):
        publish(tmp_path, contents(seed))
    return tmp_path


def test_versions_are_listed_newest_first_with_what_they_hold(three):
    versions = list_versions(three)
    assert [(v.generation, v.current, v.valid, v.why) for v in versions] == [
        (3, True, True, None),
        (2, False, True, None),
        (1, False, True, None),
    ]
    assert {space.name: space.count for space in versions[0].spaces} == {"poster": 40, "ratings": 30}
    assert versions[0].size_bytes > (40 * 96 + 30 * 8) * 4
    assert datetime.now(UTC) - versions[0].created_at < timedelta(minutes=1)


def test_where_nothing_was_published_the_list_is_empty(tmp_path):
    assert list_versions(tmp_path) == list_versions(tmp_path / "none") == []
    assert served_generation(tmp_path) is None


def test_a_broken_version_is_listed_with_what_is_wrong(three, overwrite):
    overwrite(three / "v00000002" / "ratings.faiss", b"x")
    overwrite(three / "v00000001" / "manifest.json", b"x")
    (three / "v00000003").rename(three / "v00000007")
    seventh, second, first = list_versions(three)
    assert not (seventh.valid or second.valid or first.valid)
    assert "its manifest is that of version 3" in seventh.why
    assert "ratings.faiss" in second.why
    assert "not a manifest" in first.why
    assert (first.created_at, first.spaces, first.size_bytes) == (None, (), 0)


def test_rollback_goes_one_back_and_one_more(three):
    live = LiveSnapshot(three)
    assert live.get().generation == 3
    assert rollback(three).generation == 2
    assert live.refresh()
    assert live.get().generation == 2
    assert rollback(three).generation == 1
    with pytest.raises(NoSuchSnapshot, match="an older snapshot does not exist; available: 3, 2, 1"):
        rollback(three)
    assert served_generation(three) == 1


def test_rollback_goes_to_any_version_and_forward_again(three):
    assert rollback(three, 1).generation == 1
    assert rollback(three, 3).generation == 3
    assert LiveSnapshot(three).get().generation == 3


def test_after_a_rollback_the_next_version_is_still_the_highest(three, contents):
    rollback(three, 1)
    assert publish(three, contents()).generation == 4
    assert served_generation(three) == 4


def test_a_version_that_is_not_there_is_named_with_those_that_are(three, tmp_path):
    with pytest.raises(NoSuchSnapshot, match="snapshot 9 does not exist; available: 3, 2, 1") as raised:
        rollback(three, 9)
    assert raised.value.available == (3, 2, 1)
    with pytest.raises(NoSuchSnapshot, match="available: none"):
        rollback(tmp_path / "none")


def test_a_broken_version_is_never_gone_back_to(three, overwrite):
    before = read_current(three)
    content = bytearray((three / "v00000001" / "poster.faiss").read_bytes())
    content[500] ^= 1
    overwrite(three / "v00000001" / "poster.faiss", bytes(content))
    with pytest.raises(SnapshotCorrupt, match=r"poster\.faiss.*sha256"):
        rollback(three, 1)
    assert read_current(three) == before


def test_by_itself_rollback_passes_over_what_is_plainly_broken(three, overwrite):
    overwrite(three / "v00000002" / "poster.faiss", b"short")
    assert rollback(three).generation == 1


def test_without_a_usable_current_rollback_takes_the_newest(three):
    (three / "CURRENT").unlink()
    assert rollback(three).generation == 3


def test_rollback_and_rebuild_exclude_each_other(three, contents):
    with publish_lock(three):
        with pytest.raises(PublishBusy):
            rollback(three)
        with pytest.raises(PublishBusy):
            publish(three, contents())
    assert rollback(three).generation == 2


def test_a_rollback_killed_at_any_step_serves_the_old_or_the_new(three, faults):
    for step in range(1, 50):
        faults.at(step)
        try:
            rollback(three, 2)
            break
        except faults.Killed:
            faults.none()
            live = LiveSnapshot(three)
            assert live.get().generation in (2, 3)
            assert live.degraded is None
    assert step > 6
    faults.none()
    assert rollback(three, 3).generation == 3
