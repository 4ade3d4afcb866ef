"""A MovieLens folder: rows read = used + rejected, or one line that says what is wrong with which file."""

import gzip
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
) -> tuple[tuple[NewMovie, ...], tuple[FileReport, ...]]:
    for name, content in (("movies.csv", movies), ("links.csv", links)):
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    files = read_movies(folder)
    return files.movies, files.reports


def test_the_bundled_folder_is_used_whole() -> None:
    files = read_movies(BUNDLED)
    movies, reports = files.movies, files.reports
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


def test_gz_is_read_like_the_plain_file_which_goes_before_it(tmp_path: Path) -> None:
    want, _ = read(tmp_path)
    for name in ("movies.csv", "links.csv"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
        (tmp_path / name).unlink()
    assert read_movies(tmp_path).movies == want
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n7,Only This (1999),Drama\n")
    assert [movie.title for movie in read_movies(tmp_path).movies] == ["Only This"]


def test_a_gz_that_is_cut_short_or_none_at_all_is_named(tmp_path: Path) -> None:
    packed = gzip.compress(MOVIES.encode())
    for content, words in ((packed[:-20], "cut short"), (b"movieId,title,genres", "Not a gzipped file")):
        (tmp_path / "movies.csv.gz").write_bytes(content)
        with pytest.raises(BadFile, match=rf"movies\.csv\.gz: .*{words}"):
            read_movies(tmp_path)


def test_without_links_the_movies_have_no_outside_ids(tmp_path: Path) -> None:
    read(tmp_path)
    (tmp_path / "links.csv").unlink()
    files = read_movies(tmp_path)
    assert (len(files.movies), len(files.reports), files.has_links) == (200, 1, False)
    assert {(movie.imdb_id, movie.tmdb_id) for movie in files.movies} == {(None, None)}


def test_of_two_movies_with_one_imdb_id_the_first_keeps_it(tmp_path: Path) -> None:
    movies, (_, report) = read(tmp_path, MOVIES + "201,Twin (2000),War\n", LINKS + "201,0000007,900\n")
    assert (movies[6].imdb_id, movies[200].imdb_id) == ("tt0000007", None)
    assert dict(report.rejected) == {"duplicate_imdb_id": 1}
    assert report.examples["duplicate_imdb_id"] == "line 202: movie 201: tt0000007 is that of movie 7 already"


def test_columns_may_come_in_any_order_with_others_between_them(tmp_path: Path) -> None:
    movies, _ = read(
        tmp_path, "genres,note,movieId,title\nWar,x,7,Ran (1985)\n", "tmdbId,movieId,imdbId\n11645,7,89881\n"
    )
    assert movies == (NewMovie("Ran", 7, 1985, ("War",), "tt0089881", 11645),)


def test_quotes_around_any_cell_make_no_difference(tmp_path: Path) -> None:
    quoted = "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in MOVIES.splitlines())
    assert read(tmp_path, quoted)[0] == read(tmp_path)[0]


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
