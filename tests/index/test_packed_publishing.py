import json
import shutil
import zlib

import numpy as np
import pytest

from index import arranging
from index.contents import PackedContents, Run, SnapshotContents, SpaceContents
from index.durable import digest_of
from index.errors import BadRecord, DuplicateId, NothingToPublish, SnapshotCorrupt, ZeroVector
from index.live import LiveSnapshot
from index.manifest import read_manifest
from index.packed_layout import array_file, arrays_of
from index.publishing import publish
from index.records import encode_record
from index.snapshot import Snapshot
from index.verification import verify
from tests.index.packed_spaces import DIMENSION, Oracle, agree, posters


def contents(vectors, ids=None, cards=None, expected=None):
    ids = np.arange(1, len(vectors) + 1) if ids is None else np.asarray(ids)
    cards = np.zeros(len(ids), np.uint8) if cards is None else np.asarray(cards, np.uint8)
    runs = (
        Run(ids[at : at + 64].astype(np.int64), cards[at : at + 64], [encode_record(v) for v in vectors[at : at + 64]])
        for at in range(0, len(ids), 64)
    )
    return PackedContents("poster", DIMENSION, "toy", runs, len(ids) if expected is None else expected)


def published(root, *arguments, **more):
    return publish(root, SnapshotContents((contents(*arguments, **more),)))


def test_a_published_space_answers_as_brute_force_and_says_its_recall(tmp_path):
    vectors, cards = posters(300), (np.arange(300) % 3 == 0).astype(np.uint8)
    manifest = published(tmp_path, vectors, cards=cards)
    assert (manifest.format, manifest.recall) == (3, {"poster": 1.0})
    assert manifest.packed["poster"].neighbours == "exact"
    space = LiveSnapshot(tmp_path).get().space("poster")
    oracle = Oracle(np.arange(1, 301), vectors, cards)
    for row in range(0, 300, 31):
        allowed = (cards == cards[row]) & (np.arange(300) != row)
        assert agree(space.search_movie(row + 1, 10), oracle.nearest(vectors[row], 10, allowed))


def test_its_arrays_are_plain_array_files_that_numpy_reads(tmp_path):
    manifest = published(tmp_path, posters(70))
    info, packed = manifest.spaces["poster"], manifest.packed["poster"]
    for name, (dtype, shape) in arrays_of(info, packed).items():
        array = np.load(tmp_path / "v00000001" / array_file("poster", name), allow_pickle=False)
        assert (array.dtype, array.shape) == (dtype, shape), name


def test_the_same_rows_make_the_same_bytes(tmp_path):
    first = published(tmp_path / "a", posters(250))
    second = published(tmp_path / "b", posters(250))
    assert first.files == second.files


def test_adding_a_few_gives_the_lists_that_a_whole_rebuild_gives(tmp_path, monkeypatch):
    vectors = posters(340)
    published(tmp_path / "a", vectors[:320])
    fits = []
    monkeypatch.setattr(arranging, "fit_directions", lambda *_: fits.append(1))
    kept = np.r_[0:10, 12:340]  # two have left, twenty came
    manifest = published(tmp_path / "a", vectors[kept], ids=kept + 1)
    assert not fits, "twenty more of 320 need no new directions"
    assert manifest.packed["poster"].fresh == 20
    monkeypatch.undo()
    published(tmp_path / "b", vectors[kept], ids=kept + 1)
    grown, whole = (LiveSnapshot(tmp_path / name).get().space("poster") for name in "ab")
    for movie_id in (kept + 1).tolist():
        assert grown.search_movie(movie_id, 50) == whole.search_movie(movie_id, 50)


def test_when_many_came_the_directions_are_fitted_again(tmp_path):
    vectors = posters(400)
    published(tmp_path, vectors[:300])
    assert published(tmp_path, vectors).packed["poster"].fresh == 0


def test_a_vector_that_changed_is_fresh_though_its_movie_is_not(tmp_path):
    vectors = posters(300)
    published(tmp_path, vectors)
    vectors[17] = posters(1, seed=50)[0]
    assert published(tmp_path, vectors).packed["poster"].fresh == 1
    space = LiveSnapshot(tmp_path).get().space("poster")
    oracle = Oracle(np.arange(1, 301), vectors, np.zeros(300, np.uint8))
    assert agree(space.search_movie(18, 20), oracle.nearest(vectors[17], 20, np.arange(300) != 17))


def test_of_another_encoder_nothing_is_used_again(tmp_path):
    published(tmp_path, posters(300))
    other = contents(posters(300))
    other = PackedContents("poster", DIMENSION, "another", other.runs, 300)
    assert publish(tmp_path, SnapshotContents((other,))).packed["poster"].fresh == 0


