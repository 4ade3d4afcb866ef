"""Reading ratings.csv: every row is used or counted under a reason, or the file is refused whole."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratings.errors import BadFile, TooManyBadRows
from ratings.reading import read_ratings_csv
from ratings.tally import RejectedBecause

BUNDLED = Path(__file__).resolve().parents[2] / "data" / "ml-latest-small" / "ratings.csv"
KNOWN = np.arange(1, 11, dtype=np.int64)
HEADER = "userId,movieId,rating,timestamp\n"
GOOD = "".join(f"{user},{movie},3.5,100\n" for user in range(1, 31) for movie in range(1, 11))  # 300 rows


def written(tmp_path: Path, content: bytes | str, name: str = "ratings.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_bundled_file_is_used_whole() -> None:
    seen: list[tuple[int, int]] = []
    known = np.arange(1, 200_000, dtype=np.int64)
    columns, report = read_ratings_csv(BUNDLED, known, lambda done, of: seen.append((done, of)))
    assert (report.rows, report.used, dict(report.rejected)) == (100_004, 100_004, {})
    assert len(np.unique(columns.user_ids)) == 671
    assert len(np.unique(columns.movie_ids)) == 9_066
    assert seen[-1] == (BUNDLED.stat().st_size,) * 2


@pytest.mark.parametrize(
    "content",
    [
        (HEADER + GOOD).encode(),
        b"\xef\xbb\xbf" + (HEADER + GOOD).encode(),
        (HEADER + GOOD).replace("\n", "\r\n").encode(),
        (HEADER + GOOD).rstrip("\n").encode(),
    ],
    ids=["plain", "byte order mark", "CRLF", "no last line end"],
)
def test_line_ends_and_marks_make_no_difference(tmp_path: Path, content: bytes) -> None:
    columns, report = read_ratings_csv(written(tmp_path, content), KNOWN)
    assert (report.rows, len(columns)) == (300, 300)


def test_gz_is_read_like_the_plain_file(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress((HEADER + GOOD).encode()), "ratings.csv.gz")
    assert len(read_ratings_csv(path, KNOWN)[0]) == 300


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda packed: packed[: len(packed) // 2], "cut short"),
        (lambda packed: packed[:-4], "cut short"),
        (lambda packed: packed[:400] + b"\xff" * 40 + packed[440:], "damaged|CRC"),
        (lambda packed: b"userId,movieId,rating\n1,1,3.0\n", "not a gzip|Not a gzipped"),
        (lambda packed: b"", "not a ratings file"),
    ],
    ids=["half", "no checksum", "overwritten", "not packed", "empty"],
)
def test_a_broken_gz_is_one_line_that_names_it(tmp_path: Path, damage: Callable[[bytes], bytes], words: str) -> None:
    noise = np.random.default_rng(0).integers(1, 10**6, 3000)
    packed = gzip.compress((HEADER + "".join(f"{user},1,3.5,100\n" for user in noise)).encode())
    with pytest.raises(BadFile, match=words) as caught:
        read_ratings_csv(written(tmp_path, damage(packed), "ratings.csv.gz"), KNOWN)
    assert "ratings.csv.gz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_quotes_around_any_cell_make_no_difference(tmp_path: Path) -> None:
    quoted = "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in (HEADER + GOOD).split())
    columns, report = read_ratings_csv(written(tmp_path, quoted), KNOWN)
    assert (report.rows, report.used, len(columns)) == (300, 300, 300)


def test_columns_may_come_in_any_order_with_others_between_them(tmp_path: Path) -> None:
    path = written(tmp_path, "rating,note,movieId,timestamp,userId\n4.5,fine,2,77,1\n")
    columns, _ = read_ratings_csv(path, KNOWN)
    (got,) = zip(columns.user_ids, columns.movie_ids, columns.ratings, columns.timestamps, strict=True)
    assert got == (1, 2, 4.5, 77)


def test_a_missing_timestamp_is_zero(tmp_path: Path) -> None:
    path = written(tmp_path, "userId,movieId,rating\n1,2,4.0\n1,3,4.5\n")
    assert read_ratings_csv(path, KNOWN)[0].timestamps.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,1,3.0,1", "bad_id"),
        ("-1,1,3.0,1", "bad_id"),
        ("0,1,3.0,1", "bad_id"),
        ("1_0,1,3.0,1", "bad_id"),
        ("\u0661,1,3.0,1", "bad_id"),
        ("2147483648,1,3.0,1", "bad_id"),
        ("1,1.0,3.0,1", "bad_id"),
        ("99,1,nan,1", "bad_rating"),
        ("99,1,inf,1", "bad_rating"),
        ("99,1,1e1,1", "bad_rating"),
        ("99,1,0.0,1", "bad_rating"),
        ("99,1,5.5,1", "bad_rating"),
        ("99,1,,1", "bad_rating"),
        ("99,1,3.0,soon", "bad_timestamp"),
        ("99,1,3.0", "wrong_columns"),
        ("99,1,3.0,1,1", "wrong_columns"),
        ("99,1000000000,3.0,1", "unknown_movie"),
    ],
)
def test_each_bad_row_is_counted_under_its_reason_with_its_line(tmp_path: Path, row: str, reason: str) -> None:
    columns, report = read_ratings_csv(written(tmp_path, HEADER + GOOD + row + "\n"), KNOWN)
    assert (report.rows, report.used, len(columns)) == (301, 300, 300)
    assert dict(report.rejected) == {reason: 1}
    assert "line 302" in report.examples[reason]


def test_of_a_pair_rated_twice_the_latest_counts(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "1,2,1.0,50\n1,2,5.0,70\n1,2,3.0,60\n1,3,4.0,1\n")
    columns, report = read_ratings_csv(path, KNOWN)
    assert columns.ratings.tolist() == [5.0, 4.0]
    assert dict(report.rejected) == {"superseded": 2}


def test_more_than_one_per_cent_of_bad_rows_refuses_the_file_and_names_the_first(tmp_path: Path) -> None:
    bad = "7,7,9.5,1\n" * 4
    with pytest.raises(TooManyBadRows, match=r"ratings\.csv: 4 of 304 rows .* line 302: rating '9\.5'"):
        read_ratings_csv(written(tmp_path, HEADER + GOOD + bad), KNOWN)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not a ratings file"),
        ("<html><body>not found</body></html>", "not a ratings file"),
        ("movieId,title,genres\n1,Heat,Crime\n", "not a ratings file"),
        (HEADER, "no rows"),
        (b"\xff\xfe\x00userId", "not a readable CSV"),
        (HEADER.encode() + b"1,1,3.0,\xff\xff\n", "not a readable CSV"),
    ],
)
def test_another_kind_of_file_is_one_line_that_names_it(tmp_path: Path, content: bytes | str, words: str) -> None:
    with pytest.raises(BadFile, match=words) as caught:
        read_ratings_csv(written(tmp_path, content), KNOWN)
    assert "ratings.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="missing"):
        read_ratings_csv(tmp_path / "ratings.csv", KNOWN)


cells = st.one_of(
    st.sampled_from(["1", "2", "3", "11", "0", "-1", "4.5", "0.5", "9", "x", "", "2147483648"]),
    st.text(st.characters(codec="ascii", exclude_characters='",\n\r'), max_size=6),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(cells, min_size=3, max_size=5), min_size=1, max_size=40))
def test_all_rows_are_accounted_for_or_the_file_is_refused(rows: list[list[str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ratings.csv"
        path.write_text(HEADER + GOOD + "".join(",".join(row) + "\n" for row in rows))
        try:
            columns, report = read_ratings_csv(path, KNOWN)
        except (BadFile, TooManyBadRows):
            return
    assert report.rows == report.used + sum(report.rejected.values())
    assert report.used == len(columns)
    assert set(report.rejected) <= set(RejectedBecause)
    assert ((columns.ratings >= 0.5) & (columns.ratings <= 5)).all()
