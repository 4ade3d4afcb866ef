"""The Parquet file of ratings: what is written is what is read, and anything else is refused by name."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ratings.columns import RatingColumns
from ratings.errors import BadFile
from ratings.parquet import RatingsFile, RatingsWriter, counts_and_sums, read_parquet

NAMES = ("user_ids", "movie_ids", "ratings", "timestamps")


def columns(*rows: tuple[int, int, float, int]) -> RatingColumns:
    users, movies, stars, times = zip(*rows, strict=True)
    return RatingColumns(
        np.array(users, np.int32), np.array(movies, np.int32), np.array(stars, np.float32), np.array(times, np.int64)
    )


GIVEN = columns((1, 2, 3.5, 9), (2, 1, 0.5, 8), (2, 2, 5.0, 2**40), (7, 2_000_000_000, 4.0, 0))


def written(path: Path, *runs: RatingColumns) -> Path:
    with path.open("wb") as file, RatingsWriter(file) as writer:
        for run in runs:
            writer.write(run)
        writer.describe({"said": ["é", 1]})
    return path


@pytest.mark.parametrize("rows_per_group", [1, 3, 1 << 20])
def test_what_is_written_is_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_per_group: int) -> None:
    monkeypatch.setattr("ratings.parquet.ROWS_PER_GROUP", rows_per_group)
    path = written(tmp_path / "r.parquet", GIVEN.take(slice(0, 2)), GIVEN.take(slice(2, 4)))
    read = read_parquet(path)
    for name in NAMES:
        assert getattr(read, name).tolist() == getattr(GIVEN, name).tolist()
        assert getattr(read, name).dtype == getattr(GIVEN, name).dtype
    with RatingsFile(path) as file:
        assert (file.rows, file.about()) == (4, {"said": ["é", 1]})


def test_only_groups_that_may_hold_the_users_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratings.parquet.ROWS_PER_GROUP", 1)
    with RatingsFile(written(tmp_path / "r.parquet", GIVEN)) as file:
        assert [group.user_ids.tolist() for group in file.groups((2, 7))] == [[2], [2]]
        assert sum(len(group) for group in file.groups()) == 4


def test_counts_and_sums_are_those_of_each_movie_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratings.parquet.ROWS_PER_GROUP", 2)
    path = written(tmp_path / "r.parquet", GIVEN)
    counts, sums = counts_and_sums(path, np.array([1, 2, 5, 2_000_000_000]))
    assert (counts.tolist(), sums.tolist()) == ([1, 2, 0, 1], [0.5, 8.5, 0.0, 4.0])


@pytest.mark.parametrize("content", [b"", b"PAR1 but no more", b"<html>"])
def test_another_kind_of_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.parquet").write_bytes(content)
    with pytest.raises(BadFile, match=r"r\.parquet"):
        read_parquet(tmp_path / "r.parquet")


def test_other_columns_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user_id": [1], "score": [2.0]}), tmp_path / "r.parquet")
    with pytest.raises(BadFile, match=r"its columns are \['user_id', 'score'\]"):
        read_parquet(tmp_path / "r.parquet")


def test_a_flipped_bit_in_the_data_is_seen(tmp_path: Path) -> None:
    many = np.random.default_rng(0).integers(1, 10**6, 5000).astype(np.int32)
    path = written(tmp_path / "r.parquet", RatingColumns(many, many, np.ones(5000, np.float32), np.zeros(5000, int)))
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadFile, match=r"r\.parquet: not a Parquet file of ratings"):
        read_parquet(path)
