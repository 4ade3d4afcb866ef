"""Real posters: files of features read and written, and what is said of a file that is none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import search_posters
from benchmarks.search_posters import (
    DEFAULT_FEATURES,
    DIMENSION,
    RealPosters,
    encode_folder,
    read_features,
    real_posters,
    split,
    write_features,
)
from index.record_blocks import pack_records
from index.records import encode_record


def some(n: int = 30) -> RealPosters:
    draw, rows = np.random.default_rng(4), np.zeros((n, DIMENSION), np.float32)
    for row in rows:
        row[draw.choice(DIMENSION, int(draw.integers(1, 50)), replace=False)] = draw.random() + 0.1
    return RealPosters(np.arange(5, 5 + n), pack_records([encode_record(row) for row in rows], DIMENSION))


def test_a_written_file_reads_as_it_was(tmp_path: Path) -> None:
    real = some()
    write_features(tmp_path / "f.npz", real)
    again = read_features(tmp_path / "f.npz")
    assert again.movie_ids.tolist() == real.movie_ids.tolist()
    assert np.array_equal(again.packed.bitmaps, real.packed.bitmaps)
    assert np.array_equal(again.packed.values, real.packed.values)
    assert np.allclose(again.packed.norms, real.packed.norms, rtol=1e-12)


def test_the_numbers_of_a_row_stand_where_its_indices_say(tmp_path: Path) -> None:
    values = np.array([0.5, 2, 3], np.float16)
    indices = np.array([0, 25_087, 64], np.uint16)
    np.savez(tmp_path / "f.npz", movie_ids=[9, 8], indptr=[0, 2, 3], indices=indices, values=values)
    dense = read_features(tmp_path / "f.npz").packed.dense(np.arange(2))
    assert {(r, c): dense[r, c] for r, c in zip(*np.nonzero(dense), strict=True)} == {
        (0, 0): 0.5,
        (0, 25_087): 2.0,
        (1, 64): 3.0,
    }


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"movieId,title\n"])
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f.npz").write_bytes(content)
    with pytest.raises(SystemExit, match=r"f\.npz is no file of features .*: give an \.npz with movie_ids, indptr"):
        read_features(tmp_path / "f.npz")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"movie_ids": [1]}, "do not fit together"),
        ({"indptr": [0, 3, 3]}, "do not fit together"),
        ({"indices": np.array([3, 4, 30_000])}, "do not fit together"),
        ({"values": np.ones(4)}, "do not fit together"),
        ({"indices": np.array([4, 3, 9])}, "indices of a row must rise"),
        ({"indices": np.array([3, 3, 9])}, "indices of a row must rise"),
        ({"values": np.array([1, 0, 2.0])}, "leave zeros out"),
        ({"values": np.array([1, 1e-9, 2.0])}, "leave zeros out"),
        ({"values": np.array([1, np.nan, 2.0])}, "leave zeros out"),
        ({"values": np.array([1, np.inf, 2.0])}, "leave zeros out"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    good: dict[str, Any] = {"movie_ids": [1, 2], "indptr": [0, 2, 3], "indices": [3, 9, 4], "values": np.ones(3)}
    np.savez(tmp_path / "f.npz", **good)
    assert len(read_features(tmp_path / "f.npz")) == 2
    np.savez(tmp_path / "f.npz", **{**good, **change})
    with pytest.raises(SystemExit, match=why):
        read_features(tmp_path / "f.npz")


def test_no_row_is_both_published_and_asked() -> None:
    real = some(40)
    halves = split(real, held_out=4)
    assert len(halves.published) == 36
    assert halves.questions.shape == (4, DIMENSION)
    assert np.allclose(np.linalg.norm(halves.questions, axis=1), 1, atol=1e-6)
    cosines = halves.questions @ halves.published.units(np.arange(36)).T
    assert cosines.max() < 0.999
    assert np.array_equal(split(real, 4).questions, halves.questions)


def test_of_few_posters_a_tenth_asks() -> None:
    assert len(split(some(30)).questions) == 3


def test_with_nothing_to_measure_it_says_what_to_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_posters, "DEFAULT_FEATURES", tmp_path / "none.npz")
    with pytest.raises(SystemExit, match="give --features FILE, or --posters DIR"):
        real_posters(None, None)


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_without_pictures_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match=f"{name}: no pictures"):
        encode_folder(tmp_path / name)


def test_the_file_at_hand_has_the_density_that_was_measured() -> None:
    if not DEFAULT_FEATURES.exists():
        pytest.skip("needs ../shared/data/poster-features.npz")
    packed = read_features(DEFAULT_FEATURES).packed
    assert len(packed) == 2_500
    assert len(packed.values) / (2_500 * DIMENSION) == pytest.approx(0.1065, abs=0.004)
