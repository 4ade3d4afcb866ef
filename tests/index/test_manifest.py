import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from index.durable import FileDigest
from index.errors import SnapshotCorrupt, SnapshotVersion
from index.manifest import MAX_BYTES, new_manifest, parse_manifest, read_manifest
from index.spaces import SpaceInfo

PATH = Path("v00000007/manifest.json")
POSTER = SpaceInfo("poster", 25088, "float32", "cosine", "vgg16", 3)
RATINGS = SpaceInfo("ratings", 64, "float32", "inner_product", "als", 4)
FILES = {
    name: FileDigest("ab" * 32, 100)
    for name in ("poster.faiss", "poster.ids.npy", "poster.generated.npy", "ratings.faiss", "ratings.ids.npy")
}
MOMENT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def manifest():
    return new_manifest(7, MOMENT, {"ratings": RATINGS, "poster": POSTER}, FILES, {"posters": 3, "model": None})


def test_a_manifest_comes_back_as_it_was_written():
    content = manifest().to_bytes()
    assert parse_manifest(content, PATH) == manifest()
    assert parse_manifest(content, PATH).to_bytes() == content


def test_it_says_in_plain_json_what_the_documents_promise():
    said = json.loads(manifest().to_bytes())
    assert list(said) == ["format", "generation", "created_at", "spaces", "files", "versions", "source"]
    assert said["format"] == 1
    assert said["created_at"] == "2026-11-24T09:30:00Z"
    assert list(said["spaces"]) == ["poster", "ratings"]
    assert said["spaces"]["ratings"] == {
        "name": "ratings",
        "dimension": 64,
        "dtype": "float32",
        "metric": "inner_product",
        "fingerprint": "als",
        "count": 4,
    }
    assert said["files"]["poster.faiss"] == {"sha256": "ab" * 32, "size": 100}
    assert set(said["versions"]) == {"faiss", "numpy"}
    assert said["source"] == {"posters": 3, "model": None}
    assert manifest().size_bytes == 500


def changed(**changes):
    return {**json.loads(manifest().to_bytes()), **changes}


def with_space(**changes):
    said = changed()
    said["spaces"]["poster"].update(changes)
    return said


BAD = {
    "no json": b"{",
    "a list": b"[]",
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "no generation": {k: v for k, v in changed().items() if k != "generation"},
    "generation as text": changed(generation="7"),
    "generation as a truth": changed(generation=True),
    "generation zero": changed(generation=0),
    "an unknown key": changed(extra=1),
    "no spaces": changed(spaces={}),
    "an unknown space": changed(spaces={"sound": json.loads(manifest().to_bytes())["spaces"]["poster"]}),
    "a space under another name": changed(spaces={"ratings": json.loads(manifest().to_bytes())["spaces"]["poster"]}),
    "an unknown metric": with_space(metric="euclidean"),
    "another dtype": with_space(dtype="float64"),
    "an unknown key of a space": with_space(extra=1),
    "no movies": with_space(count=0),
    "no dimension": with_space(dimension=-1),
    "a count as text": with_space(count="3"),
    "a missing file": changed(files={k: v for k, v in changed()["files"].items() if k != "poster.faiss"}),
    "a file elsewhere": changed(files={**changed()["files"], "../../etc/passwd": {"sha256": "ab" * 32, "size": 1}}),
    "a file without a size": changed(files={**changed()["files"], "poster.faiss": {"sha256": "ab" * 32}}),
    "a time without a zone": changed(created_at="2026-11-24T09:30:00"),
}


@pytest.mark.parametrize("name", BAD)
def test_anything_else_is_refused_in_one_line_that_names_the_file(name):
    content = BAD[name] if isinstance(BAD[name], bytes) else json.dumps(BAD[name]).encode()
    with pytest.raises(SnapshotCorrupt, match=r"v00000007/manifest\.json") as raised:
        parse_manifest(content, PATH)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("found", [0, 4, "1", None])
def test_another_format_is_named_with_the_one_that_is_read(found):
    with pytest.raises(SnapshotVersion, match="not format 1, 2 or 3, which"):
        parse_manifest(json.dumps(changed(format=found)).encode(), PATH)


def test_a_manifest_that_is_missing_or_huge_is_refused(tmp_path):
    with pytest.raises(SnapshotCorrupt, match="cannot be read"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(SnapshotCorrupt, match="bytes long"):
        read_manifest(tmp_path)


def test_a_manifest_without_a_space_cannot_be_made():
    with pytest.raises(ValidationError):
        new_manifest(1, MOMENT, {}, {}, {})
