"""Makes the catalog say what a file of movies says: inserts, corrects, leaves alone what is the same or was deleted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, insert, select, update

from catalog.changes import note_set_change
from catalog.database import Lock, alone
from catalog.entries import NewMovie
from catalog.movies import genres_text
from catalog.schema import deleted_movies, links, movies
from catalog.titles import search_text

Ratings = Mapping[int, tuple[int, float]]  # movie_id -> (number of ratings, mean in stars)
OUTSIDE_IDS = ("imdb_id", "tmdb_id")
NO_RATINGS: tuple[int, None] = (0, None)


@dataclass(frozen=True, slots=True)
class Stored:
    """How many movies are new, were changed, were the same; and the ids of those that were deleted here and stay away.

    `changed` counts movies that were not given, too, where their ratings or IMDb id are others now.
    """

    new: int
    changed: int
    unchanged: int
    deleted_here: tuple[int, ...] = ()


def store_movies(
    connection: Connection, given: Iterable[NewMovie], ratings: Ratings | None, now: float, keep_links: bool = False
) -> Stored:
    """Inserts or corrects movies that carry an id, in the caller's transaction.

    Movies of the catalog that are not given stay, with two exceptions: where `ratings` are given these hold for all
    movies, and an IMDb id goes over to the movie that it is given to.

    Args:
        ratings: of every rated movie; None leaves numbers and means as they are.
        now: seconds since 1970, for the new ones.
        keep_links: the outside ids of the movies given mean nothing; those known are kept.
    """
    alone(connection, Lock.MOVIES)
    gone = set(connection.execute(select(deleted_movies.c.movie_id)).scalars())
    wanted = {movie.movie_id: _row(movie, ratings, keep_links) for movie in given if movie.movie_id is not None}
    deleted_here = tuple(sorted(gone & wanted.keys()))
    for movie_id in deleted_here:
        del wanted[movie_id]
    there = _there(connection)
    added = [{**row, "added_at": now} for movie_id, row in wanted.items() if movie_id not in there]
    corrected = {movie_id: row for movie_id, row in wanted.items() if _differs(there.get(movie_id), row)}
    others = _others(there, wanted, ratings)
    _free_imdb_ids(connection, there, wanted)
    _insert(connection, added)
    _update(connection, [*corrected.values(), *others.values()])
    changed = len(corrected) + len(others)
    if added or changed:
        note_set_change(connection)
    return Stored(len(added), changed, len(wanted) - len(added) - len(corrected), deleted_here)


def _there(connection: Connection) -> dict[int, Row[Any]]:
    query = select(movies, links.c.imdb_id, links.c.tmdb_id).outerjoin_from(movies, links)
    return {row.movie_id: row for row in connection.execute(query)}


def _row(movie: NewMovie, ratings: Ratings | None, keep_links: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "movie_id": movie.movie_id,
        "title": movie.title,
        "year": movie.year,
        "genres": genres_text(movie.genres),
        "search_text": search_text(movie.title),
    }
    if ratings is not None:
        row["n_ratings"], row["mean_rating"] = ratings.get(movie.movie_id or 0, NO_RATINGS)
    if not keep_links:
        row["imdb_id"], row["tmdb_id"] = movie.imdb_id, movie.tmdb_id
    return row


def _differs(there: Row[Any] | None, wanted: Mapping[str, Any]) -> bool:
    return there is not None and any(getattr(there, name) != value for name, value in wanted.items())


def _others(
    there: Mapping[int, Row[Any]], wanted: Mapping[int, Mapping[str, Any]], ratings: Ratings | None
) -> dict[int, dict[str, Any]]:
    """What becomes of movies that were not given: their ratings are those of the file, their IMDb id may be taken."""
    taken = {row["imdb_id"] for row in wanted.values() if row.get("imdb_id")}
    rows: dict[int, dict[str, Any]] = {}
    for movie_id, old in there.items():
        if movie_id in wanted:
            continue
        row: dict[str, Any] = {"movie_id": movie_id}
        if ratings is not None:
            row["n_ratings"], row["mean_rating"] = ratings.get(movie_id, NO_RATINGS)
        if old.imdb_id in taken:
            row["imdb_id"] = None
        if _differs(old, row):
            rows[movie_id] = row
    return rows


def _free_imdb_ids(
    connection: Connection, there: Mapping[int, Row[Any]], wanted: Mapping[int, Mapping[str, Any]]
) -> None:
    """Takes IMDb ids from movies that must give them up, before others get them: no two ever have the same."""
    owners = {row["imdb_id"]: movie_id for movie_id, row in wanted.items() if row.get("imdb_id")}
    giving_up = [
        movie_id for movie_id, old in there.items() if old.imdb_id and owners.get(old.imdb_id, movie_id) != movie_id
    ]
    _update(connection, [{"movie_id": movie_id, "imdb_id": None} for movie_id in giving_up])


def _insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(movies), [_of(movies, row) for row in rows])
        connection.execute(insert(links), [_of(links, {**dict.fromkeys(OUTSIDE_IDS), **row}) for row in rows])


def _update(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """One statement per table and set of columns, with all its rows: 60,000 movies are a matter of a second."""
    for table in (movies, links):
        by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in rows:
            part = _of(table, row)
            columns = tuple(name for name in part if name != "movie_id")
            if columns:
                by_columns.setdefault(columns, []).append({f"new_{name}": value for name, value in part.items()})
        for columns, values in by_columns.items():
            changes: dict[str, Any] = {name: bindparam(f"new_{name}") for name in columns}
            statement = update(table).where(table.c.movie_id == bindparam("new_movie_id")).values(changes)
            connection.execute(statement, values)


def _of(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in table.c}
