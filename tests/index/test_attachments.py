import io
import json

import numpy as np
import pytest

from index.contents import SnapshotContents
from index.durable import digest_of
from index.errors import InvalidAttachment, NoSpace, SnapshotCorrupt
from index.layout import generations, read_current
from index.live import LiveSnapshot
from index.manifest import parse_manifest, read_manifest
from index.publishing import publish
from index.snapshot import Snapshot
from index.versions import list_versions, rollback

pytestmark = pytest.mark.usefixtures("verified_here")
PREDICTION = {
    "movie_ids": np.arange(3, 53, dtype=np.int64),
    "item_factors": np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32),
    "about": np.array([3.5, 0.5, 5.0, 1e-9, -2.0]),
}
FACTORS = "prediction.item_factors.npy"


@pytest.fixture
def attach(contents):
    """Contents of two spaces with these arrays attached."""
    return lambda attached, seed=0: SnapshotContents(contents(seed).spaces, {}, attached)


@pytest.fixture
def folder(tmp_path, attach):
    """A version with one attachment, published."""
    publish(tmp_path, attach({"prediction": PREDICTION}))
    return tmp_path / "v00000001"


def test_what_was_attached_comes_back_mapped_and_read_only(folder):
    found = Snapshot.open(folder).attached("prediction")
    assert found.keys() == PREDICTION.keys()
    for name, array in PREDICTION.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
        assert isinstance(found[name], np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            found[name][0] = 1
    with pytest.raises(TypeError):
        found["more"] = PREDICTION["about"]
    assert Snapshot.open(folder).attached("explanation") is None


def test_the_manifest_states_files_dtypes_and_shapes(folder):
    said = json.loads((folder / "manifest.json").read_bytes())
    assert said["format"] == 2
    assert said["attached"] == {
        "prediction": {
            "movie_ids": {"dtype": "int64", "shape": [50]},
            "item_factors": {"dtype": "float32", "shape": [50, 4]},
            "about": {"dtype": "float64", "shape": [5]},
        }
    }
    assert said["files"][FACTORS]["size"] == (folder / FACTORS).stat().st_size == 128 + 50 * 4 * 4
    assert np.array_equal(np.load(folder / FACTORS), PREDICTION["item_factors"])  # any NumPy reads it
    content = (folder / "manifest.json").read_bytes()
    assert parse_manifest(content, folder).to_bytes() == content


def test_without_attachments_the_manifest_is_of_format_1_as_ever(tmp_path, attach):
    publish(tmp_path, attach({}))
    said = json.loads((tmp_path / "v00000001" / "manifest.json").read_bytes())
    assert said["format"] == 1
    assert "attached" not in said
    assert Snapshot.open(tmp_path / "v00000001").attached("prediction") is None


def test_a_manifest_from_before_attachments_is_still_read():
    digest = {"sha256": "ab" * 32, "size": 100}
    space = {"name": "ratings", "dimension": 64, "dtype": "float32", "metric": "inner_product", "count": 4}
    said = {
        "format": 1,
        "generation": 3,
        "created_at": "2026-11-20T09:30:00Z",
        "spaces": {"ratings": {**space, "fingerprint": "als"}},
        "files": {"ratings.faiss": digest, "ratings.ids.npy": digest},
        "versions": {},
        "source": {},
    }
    assert parse_manifest(json.dumps(said).encode(), "a path").attached is None


SHAPES = {
    "nothing": np.empty((0, 7), np.float32),
    "one number": np.array([2.5]),
    "columns first": np.asfortranarray(np.arange(12, dtype=np.int32).reshape(3, 4)),
    "every second": np.arange(20, dtype=np.uint8)[::2],
    "three axes": np.arange(24, dtype=np.float64).reshape(2, 3, 4),
}


@pytest.mark.parametrize("name", SHAPES)
def test_any_shape_and_layout_comes_back(tmp_path, attach, name):
    publish(tmp_path, attach({"x_1": {"a": SHAPES[name]}, "y": {"a": np.arange(3)}}))
    snapshot = LiveSnapshot(tmp_path).get()
    assert np.array_equal(snapshot.attached("x_1")["a"], SHAPES[name])
    assert snapshot.attached("x_1")["a"].shape == SHAPES[name].shape
    assert snapshot.attached("y")["a"].tolist() == [0, 1, 2]


BAD = {
    "NaN": np.array([1.0, np.nan]),
    "infinity": np.array([[np.inf]], np.float32),
    "objects": np.array([{}], dtype=object),
    "text": np.array(["a"]),
    "float16": np.ones(3, np.float16),
    "no axis": np.array(1.0),
    "big endian": np.ones(3, ">f4"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_array_that_must_not_get_in_is_named_and_nothing_is_written(tmp_path, attach, name):
    with pytest.raises(InvalidAttachment, match=r"attachment prediction\.about: ") as raised:
        publish(tmp_path / "index", attach({"prediction": {**PREDICTION, "about": BAD[name]}}))
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize("name", ["poster", "ratings", "", "Upper", "a.b", "../up", "a/b", "1st", "x" * 41, "a\n"])
def test_a_name_that_is_none_is_a_bug_of_the_caller(tmp_path, attach, name):
    with pytest.raises(ValueError, match="attachment"):
        publish(tmp_path, attach({name: PREDICTION}))
    if name not in ("poster", "ratings"):
        with pytest.raises(ValueError, match="no name of an array"):
            publish(tmp_path, attach({"prediction": {name: np.ones(3)}}))
    with pytest.raises(ValueError, match="at least one array"):
        publish(tmp_path, attach({"prediction": {}}))


def with_bit_flipped(content):
    return content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]


DAMAGE = {
    "gone": lambda content: None,
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "a byte short": lambda content: content[:-1],
    "a byte long": lambda content: content + b"\0",
    "a bit flipped": with_bit_flipped,
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", PREDICTION)
def test_a_damaged_file_is_refused_and_the_old_snapshot_stays(tmp_path, attach, folder, how, name):
    live = LiveSnapshot(tmp_path)
    assert live.get().generation == 1
    publish(tmp_path, attach({"prediction": PREDICTION}, seed=1))
    path = tmp_path / "v00000002" / f"prediction.{name}.npy"
    after = DAMAGE[how](path.read_bytes())
    path.unlink()
    if after is not None:
        path.write_bytes(after)
    with pytest.raises(SnapshotCorrupt, match=path.name):
        Snapshot.open(path.parent)
    assert not live.refresh()
    assert path.name in live.degraded
    assert np.array_equal(live.get().attached("prediction")[name], PREDICTION[name])
    assert LiveSnapshot(tmp_path).get().generation == 1


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def packed():
    buffer = io.BytesIO()
    np.savez(buffer, a=np.ones(3))
    return buffer.getvalue()


FLOATS = PREDICTION["item_factors"]
LIES = {
    "another dtype": (npy(FLOATS.astype(np.float64)), "does not hold float32"),
    "another shape": (npy(FLOATS.T), "does not hold float32"),
    "columns first": (npy(np.asfortranarray(FLOATS)), "order"),
    "big endian": (npy(FLOATS.astype(">f4")), "order"),
    "NaN": (npy(np.where(FLOATS > 1, np.float32(np.nan), FLOATS)), "NaN or infinity"),
    "infinity": (npy(np.where(FLOATS > 1, np.float32(-np.inf), FLOATS)), "NaN or infinity"),
    "a pickle": (npy(np.array([{"a": 1}], dtype=object), allow_pickle=True), "not an array file"),
    "an archive": (packed(), "not an array file"),
    "shorter than it says": (npy(FLOATS)[:-16], "not an array file"),
    "text": (b"hello", "not an array file"),
    "nothing": (b"", "not an array file"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_file_that_fits_its_sha256_but_not_its_manifest_is_refused(folder, overwrite, name):
    content, why = LIES[name]
    overwrite(folder / FACTORS, content)
    manifest = read_manifest(folder)[0]
    lying = manifest.model_copy(update={"files": {**manifest.files, FACTORS: digest_of(folder / FACTORS)}})
    with pytest.raises(SnapshotCorrupt, match=why) as raised:
        Snapshot.open(folder, lying)
    assert FACTORS in str(raised.value)
    assert "\n" not in str(raised.value)


def restated(said, **changes):
    """The manifest with other words about item_factors."""
    arrays = {**said["attached"]["prediction"], "item_factors": {"dtype": "float32", "shape": [50, 4], **changes}}
    return {**said, "attached": {"prediction": arrays}}


WRONG = {
    "format 1 with attachments": lambda said: {**said, "format": 1},
    "format 2 without": lambda said: {key: value for key, value in said.items() if key != "attached"},
    "none attached": lambda said: {**said, "attached": {}},
    "an attachment without arrays": lambda said: {**said, "attached": {**said["attached"], "other": {}}},
    "a file that is not listed": lambda said: restated({**said, "files": {**said["files"], FACTORS: None}}),
    "an array without a file": lambda said: {
        **said,
        "attached": {**said["attached"], "other": {"a": {"dtype": "int64", "shape": [1]}}},
    },
    "a file nobody attached": lambda said: {
        **said,
        "files": {**said["files"], "prediction.more.npy": said["files"][FACTORS]},
    },
    "a name with a path": lambda said: {**said, "attached": {"../x": said["attached"]["prediction"]}},
    "the name of a space": lambda said: {**said, "attached": {"poster": {"ids": {"dtype": "int64", "shape": [40]}}}},
    "a dtype that is none": lambda said: restated(said, dtype="object"),
    "a shape of text": lambda said: restated(said, shape=["50", 4]),
    "a negative shape": lambda said: restated(said, shape=[-50, 4]),
    "a word more": lambda said: restated(said, order="F"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_manifest_that_contradicts_itself_is_refused(folder, name):
    said = WRONG[name](json.loads((folder / "manifest.json").read_bytes()))
    with pytest.raises(SnapshotCorrupt, match="not a manifest") as raised:
        parse_manifest(json.dumps(said).encode(), folder / "manifest.json")
    assert "\n" not in str(raised.value)


def test_a_disk_that_fails_at_any_step_leaves_the_old_or_the_new_version(tmp_path, attach, faults):
    publish(tmp_path, attach({"prediction": PREDICTION}))
    steps = faults.at(10**9)
    publish(tmp_path, attach({"prediction": PREDICTION}))
    written = [place for place, step in enumerate(steps.log, 1) if "prediction." in step]
    faults.none()
    assert len(written) >= 12  # each of three files is opened, written, closed to writing, synced
    assert steps.log.index("open manifest.json") > max(written) - 1
    for step in written:
        before = read_current(tmp_path).generation
        faults.at(step, 28)
        with pytest.raises(NoSpace):
            publish(tmp_path, attach({"prediction": PREDICTION}))
        faults.none()
        assert read_current(tmp_path).generation == before
        assert not [path for path in tmp_path.iterdir() if "tmp" in path.name]
    assert generations(tmp_path) == [1, 2]


def test_room_is_asked_for_the_attachments_too(tmp_path, attach, monkeypatch):
    monkeypatch.setattr("index.publishing.free_bytes", lambda _: 1_000_000)
    publish(tmp_path, attach({"prediction": PREDICTION}))
    with pytest.raises(NoSpace) as raised:
        publish(tmp_path, attach({"big": {"zeros": np.zeros(500_000, np.uint8)}}))
    assert raised.value.needed > 2.2 * 500_000


def test_versions_with_and_without_attachments_are_listed_and_gone_back_to(tmp_path, attach, monkeypatch):
    monkeypatch.setattr("index.versions.verify_apart", lambda *_: {})
    publish(tmp_path, attach({}))
    publish(tmp_path, attach({"prediction": PREDICTION}))
    publish(tmp_path, attach({}))
    assert [version.valid for version in list_versions(tmp_path)] == [True, True, True]
    live = LiveSnapshot(tmp_path)
    assert live.get().attached("prediction") is None
    rollback(tmp_path, 2)
    assert live.refresh()
    assert live.get().attached("prediction").keys() == PREDICTION.keys()
    rollback(tmp_path, 1)
    assert live.refresh()
    assert live.get().attached("prediction") is None