def test_rows_that_are_gone_before_they_are_read_leave_the_rest_or_nothing_to_publish(tmp_path):
    ratings = SpaceContents("ratings", 4, "inner_product", "m", np.arange(1, 9), [np.ones((8, 4), np.float32)])
    manifest = publish(tmp_path, SnapshotContents((contents(posters(0), expected=9), ratings)))
    assert list(manifest.spaces) == ["ratings"]
    with pytest.raises(NothingToPublish):
        published(tmp_path / "other", posters(0), expected=9)
    assert not list((tmp_path / "other").glob("v*"))


@pytest.mark.parametrize(
    ("break_it", "error"),
    [
        (lambda records: records.__setitem__(3, records[3][:-1] + b"!"), BadRecord),
        (lambda records: records.__setitem__(3, records[3][:40]), BadRecord),
    ],
)
def test_a_damaged_record_is_refused_and_the_old_version_stays(tmp_path, break_it, error):
    published(tmp_path, posters(50))
    records = [encode_record(vector) for vector in posters(50)]
    break_it(records)
    run = Run(np.arange(1, 51), np.zeros(50, np.uint8), records)
    with pytest.raises(error, match="movies 1 to 50"):
        publish(tmp_path, SnapshotContents((PackedContents("poster", DIMENSION, "toy", [run], 50),)))
    assert LiveSnapshot(tmp_path).get().generation == 1


def test_two_rows_of_one_movie_are_refused(tmp_path):
    with pytest.raises(DuplicateId):
        published(tmp_path, posters(3), ids=[1, 2, 1])


def test_a_vector_without_a_direction_is_refused_by_its_movie(tmp_path):
    record = encode_record(np.full(DIMENSION, 6e-6, np.float32))
    tiny = record[:-4].replace(np.float16(6e-6).tobytes(), np.float16(6e-8).tobytes())
    record = tiny + zlib.crc32(tiny).to_bytes(4, "little")
    run = Run(np.array([77]), np.zeros(1, np.uint8), [record])
    with pytest.raises(ZeroVector, match="77"):
        publish(tmp_path, SnapshotContents((PackedContents("poster", DIMENSION, "toy", [run], 1),)))


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    root = tmp_path_factory.mktemp("version")
    published(root, posters(260), cards=np.arange(260) % 2)
    return root / "v00000001"


@pytest.mark.parametrize(
    "name", [*["ids", "generated", "bitmaps", "values", "starts", "norms", "directions", "codes", "neighbours"]]
)
@pytest.mark.parametrize("how", ["flip", "shorten", "lose", "swap"])
def test_a_damaged_file_is_refused_by_its_name(version, tmp_path, name, how):
    folder = tmp_path / "v00000001"
    shutil.copytree(version, folder)
    path = folder / array_file("poster", name)
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    if how == "flip":
        content[-3] ^= 0x10
    path.write_bytes(content[:-2] if how == "shorten" else content)
    if how == "lose":
        path.unlink()
    if how == "swap":
        other = "codes" if name != "codes" else "norms"
        path.write_bytes((folder / array_file("poster", other)).read_bytes())
    with pytest.raises(SnapshotCorrupt, match=path.name):
        Snapshot.open(folder)


def wrong(version, tmp_path, change, *names):
    """A version with arrays changed and their sha256 made to fit: what only verification can find."""
    folder = tmp_path / "v00000001"
    shutil.copytree(version, folder)
    manifest = folder / "manifest.json"
    manifest.chmod(0o644)
    stated = json.loads(manifest.read_text())
    for path in [folder / array_file("poster", name) for name in names]:
        path.chmod(0o644)
        array = np.load(path)
        change(array)
        np.save(path, array)
        stated["files"][path.name]["sha256"] = digest_of(path).sha256
    manifest.write_text(json.dumps(stated))
    return folder


def first(array, value):
    array.reshape(-1)[0] = value


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("values", lambda a: first(a, 0), "zero or not finite"),
        ("values", lambda a: first(a, np.inf), "zero or not finite"),
        ("bitmaps", lambda a: a.__setitem__((0, -1), np.uint64(1) << np.uint64(63)), "as many numbers as bits"),
        ("norms", lambda a: first(a, 3.0), "not that of its row"),
        ("neighbours", lambda a: first(a, 9_999), "rows that there are not"),
        ("neighbours", lambda a: a[:, :9][:, ::-1].sort(axis=1), "other scores with its neighbours"),
        ("neighbours", lambda a: a.__setitem__((slice(None), 0), -1), "goes on behind its end"),
    ],
)
def test_verification_finds_what_no_checksum_can(version, tmp_path, name, change, why):
    folder = wrong(version, tmp_path, change, name)
    with pytest.raises(SnapshotCorrupt, match=why):
        verify(folder, read_manifest(folder)[0])


def test_verification_finds_a_list_without_its_nearest(version, tmp_path):
    def without_the_first(array):
        array[:, :10] = array[:, 1:11]

    folder = wrong(version, tmp_path, without_the_first, "neighbours", "neighbour_scores")
    with pytest.raises(SnapshotCorrupt, match="nearer neighbours"):
        verify(folder, read_manifest(folder)[0])
