"""Reads `movies.csv` and `links.csv` of a MovieLens folder, plain or as `.gz`; writes nothing."""

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO, TypeVar, cast

from catalog.entries import MAX_ID, FileReport, NewMovie
from catalog.errors import BadFile
from catalog.titles import MAX_TITLE, imdb_id, split_title

MAX_BAD_SHARE = 0.01  # reliability.md section 10: more than 1 % bad rows refuses the file
NO_GENRES = "(no genres listed)"
MOVIE_COLUMNS = ("movieId", "title", "genres")
LINK_COLUMNS = ("movieId", "imdbId", "tmdbId")


T = TypeVar("T", NewMovie, "Links")


class _Rejected(Exception):
    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Links:
    """Outside ids of one movie."""

    movie_id: int
    imdb_id: str | None
    tmdb_id: int | None


@dataclass(frozen=True, slots=True)
class MovieFiles:
    """What a folder says about movies: these with their links, in file order, and one report per file that was read."""

    movies: tuple[NewMovie, ...]
    reports: tuple[FileReport, ...]
    has_links: bool


def find_file(folder: Path, name: str) -> Path | None:
    """`name` in this folder, else `name.gz`, else None: where both are there the plain one counts."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def read_movies(folder: Path) -> MovieFiles:
    """The movies of a folder; without `links.csv` they have no outside ids.

    Raises:
        BadFile: there is no `movies.csv`, or a file is foreign, or more than 1 % of its rows are broken.
    """
    movies, movie_report = _read(_movies_file(folder), MOVIE_COLUMNS, _movie)
    links_file = find_file(folder, "links.csv")
    if links_file is None:
        return MovieFiles(tuple(movies), (movie_report,), has_links=False)
    known = {movie.movie_id for movie in movies}
    owners: dict[str, int] = {}
    links, link_report = _read(links_file, LINK_COLUMNS, lambda row: _link(row, known, owners))
    return MovieFiles(_joined(movies, links), (movie_report, link_report), has_links=True)


def _joined(movies: list[NewMovie], links: list[Links]) -> tuple[NewMovie, ...]:
    by_id = {link.movie_id: link for link in links}
    return tuple(
        replace(movie, imdb_id=link.imdb_id, tmdb_id=link.tmdb_id)
        if movie.movie_id is not None and (link := by_id.get(movie.movie_id))
        else movie
        for movie in movies
    )


def _movies_file(folder: Path) -> Path:
    if not folder.is_dir():
        raise BadFile(
            folder, "there is no such folder; give the unpacked MovieLens folder, such as data/ml-latest-small"
        )
    found = find_file(folder, "movies.csv")
    if found is None:
        raise BadFile(folder, "not a MovieLens folder: it has no movies.csv")
    return found


def _read(path: Path, columns: tuple[str, ...], parse: Callable[[dict[str, str]], T]) -> tuple[list[T], FileReport]:
    """Parses every row; what `parse` rejects is counted by reason."""
    used: dict[int | None, T] = {}
    rejected: Counter[str] = Counter()
    examples: dict[str, str] = {}
    rows = 0
    for line, row in _rows(path, columns):
        rows += 1
        try:
            parsed = parse(row)
            if parsed.movie_id in used:
                raise _Rejected("duplicate", f"movie {parsed.movie_id} is listed twice; the first row counts")
            used[parsed.movie_id] = parsed
        except _Rejected as err:
            rejected[err.reason] += 1
            examples.setdefault(err.reason, f"line {line}: {err}")
    _refuse_if_too_bad(path, rows, rejected, examples)
    return list(used.values()), FileReport(str(path), rows, len(used), dict(rejected), examples)


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row) of a CSV file with a header; a row with a wrong column count comes out empty."""
    with _one_line_errors(path), _opened(path) as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        if not set(columns) <= set(header):
            raise BadFile(path, f"not a MovieLens file: its columns are {header[:6]}, wanted {list(columns)}")
        for cells in reader:
            whole = len(cells) == len(header)
            yield reader.line_num, dict(zip(header, cells, strict=True)) if whole else {}


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


@contextmanager
def _one_line_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except EOFError as err:
        raise BadFile(path, "the gzip file is cut short; fetch it again") from err
    except zlib.error as err:
        raise BadFile(path, f"the gzip file is damaged ({err}); fetch it again") from err
    except OSError as err:
        raise BadFile(path, f"cannot be read: {err.strerror or err}") from err
    except UnicodeDecodeError as err:
        raise BadFile(path, f"not UTF-8 text (byte {err.start}); convert it first") from err
    except csv.Error as err:
        raise BadFile(path, f"broken CSV: {err}") from err


def _refuse_if_too_bad(path: Path, rows: int, rejected: Counter[str], examples: dict[str, str]) -> None:
    bad = sum(count for reason, count in rejected.items() if reason != "unknown_movie")
    if rows == 0:
        raise BadFile(path, "it has no rows")
    if bad > max(1, MAX_BAD_SHARE * rows):
        first = next(text for reason, text in examples.items() if reason != "unknown_movie")
        raise BadFile(path, f"{bad} of {rows} rows are broken (limit 1 %), the first at {first}; nothing was imported")


def _movie(row: dict[str, str]) -> NewMovie:
    movie_id = _id(row)
    if any(ord(char) < 32 for char in row["title"]):
        raise _Rejected("bad_title", f"movie {movie_id} has control characters in its title")
    title, year = split_title(row["title"])
    if not 1 <= len(title) <= MAX_TITLE:
        raise _Rejected(
            "bad_title", f"movie {movie_id} has a title of {len(title)} characters, wanted 1 to {MAX_TITLE}"
        )
    genres = tuple(name for name in row["genres"].split("|") if name and name != NO_GENRES)
    return NewMovie(title=title, movie_id=movie_id, year=year, genres=genres)


def _link(row: dict[str, str], known: set[int | None], owners: dict[str, int]) -> Links:
    """One row of links.csv; `owners` remembers which movie has which IMDb id, since no two may have the same."""
    movie_id = _id(row)
    if movie_id not in known:
        raise _Rejected("unknown_movie", f"movie {movie_id} is not in movies.csv")
    try:
        imdb = imdb_id(row["imdbId"]) if row["imdbId"].strip() else None
        tmdb = _number(row["tmdbId"]) if row["tmdbId"].strip() else None
    except ValueError as err:
        raise _Rejected("bad_link", f"movie {movie_id}: {err}") from err
    if imdb is not None and owners.setdefault(imdb, movie_id) != movie_id:
        raise _Rejected("duplicate_imdb_id", f"movie {movie_id}: {imdb} is that of movie {owners[imdb]} already")
    return Links(movie_id, imdb, tmdb)


def _id(row: dict[str, str]) -> int:
    if not row:
        raise _Rejected("wrong_columns", "not as many columns as the header has")
    try:
        return _number(row["movieId"])
    except ValueError as err:
        raise _Rejected("bad_id", str(err)) from err


def _number(cell: str) -> int:
    """A positive 32-bit integer in plain digits; int() alone would take "1_0" and Arabic digits."""
    if not (cell.isascii() and cell.isdigit()) or not 1 <= int(cell[:12]) <= MAX_ID:
        raise ValueError(f"{cell[:40]!r} is not an id (1 to {MAX_ID})")
    return int(cell)
