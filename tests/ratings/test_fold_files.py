"""ml-100k's own folds: read to the letter, and one line for whatever is wrong with them."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratings.errors import BadFile
from ratings.fold_files import fold_files, read_fold


def written(folder: Path, base: str, test: str) -> tuple[Path, Path]:
    for name, text in (("u1.base", base), ("u1.test", test)):
        (folder / name).write_text(text)
    return folder / "u1.base", folder / "u1.test"


def test_both_sides_share_rows_and_columns_and_keep_their_ratings(tmp_path: Path) -> None:
    base, test = written(tmp_path, "1\t10\t5\t874965758\n3\t10\t2\t1\n3\t30\t1\t1\n", "1\t30\t4\t1\r\n2\t20\t3\t1")
    split = read_fold(base, test)
    assert split.train.user_ids.tolist() == split.test.user_ids.tolist() == [1, 2, 3]
    assert split.train.movie_ids.tolist() == split.test.movie_ids.tolist() == [10, 20, 30]
    assert split.train.user_items.toarray().tolist() == [[5, 0, 0], [0, 0, 0], [2, 0, 1]]
    assert split.test.user_items.toarray().tolist() == [[0, 0, 4], [0, 3, 0], [0, 0, 0]]


def test_the_five_pairs_are_found_in_order(tmp_path: Path) -> None:
    for fold in range(1, 6):
        for side in ("base", "test"):
            (tmp_path / f"u{fold}.{side}").touch()
    assert [(base.name, test.name) for base, test in fold_files(tmp_path)][::4] == [
        ("u1.base", "u1.test"),
        ("u5.base", "u5.test"),
    ]


def test_a_missing_file_or_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"nowhere: there is no such folder; an unpacked ml-100k folder has u1\.base"):
        fold_files(tmp_path / "nowhere")
    (tmp_path / "u1.base").touch()
    with pytest.raises(BadFile, match=r"u1\.test: the file is missing; an unpacked ml-100k folder has"):
        fold_files(tmp_path)


@pytest.mark.parametrize(
    ("base", "why"),
    [
        ("", r"u1\.base: not lines of user, movie, stars and seconds with tabs between: Empty"),
        ("1\t2\t3\n", r"Row #1: Expected 4 columns, got 3"),
        ("1\t2\t3\t4\n1,3,3,4\n", r"Row #2: Expected 4 columns, got 1"),
        ("1\t2\t3\t4\n\n2\t2\t3\t4\n", r"Row #2"),
        ("1\tx\t3\t4\n", r"invalid value 'x'"),
        ("1\t2\t\t4\n", r"invalid value ''"),
        (
            "1\t3\t3\t4\n1\t2\tnan\t4\n",
            r"u1\.base: line 2: user 1, movie 2, nan stars; wanted ids from 1 and",
        ),
        ("1\t2\t6\t4\n", r"line 1: user 1, movie 2, 6 stars"),
        ("0\t2\t3\t4\n", r"line 1: user 0"),
        ("1\t4294967296\t3\t4\n", r"line 1: user 1, movie 4294967296"),
        ("1\t2\t3\t4\n1\t2\t4\t5\n", r"u1\.base: 1 ratings are there twice"),
        ("9\t9\t3\t4\n1\t2\t4\t5\n", r"u1\.test: 1 of its ratings are in u1\.base too"),
    ],
)
def test_a_broken_file_is_one_line_that_names_it(tmp_path: Path, base: str, why: str) -> None:
    with pytest.raises(BadFile, match=why) as told:
        read_fold(*written(tmp_path, base, "9\t9\t3\t4\n"))
    assert "\n" not in str(told.value)


CELLS = st.sampled_from(["1", "2", "3", "4.5"]) | st.sampled_from(["0", "-1", "6", "nan", "inf", "", "x", "1e0"])
LINES = st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS).map("\t".join), max_size=3).map(lambda lines: "\n".join(lines))
GOOD = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 5)), max_size=4, unique_by=lambda it: it[:2]
)


@given(
    st.binary(max_size=60)
    | LINES.map(str.encode)
    | GOOD.map(lambda rows: "".join(f"{user}\t{movie}\t{stars}\t1\n" for user, movie, stars in rows).encode())
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_ratings_within_the_scale_or_one_line(tmp_path: Path, content: bytes) -> None:
    base, test = written(tmp_path, "", "9\t9\t3\t4\n")
    base.write_bytes(content)
    try:
        split = read_fold(base, test)
    except BadFile as err:
        assert len(str(err).splitlines()) == 1
        return
    assert len(split.test) == 1
    stars = split.train.user_items.data
    assert ((stars >= 0.5) & (stars <= 5)).all()
    assert len(split.train) == len(content.splitlines())
