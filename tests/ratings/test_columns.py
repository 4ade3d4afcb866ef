"""Rating columns and their Parquet file."""

from pathlib import Path

import numpy as np
import pytest

from ratings.columns import RatingColumns, latest_of_each_pair, read_parquet, write_parquet
from ratings.errors import BadFile, UnknownUser, UnratedMovie
from ratings.matrix import RatingsMatrix


def columns(*rows: tuple[int, int, float, int]) -> RatingColumns:
    users, movies, stars, times = zip(*rows, strict=True)
    return RatingColumns(
        np.array(users, np.int32), np.array(movies, np.int32), np.array(stars, np.float32), np.array(times, np.int64)
    )


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    given = columns((1, 2, 3.5, 9), (2, 1, 0.5, 8))
    write_parquet(given, tmp_path / "r.parquet")
    read = read_parquet(tmp_path / "r.parquet")
    for name in ("user_ids", "movie_ids", "ratings", "timestamps"):
        assert getattr(read, name).tolist() == getattr(given, name).tolist()
        assert getattr(read, name).dtype == getattr(given, name).dtype
    assert [path.name for path in tmp_path.iterdir()] == ["r.parquet"]


@pytest.mark.parametrize("content", [b"", b"PAR1 but no more", b"<html>"])
def test_another_kind_of_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.parquet").write_bytes(content)
    with pytest.raises(BadFile, match=r"r\.parquet"):
        read_parquet(tmp_path / "r.parquet")


def test_at_the_same_time_the_later_row_wins() -> None:
    kept, superseded = latest_of_each_pair(columns((1, 1, 2.0, 5), (1, 1, 4.0, 5)))
    assert (kept.ratings.tolist(), superseded) == ([4.0], 1)


def test_the_matrix_is_as_wide_as_there_are_movies_not_as_their_largest_id() -> None:
    matrix = RatingsMatrix.from_columns(columns((7, 2_000_000_000, 4.0, 1), (9, 3, 2.0, 1)))
    assert matrix.user_items.shape == (2, 2)
    assert matrix.user_items[matrix.row_of_user(7), matrix.row_of_movie(2_000_000_000)] == 4.0
    assert matrix.sparsity == 0.5
    with pytest.raises(UnknownUser, match="8"):
        matrix.row_of_user(8)
    with pytest.raises(UnratedMovie, match="4"):
        matrix.row_of_movie(4)
