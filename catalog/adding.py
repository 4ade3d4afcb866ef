"""Takes single movies in: idempotent by movie_id, else imdb_id, else tmdb_id."""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from catalog.database import Database, Lock, alone
from catalog.entries import FIRST_LOCAL_ID, MAX_ID, NewMovie, State
from catalog.errors import ConflictingMovie
from catalog.given import GivenPosters
from catalog.jobs import open_job
from catalog.movies import genres_text
from catalog.queueing import renew
from catalog.schema import deleted_movies, job_movies, links, movies, poster_work
from catalog.titles import search_text

TRIES = 3
PRIORITY_ASKED = 1_000_000  # above any number of ratings here: somebody waits for this movie


def add_movies(
    database: Database, given: GivenPosters, new: Sequence[NewMovie], request_id: str | None = None
) -> tuple[str, list[int]]:
    """Stores the movies that are not there yet, queues their posters, opens a job; all or nothing.

    Returns:
        The job's id and the movies' ids in the order given. A movie that is there already keeps its data and its state.

    Raises:
        ConflictingMovie: the ids given for one movie belong to different ones; nothing is stored.
    """
    for _ in range(TRIES - 1):
        try:
            return _add(database, given, new, request_id)
        except IntegrityError:
            continue  # PostgreSQL: a movie that was found was deleted before its poster was queued
    return _add(database, given, new, request_id)


def follow_movies(connection: Connection, movie_ids: Sequence[int], request_id: str | None) -> str:
    """Opens a job about the posters of these movies, in the caller's transaction; its id."""
    job_id = open_job(connection, "add", time.time(), request_id=request_id)
    rows = [{"job_id": job_id, "movie_id": movie_id} for movie_id in dict.fromkeys(movie_ids)]
    connection.execute(insert(job_movies), rows)
    return job_id


def _add(
    database: Database, given: GivenPosters, new: Sequence[NewMovie], request_id: str | None
) -> tuple[str, list[int]]:
    with database.write() as connection:
        alone(connection, Lock.MOVIES)  # two that look for the next free id at once would find the same
        now = time.time()  # behind the wait: whoever asks what changed since looks back only so far
        movie_ids = [_take_in(connection, position, movie, now) for position, movie in enumerate(new)]
        for movie_id, movie in zip(movie_ids, new, strict=True):
            if movie.poster_url is not None and given.set_url(connection, movie_id, movie.poster_url):
                renew(connection, [movie_id])
        return follow_movies(connection, movie_ids, request_id), movie_ids


def _take_in(connection: Connection, position: int, movie: NewMovie, now: float) -> int:
    there = _same_movie(connection, position, movie)
    if there is not None:
        _fill_links(connection, position, there, movie)
        movie_id = int(there.movie_id)
    else:
        movie_id = movie.movie_id or _next_local_id(connection)
        _insert(connection, movie_id, movie, now)
    _queue(connection, movie_id, now)
    return movie_id


def _same_movie(connection: Connection, position: int, movie: NewMovie) -> Any:
    """The one movie that the given ids name; tmdb_id counts only when neither of the others is given."""
    query = select(movies.c.movie_id, links.c.imdb_id, links.c.tmdb_id).outerjoin_from(movies, links)
    by_id = connection.execute(query.where(movies.c.movie_id == movie.movie_id)).first() if movie.movie_id else None
    by_imdb = connection.execute(query.where(links.c.imdb_id == movie.imdb_id)).first() if movie.imdb_id else None
    if by_imdb is not None and movie.movie_id not in (None, by_imdb.movie_id):
        raise ConflictingMovie(
            position, f"imdb_id {movie.imdb_id} belongs to movie {by_imdb.movie_id}, not to {movie.movie_id}"
        )
    if by_id is not None or by_imdb is not None or movie.movie_id or movie.imdb_id or not movie.tmdb_id:
        return by_id or by_imdb
    return connection.execute(query.where(links.c.tmdb_id == movie.tmdb_id).order_by(movies.c.movie_id)).first()


def _fill_links(connection: Connection, position: int, there: Any, movie: NewMovie) -> None:
    """An id that was missing is filled in; one that differs is a conflict."""
    for name in ("imdb_id", "tmdb_id"):
        given, stored = getattr(movie, name), getattr(there, name)
        if given is not None and stored is not None and given != stored:
            raise ConflictingMovie(position, f"movie {there.movie_id} has {name} {stored}, not {given}")
        if given is not None and stored is None:
            connection.execute(links.update().where(links.c.movie_id == there.movie_id).values({name: given}))


def _next_local_id(connection: Connection) -> int:
    newest = max(
        connection.execute(select(func.max(table.c.movie_id))).scalar() or 0 for table in (movies, deleted_movies)
    )
    if newest < MAX_ID:
        return max(FIRST_LOCAL_ID, newest + 1)
    # Somebody gave a movie the greatest id there is: take the first gap from 2^30 on.
    after = movies.alias("after")
    ends = ~select(after.c.movie_id).where(after.c.movie_id == movies.c.movie_id + 1).exists()
    gap = select(func.min(movies.c.movie_id)).where(movies.c.movie_id.between(FIRST_LOCAL_ID, MAX_ID - 1), ends)
    last_before_gap = connection.execute(gap).scalar()
    return FIRST_LOCAL_ID if last_before_gap is None else int(last_before_gap) + 1


def _insert(connection: Connection, movie_id: int, movie: NewMovie, now: float) -> None:
    connection.execute(delete(deleted_movies).where(deleted_movies.c.movie_id == movie_id))  # it is back
    connection.execute(
        insert(movies).values(
            movie_id=movie_id,
            title=movie.title,
            year=movie.year,
            genres=genres_text(movie.genres),
            search_text=search_text(movie.title),
            added_at=now,
            changed_at=now,
        )
    )
    connection.execute(insert(links).values(movie_id=movie_id, imdb_id=movie.imdb_id, tmdb_id=movie.tmdb_id))


def _queue(connection: Connection, movie_id: int, now: float) -> None:
    has_work = connection.execute(select(poster_work.c.movie_id).where(poster_work.c.movie_id == movie_id)).first()
    if has_work is None:
        values = {"movie_id": movie_id, "priority": PRIORITY_ASKED, "state": State.PENDING, "changed_at": now}
        connection.execute(insert(poster_work).values(values))
