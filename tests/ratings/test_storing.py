"""From ratings.csv to Parquet: the same result whatever the order of the file, whole or not at all."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratings.columns import RatingColumns
from ratings.errors import BadFile, ImportRunning, TooManyBadRows
from ratings.locking import import_lock
from ratings.parquet import RatingsWriter, read_parquet
from ratings.reading import read_ratings_csv
from ratings.storing import remove_leftovers, report_of, store_ratings

KNOWN = np.arange(1, 11, dtype=np.int64)
HEADER = "userId,movieId,rating,timestamp\n"
SORTED = [f"{user},{movie},{movie / 2},{user * movie}" for user in range(1, 61) for movie in range(1, 11)]  # 600 rows
TOP = 2**31 - 1


def written(folder: Path, rows: list[str]) -> Path:
    path = folder / "ratings.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return path


def same(one: RatingColumns, other: RatingColumns) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("user_ids", "movie_ids", "ratings", "timestamps")
    )


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks, groups and ranges of a few rows, so that small files have many of each."""
    monkeypatch.setattr("ratings.reading.BLOCK_BYTES", 512)
    monkeypatch.setattr("ratings.parquet.ROWS_PER_GROUP", 50)
    monkeypatch.setattr("ratings.storing.ROWS_TO_SORT", 60)
    monkeypatch.setattr("ratings.storing.USERS_PER_BIN", 4)
    monkeypatch.setattr("ratings.storing.BINS", 2**16)


def shuffled(rows: list[str]) -> list[str]:
    return [rows[place] for place in np.random.default_rng(0).permutation(len(rows))]


ORDERS: dict[str, Callable[[list[str]], list[str]]] = {
    "sorted": lambda rows: rows,
    "reversed": lambda rows: rows[::-1],
    "shuffled": shuffled,
    "grouped by user, movies in any order": lambda rows: sorted(shuffled(rows), key=lambda row: int(row.split(",")[0])),
    "one user comes back at the end": lambda rows: rows[10:] + rows[:10],
}


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_the_order_of_the_file_makes_no_difference(tmp_path: Path, order: Callable[[list[str]], list[str]]) -> None:
    report = store_ratings(written(tmp_path, order(SORTED)), KNOWN, tmp_path / "r.parquet")
    want, _ = read_ratings_csv(written(tmp_path, SORTED), KNOWN)
    assert same(read_parquet(tmp_path / "r.parquet"), want)
    assert (report.rows, report.used, dict(report.rejected)) == (600, 600, {})
    assert report_of(tmp_path / "r.parquet") == report
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.parquet", "ratings.csv"]


def test_a_sorted_file_is_not_sorted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratings.storing._sort", None)
    store_ratings(written(tmp_path, SORTED), KNOWN, tmp_path / "r.parquet")
    with pytest.raises(TypeError):
        store_ratings(written(tmp_path, SORTED[::-1]), KNOWN, tmp_path / "r.parquet")


lines = st.tuples(
    st.sampled_from([1, 2, 3, 255, 256, 257, 70_000, TOP]), st.integers(1, 4), st.sampled_from(["0.5", "3.0", "5.0"]),
    st.integers(0, 3),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(lines, min_size=1, max_size=120), st.sampled_from([1, 7, 1000]))
def test_streaming_gives_what_reading_all_at_once_gives(rows: list[tuple[int, int, str, int]], to_sort: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("ratings.storing.ROWS_TO_SORT", to_sort)
        patch.setattr("ratings.parquet.ROWS_PER_GROUP", 10)
        source = written(Path(name), [",".join(map(str, row)) for row in rows])
        report = store_ratings(source, KNOWN, Path(name) / "r.parquet")
        want, reading = read_ratings_csv(source, KNOWN)
        assert same(read_parquet(Path(name) / "r.parquet"), want)
        assert report == reading
        assert report.rows == report.used + sum(report.rejected.values())


def test_progress_ends_where_the_work_ends(tmp_path: Path) -> None:
    source = written(tmp_path, SORTED[::-1])
    read: list[tuple[int, int]] = []
    done: list[tuple[int, int]] = []
    store_ratings(source, KNOWN, tmp_path / "r.parquet", lambda *far: read.append(far), lambda *far: done.append(far))
    assert read[-1] == (source.stat().st_size,) * 2
    assert done[-1] == (600, 600)


@pytest.mark.parametrize(
    ("rows", "error"),
    [(SORTED + ["7,7,9.5,1"] * 20, TooManyBadRows), ([], BadFile), (SORTED[::-1] + ["x"] * 20, TooManyBadRows)],
)
def test_a_refused_file_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, rows: list[str], error: type[Exception]
) -> None:
    target = tmp_path / "r.parquet"
    store_ratings(written(tmp_path, SORTED), KNOWN, target)
    before = target.read_bytes()
    with pytest.raises(error):
        store_ratings(written(tmp_path, rows), KNOWN, target)
    assert target.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.parquet", "ratings.csv"]


@pytest.mark.parametrize(
    ("rows", "syncs", "replaced"),
    [
        (SORTED, 0, False),
        (SORTED, 1, True),
        (SORTED[::-1], 0, False),
        (SORTED[::-1], 1, False),
        (SORTED[::-1], 2, True),
    ],
    ids=["sorted: file", "sorted: folder", "reversed: first file", "reversed: second file", "reversed: folder"],
)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[str], syncs: int, replaced: bool
) -> None:
    target = tmp_path / "r.parquet"
    store_ratings(written(tmp_path, SORTED[:100]), KNOWN, target)
    before = target.read_bytes()
    synced = os.fsync
    calls: list[int] = []

    def full(handle: int) -> Any:
        calls.append(handle)
        if len(calls) > syncs:
            raise OSError(errno.ENOSPC, "No space left on device")
        return synced(handle)

    monkeypatch.setattr("ratings.storing.os.fsync", full)
    with pytest.raises(OSError, match="No space left on device: .*parquet" if not replaced else "No space left"):
        store_ratings(written(tmp_path, rows), KNOWN, target)
    assert (target.read_bytes() != before) == replaced
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.parquet", "ratings.csv"]


def test_what_a_killed_import_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    store_ratings(written(tmp_path, SORTED), KNOWN, tmp_path / "r.parquet")
    (tmp_path / ".other.parquet.read.part").write_bytes(b"half")
    with import_lock(tmp_path):
        remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".import.lock", "r.parquet", "ratings.csv"]


def test_a_file_without_a_report_is_refused_by_name(tmp_path: Path) -> None:
    with (tmp_path / "r.parquet").open("wb") as file, RatingsWriter(file) as writer:
        writer.describe({"report": {"rows": 1}})
    with pytest.raises(BadFile, match=r"r\.parquet: it does not say what it was made from"):
        report_of(tmp_path / "r.parquet")


def test_a_second_import_into_the_same_folder_is_told_so(tmp_path: Path) -> None:
    with (
        import_lock(tmp_path),
        pytest.raises(ImportRunning, match="another import is running"),
        import_lock(tmp_path),
    ):
        pass
    with import_lock(tmp_path):
        pass  # free again
