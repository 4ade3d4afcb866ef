"""A MovieLens folder: rows read = used + rejected, or one line that says what is wrong with which file."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.entries import FileReport, NewMovie
from catalog.errors import BadFile
from catalog.movielens import read_movies

BUNDLED = Path(__file__).resolve().parents[2] / "data" / "ml-latest-small"
MOVIES = "movieId,title,genres\n" + "".join(f"{i},Movie {i} (2000),Drama|War\n" for i in range(1, 201))
LINKS = "movieId,imdbId,tmdbId\n" + "".join(f"{i},{i:07d},{i}\n" for i in range(1, 201))


def read(
    folder: Path, movies: str | bytes = MOVIES, links: str | bytes = LINKS
) -> tuple[list[NewMovie], list[FileReport]]:
    for name, content in (("movies.csv", movies), ("links.csv", links)):
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_movies(folder)


def test_the_bundled_folder_is_used_whole() -> None:
    movies, reports = read_movies(BUNDLED)
    assert [(report.rows, report.used) for report in reports] == [(9125, 9125), (9125, 9125)]
    toy_story = movies[0]
    assert (toy_story.title, toy_story.year, toy_story.imdb_id, toy_story.tmdb_id) == (
        "Toy Story",
        1995,
        "tt0114709",
        862,
    )
    assert sum(movie.tmdb_id is None for movie in movies) == 13
    assert sum(movie.genres == () for movie in movies) == 18


@pytest.mark.parametrize("change", [lambda t: "\ufeff" + t, lambda t: t.replace("\n", "\r\n")], ids=["BOM", "CRLF"])
def test_marks_and_line_ends_make_no_difference(tmp_path: Path, change: object) -> None:
    assert callable(change)
    assert read(tmp_path, change(MOVIES), change(LINKS))[0] == read(tmp_path)[0]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,Bad (2000),Drama", "bad_id"),
        ("-1,Bad (2000),Drama", "bad_id"),
        ("٣,Bad (2000),Drama", "bad_id"),
        ("1_0,Bad (2000),Drama", "bad_id"),
        ("2147483648,Bad (2000),Drama", "bad_id"),
        ("999,,Drama", "bad_title"),
        (f"999,{'x' * 10_000},Drama", "bad_title"),
        ("999,Bell\x07 (2000),Drama", "bad_title"),
        ("999,Too short", "wrong_columns"),
        ("1,Again (2000),Drama", "duplicate"),
    ],
)
def test_a_bad_row_is_left_out_and_counted_with_its_line(tmp_path: Path, row: str, reason: str) -> None:
    movies, (report, _) = read(tmp_path, MOVIES + row + "\n")
    assert (len(movies), report.rows, dict(report.rejected)) == (200, 201, {reason: 1})
    assert report.examples[reason].startswith("line 202: ")


@pytest.mark.parametrize(
    ("movies", "links", "words"),
    [
        (MOVIES + "x,y,z\n" * 5, LINKS, r"movies\.csv: 5 of 205 rows are broken .* line 202"),
        ("<html></html>", LINKS, r"movies\.csv: not a MovieLens file"),
        ("", LINKS, r"movies\.csv: not a MovieLens file"),
        ("movieId,title,genres\n", LINKS, r"movies\.csv: it has no rows"),
        (b"movieId,title,genres\n1,\xff\xfe,Drama\n", LINKS, r"movies\.csv: not UTF-8"),
        (MOVIES + '300,"open quote', LINKS, r"movies\.csv: broken CSV"),
        (MOVIES, "a,b,c\n", r"links\.csv: not a MovieLens file"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(tmp_path: Path, movies: str, links: str, words: str) -> None:
    with pytest.raises(BadFile, match=words) as caught:
        read(tmp_path, movies, links)
    assert "\n" not in str(caught.value)


def test_a_missing_or_foreign_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="there is no such folder"):
        read_movies(tmp_path / "nowhere")
    with pytest.raises(BadFile, match=r"not a MovieLens folder: it has no movies\.csv"):
        read_movies(tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters='\r\n\x00"', codec="utf-8"), max_size=30), max_size=2))
def test_all_rows_are_accounted_for(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            movies, (report, _) = read(Path(folder), MOVIES + "".join(f"{line}\n" for line in lines))
        except BadFile:
            return
    assert report.rows == report.used + sum(report.rejected.values())
    assert report.used == len(movies)
