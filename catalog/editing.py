"""Movies that change: correcting one, taking one out."""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from catalog.claiming import hold
from catalog.database import Database, Lock, alone
from catalog.errors import ConflictingMovie, UnknownMovie
from catalog.misses import forget
from catalog.movies import genres_text
from catalog.schema import deleted_movies, links, movies
from catalog.titles import search_text


@dataclass(frozen=True, slots=True)
class MovieChanges:
    """What is to be corrected of one movie; None leaves a field as it is."""

    title: str | None = None
    year: int | None = None
    genres: tuple[str, ...] | None = None
    imdb_id: str | None = None
    tmdb_id: int | None = None


class Editing:
    """Corrections and deletions in one catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def edit(self, movie_id: int, changes: MovieChanges) -> bool:
        """Corrects a movie; True when what a title card shows has changed.

        New outside ids let the poster sources be asked again.

        Raises:
            UnknownMovie: there is no such movie. ConflictingMovie: its new imdb_id belongs to another one.
        """
        try:
            with self._database.write() as connection:
                alone(connection, Lock.MOVIES)  # an import holds its rows for long: the time below is set behind it
                before = connection.execute(select(movies).where(movies.c.movie_id == movie_id)).first()
                if before is None:
                    raise UnknownMovie(movie_id)
                shown = {name: new for name, new in _shown(changes).items() if getattr(before, name) != new}
                if shown:
                    values = {**shown, "changed_at": time.time()}
                    connection.execute(update(movies).where(movies.c.movie_id == movie_id).values(values))
                _relink(connection, movie_id, changes)
        except IntegrityError as err:
            raise ConflictingMovie(0, f"imdb_id {changes.imdb_id} belongs to another movie") from err
        return bool(shown)

    def delete(self, movie_id: int) -> None:
        """Takes a movie out with all that is known about it; its id is never given to another one.

        Raises:
            UnknownMovie: there is no such movie.
        """
        with self._database.write() as connection:
            alone(connection, Lock.MOVIES)
            hold(connection, [movie_id])
            gone = delete(movies).where(movies.c.movie_id == movie_id).returning(movies.c.movie_id)
            if connection.execute(gone).first() is None:
                raise UnknownMovie(movie_id)
            connection.execute(insert(deleted_movies).values(movie_id=movie_id, deleted_at=time.time()))


def _shown(changes: MovieChanges) -> dict[str, Any]:
    """The columns of what people see, as far as they are given."""
    given: dict[str, Any] = {}
    if changes.title is not None:
        given |= {"title": changes.title, "search_text": search_text(changes.title)}
    if changes.year is not None:
        given["year"] = changes.year
    if changes.genres is not None:
        given["genres"] = genres_text(changes.genres)
    return given


def _relink(connection: Connection, movie_id: int, changes: MovieChanges) -> None:
    given = {name: getattr(changes, name) for name in ("imdb_id", "tmdb_id")}
    new = {name: value for name, value in given.items() if value is not None}
    if not new:
        return
    forget(connection, [movie_id])
    if connection.execute(update(links).where(links.c.movie_id == movie_id).values(new)).rowcount == 0:
        connection.execute(insert(links).values(movie_id=movie_id, **new))
