"""A rebuild reads what is new, and publishes what one that reads everything would."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog.catalog import Catalog
from catalog.entries import Kind, PosterFile
from catalog.posters import Posters, StoredVector
from catalog.work import Embedded
from index import publishing
from index.layout import version_folder
from index.manifest import read_manifest
from index.packed_layout import array_file
from index.records import encode_record
from index.snapshot import Snapshot
from index.trust import vouch
from index.versions import served_generation
from tests.verifier_here import VerifierHere
from workers import poster_space
from workers.poster_space import DIMENSION, TIMES
from workers.rebuild import rebuild

FIXED = ("ids", "generated", "bitmaps", "values", "starts", "norms")  # what does not depend on earlier versions


@pytest.fixture
def embedded(queued: Callable[[int], Catalog], monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """Movies 1..12; the first ten are embedded."""
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)
    catalog = queued(12)
    _embed(catalog, {i: _vector(i) for i in range(1, 11)})
    return catalog


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The movies whose records were read from the catalog, in that order."""
    found: list[int] = []
    original = Posters.vectors_of

    def noting(posters: Posters, movie_ids: Sequence[int], fingerprint: str) -> Iterator[list[StoredVector]]:
        found.extend(movie_ids)
        return original(posters, movie_ids, fingerprint)

    monkeypatch.setattr(Posters, "vectors_of", noting)
    return found


def _vector(number: int) -> Any:
    out = np.zeros(DIMENSION, np.float32)
    out[number : number + 3] = np.arange(1, 4)
    return out


def _embed(catalog: Catalog, vectors: dict[int, Any], generated: bool = False, encoder: str = "toy") -> None:
    catalog.work.renew(list(vectors))
    files = [
        PosterFile(i, f"{i:064d}", "image/jpeg", 9, 9, 9, "folder", "x", generated, None, 1.0) for i in sorted(vectors)
    ]
    fetched = catalog.work.claim(Kind.FETCH, 99, 60)
    assert catalog.work.fetched(fetched, files) == set(vectors)
    done = [Embedded(i, f"{i:064d}", encoder, encode_record(vectors[i]), generated) for i in sorted(vectors)]
    assert catalog.work.embedded(catalog.work.claim(Kind.EMBED, 99, 60), done) == set(vectors)


def _rebuild(catalog: Catalog, tmp_path: Path, folder: str = "index") -> Path:
    root = tmp_path / folder
    generation = rebuild(catalog, tmp_path / "models", root, lambda *_: None)["generation"]
    return version_folder(root, generation)


def _fixed(folder: Path) -> dict[str, bytes]:
    return {name: (folder / array_file("poster", name)).read_bytes() for name in FIXED}


def test_only_new_and_renewed_posters_are_read_again(embedded: Catalog, tmp_path: Path, read: list[int]) -> None:
    _rebuild(embedded, tmp_path)
    assert read == list(range(1, 11))
    read.clear()
    _embed(embedded, {3: _vector(30), 12: _vector(12)})
    embedded.editing.delete(6)
    after = _rebuild(embedded, tmp_path)
    assert read == [3, 12]
    assert _fixed(after) == _fixed(_rebuild(embedded, tmp_path, "from nothing"))
    space = Snapshot.open(after).space("poster")
    assert space.movie_ids.tolist() == [1, 2, 3, 4, 5, 7, 8, 9, 10, 12]
    assert np.array_equal(space.stored(3), _vector(30))


def test_whatever_comes_goes_and_changes_the_rows_are_those_of_a_rebuild_from_nothing(
    embedded: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[int]
) -> None:
    monkeypatch.setattr(poster_space, "_ROWS_AT_ONCE", 3)
    draw = np.random.default_rng(5)
    there, waiting = set(range(1, 11)), {11, 12}
    for step in range(12):
        changed = {int(i) for i in draw.choice(sorted(there | waiting), 2, replace=False)}
        _embed(embedded, {i: _vector(100 * step + i) for i in changed}, generated=bool(step % 2))
        there, waiting = there | changed, waiting - changed
        if step % 3 == 2:
            gone = int(draw.choice(sorted(there)))
            embedded.editing.delete(gone)
            there.discard(gone)
            changed.discard(gone)
        read.clear()
        after = _rebuild(embedded, tmp_path)
        assert not step or set(read) == changed
        assert _fixed(after) == _fixed(_rebuild(embedded, tmp_path, f"from nothing {step}")), f"step {step}"


def test_a_poster_renewed_while_a_rebuild_runs_is_read_by_the_next_one(
    embedded: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[int]
) -> None:
    times = Posters.times

    def overtaken(posters: Posters, fingerprint: str) -> Iterator[list[tuple[int, float]]]:
        found = list(times(posters, fingerprint))
        monkeypatch.setattr(Posters, "times", times)
        _embed(embedded, {4: _vector(40)})
        yield from found

    monkeypatch.setattr(Posters, "times", overtaken)
    first = Snapshot.open(_rebuild(embedded, tmp_path)).space("poster")
    assert np.array_equal(first.stored(4), _vector(40)), "its record was read after the times were"
    read.clear()
    second = Snapshot.open(_rebuild(embedded, tmp_path)).space("poster")
    assert read == [4]
    assert np.array_equal(second.stored(4), _vector(40))


def test_rows_of_another_encoder_are_not_taken(embedded: Catalog, tmp_path: Path, read: list[int]) -> None:
    _rebuild(embedded, tmp_path)
    read.clear()
    _embed(embedded, {i: _vector(50 + i) for i in range(1, 11)}, encoder="another")
    after = _rebuild(embedded, tmp_path)
    assert read == list(range(1, 11))
    assert read_manifest(after)[0].spaces["poster"].fingerprint == "another"


def test_a_version_without_times_is_not_taken_from(
    embedded: Catalog, tmp_path: Path, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one was made before times went along."""
    folder = _rebuild(embedded, tmp_path)
    assert read_manifest(folder)[0].attached is not None
    assert set(Snapshot.open(folder).attached(TIMES) or {}) == {"movie_ids", "embedded_at"}
    monkeypatch.setattr(poster_space, "TIMES", "other_times")
    read.clear()
    _rebuild(embedded, tmp_path)
    assert read == list(range(1, 11))


def test_rows_that_a_disk_has_damaged_are_read_from_the_catalog_again(
    embedded: Catalog, tmp_path: Path, read: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    folder = _rebuild(embedded, tmp_path)
    whole = _fixed(folder)
    path = folder / array_file("poster", "values")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # the highest bits of the last number
    times = path.stat()
    path.chmod(0o644)
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    vouch(folder, read_manifest(folder)[0])  # a disk does not say that it has lost something
    read.clear()
    after = _rebuild(embedded, tmp_path)
    assert read == list(range(1, 11))
    assert _fixed(after) == whole
    assert "all records are read" in caplog.text
    assert served_generation(tmp_path / "index") == 2
