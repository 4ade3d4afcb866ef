import io
import shutil

import faiss
import numpy as np
import pytest

from index.contents import SnapshotContents
from index.durable import digest_of
from index.errors import IndexNotReady, NoSuchSpace, NotInIndex, SnapshotCorrupt
from index.live import LiveSnapshot
from index.manifest import read_manifest
from index.publishing import publish
from index.snapshot import Snapshot, anonymous_bytes

pytestmark = pytest.mark.usefixtures("verified_here")
FILES = [
    "poster.faiss",
    "poster.ids.npy",
    "poster.generated.npy",
    "ratings.faiss",
    "ratings.ids.npy",
    "manifest.json",
    "CURRENT",
]


def flipped(content, place):
    changed = bytearray(content)
    changed[place] ^= 0x10
    return bytes(changed)


DAMAGE = {
    "gone": lambda content: None,
    "empty": lambda content: b"",
    "one byte": lambda content: content[:1],
    "half": lambda content: content[: len(content) // 2],
    "a byte short": lambda content: content[:-1],
    "a byte long": lambda content: content + b"\0",
    "first byte flipped": lambda content: flipped(content, 0),
    "a bit in the middle flipped": lambda content: flipped(content, len(content) // 2),
    "the byte before the last flipped": lambda content: flipped(content, -2),
    "zeros": lambda content: bytes(len(content)),
    "text": lambda content: b"not this",
}


@pytest.fixture
def two(tmp_path, contents):
    """Two versions, and a reader that serves the first."""
    root = tmp_path / "index"
    publish(root, contents(0))
    live = LiveSnapshot(root)
    assert live.get().generation == 1
    publish(root, contents(1))
    return root, live


def damage(root, file, content):
    path = root / file if file == "CURRENT" else root / "v00000002" / file
    before = path.read_bytes()
    path.unlink()
    after = content(before)
    if after is not None:
        path.write_bytes(after)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_file_is_refused_and_the_old_snapshot_stays(two, file, how):
    root, live = two
    before = live.get().similar("poster", 3, 10)
    damage(root, file, DAMAGE[how])
    assert not live.refresh()
    assert live.get().generation == 1
    assert live.get().similar("poster", 3, 10) == before
    assert file in live.degraded or "v00000002" in live.degraded
    assert "\n" not in live.degraded
    assert live.failures == 1
    if file not in ("CURRENT", "manifest.json"):
        with pytest.raises(SnapshotCorrupt, match=file):
            Snapshot.open(root / "v00000002")


@pytest.mark.parametrize("file", FILES)
def test_at_a_cold_start_the_newest_whole_version_is_served(two, file):
    root, _ = two
    damage(root, file, DAMAGE["a bit in the middle flipped"])
    live = LiveSnapshot(root)
    assert live.get().generation == (2 if file == "CURRENT" else 1)
    assert live.degraded.startswith(f"serving version {live.get().generation}, because: ")


def test_when_every_version_is_damaged_the_service_is_not_ready_and_says_why(two):
    root, _ = two
    for generation in ("v00000001", "v00000002"):
        path = root / generation / "poster.faiss"
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content[:-1])
    live = LiveSnapshot(root)
    with pytest.raises(IndexNotReady, match=r"poster\.faiss"):
        live.get()
    assert not live.refresh()


def test_files_of_two_versions_are_never_mixed(two):
    root, live = two
    for file in FILES[:5]:
        (root / "v00000002" / file).unlink()
        shutil.copy(root / "v00000001" / file, root / "v00000002" / file)
    with pytest.raises(SnapshotCorrupt, match="sha256"):
        Snapshot.open(root / "v00000002")
    shutil.copy(root / "v00000001" / "manifest.json", root / "v00000002" / "manifest.json.new")
    (root / "v00000002" / "manifest.json.new").rename(root / "v00000002" / "manifest.json")
    assert not live.refresh()
    assert "manifest" in live.degraded


def test_two_indexes_that_changed_places_are_refused(two):
    root, _ = two
    folder = root / "v00000002"
    (folder / "poster.faiss").rename(folder / "aside")
    (folder / "ratings.faiss").rename(folder / "poster.faiss")
    (folder / "aside").rename(folder / "ratings.faiss")
    with pytest.raises(SnapshotCorrupt, match=r"poster\.faiss: it has"):
        Snapshot.open(folder)


def test_a_link_in_the_place_of_a_file_is_refused(two):
    root, _ = two
    path = root / "v00000002" / "poster.faiss"
    path.rename(root / "elsewhere")
    path.symlink_to(root / "elsewhere")
    with pytest.raises(SnapshotCorrupt, match="not a plain file"):
        Snapshot.open(root / "v00000002")


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def pickled():
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def euclidean():
    index = faiss.IndexFlatL2(96)
    index.add(np.ones((40, 96), np.float32))
    return faiss.serialize_index(index).tobytes()


LIES = {
    "ids of another dtype": ("poster.ids.npy", npy(np.arange(40, dtype=np.int32)), "int32"),
    "too few ids": ("poster.ids.npy", npy(np.arange(39)), "39"),
    "an id twice": ("poster.ids.npy", npy(np.zeros(40, np.int64)), "more than one vector"),
    "a pickle": ("poster.ids.npy", pickled(), "not an array file"),
    "no array": ("ratings.ids.npy", b"\x93NUMPY", "not an array file"),
    "flags of another length": ("poster.generated.npy", npy(np.zeros(3, np.uint8)), "uint8"),
    "another index": ("poster.faiss", euclidean(), "not a flat inner-product index"),
    "text for an index": ("ratings.faiss", b"hello " * 100, "not a flat inner-product index"),
    "NaN factors": (
        "ratings.faiss",
        faiss.serialize_index(faiss.IndexFlatIP(8)).tobytes()[:8]
        + (30).to_bytes(8, "little")
        + faiss.serialize_index(faiss.IndexFlatIP(8)).tobytes()[16:37]
        + (240).to_bytes(8, "little")
        + np.full(240, np.nan, np.float32).tobytes(),
        "NaN",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_a_file_that_fits_its_sha256_but_not_its_manifest_is_refused(two, name):
    root, _ = two
    file, content, why = LIES[name]
    folder = root / "v00000002"
    damage(root, file, lambda _: content)
    manifest, _ = read_manifest(folder)
    lying = manifest.model_copy(update={"files": {**manifest.files, file: digest_of(folder / file)}})
    with pytest.raises(SnapshotCorrupt, match=why) as raised:
        Snapshot.open(folder, lying)
    assert "\n" not in str(raised.value)


def test_a_kind_that_was_not_published_is_named_with_those_that_were(tmp_path, contents):
    publish(tmp_path, SnapshotContents((contents().spaces[1],)))
    snapshot = Snapshot.open(tmp_path / "v00000001")
    with pytest.raises(NoSuchSpace, match="no poster vectors, only: ratings"):
        snapshot.similar("poster", 3, 10)
    assert not snapshot.has("poster", 3)


def test_a_snapshot_is_asked_by_kind_and_movie(two):
    root, _ = two
    snapshot = Snapshot.open(root / "v00000002")
    assert snapshot.generation == 2
    assert snapshot.has("poster", 3)
    assert not snapshot.has("poster", 4)
    assert snapshot.has("ratings", 4)
    with pytest.raises(NotInIndex, match="movie 4 has no poster vector"):
        snapshot.similar("poster", 4, 10)
    assert len(snapshot.similar("poster", 3, 10, "generated")) == 7
    assert snapshot.space("ratings").info.metric == "inner_product"


def test_the_memory_asked_for_covers_the_arrays_that_are_kept(two):
    root, _ = two
    snapshot = Snapshot.open(root / "v00000002")
    poster, ratings = snapshot.space("poster"), snapshot.space("ratings")
    ratings.search_movie(4, 1, debias=0.5)
    kept = [vars(part) for part in (poster._rows, ratings._rows, ratings._scan)]
    arrays = [value for part in kept for value in part.values() if isinstance(value, np.ndarray)]
    arrays += [poster._generated, *poster._filter._kinds.values(), ratings._scan._remembered[1]]
    assert sum(array.nbytes for array in arrays) == 27 * 40 + 40 * 30
    assert sum(array.nbytes for array in arrays) <= anonymous_bytes(snapshot.manifest) <= 2**12
