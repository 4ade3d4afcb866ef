"""Movies and their links: finding them, showing them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, literal, or_, select

from catalog.database import Database
from catalog.entries import Movie, Reason, State
from catalog.errors import UnknownMovie
from catalog.schema import links, movies, poster_files, poster_work
from catalog.titles import search_text

MAX_IDS_PER_QUERY = 500  # bound variables of one statement; SQLite's own limit is 32,766


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `next_cursor` is None on the last one."""

    items: list[Movie]
    next_cursor: str | None


class Movies:
    """The movies of one catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, movie_id: int) -> Movie:
        """One movie.

        Raises:
            UnknownMovie: there is none of this id.
        """
        found = self.many([movie_id])
        if not found:
            raise UnknownMovie(movie_id)
        return found[0]

    def many(self, movie_ids: Sequence[int]) -> list[Movie]:
        """The movies of these ids in the order asked; unknown ids are left out."""
        found: dict[int, Movie] = {}
        with self._database.read() as connection:
            for chunk in chunks(movie_ids):
                rows = connection.execute(_entries().where(movies.c.movie_id.in_(chunk)))
                found.update((row.movie_id, _movie(row)) for row in rows)
        return [found[movie_id] for movie_id in movie_ids if movie_id in found]

    def count(self) -> int:
        """How many movies there are."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(movies)).scalar_one()

    def ids(self) -> Sequence[int]:
        """The ids of all movies, ascending."""
        with self._database.read() as connection:
            return connection.execute(select(movies.c.movie_id).order_by(movies.c.movie_id)).scalars().all()

    def genres(self) -> tuple[str, ...]:
        """The names of all genres that movies have, sorted; reads every movie."""
        with self._database.read() as connection:
            texts = connection.execute(select(movies.c.genres).distinct()).scalars().all()
        return tuple(sorted({name for text in texts for name in text.split("|") if name}))

    def matching(
        self, genre: str | None, year_from: int | None, year_to: int | None, min_ratings: int | None
    ) -> Sequence[int]:
        """The ids of the movies of a genre, of these years (inclusive) and with so many ratings; reads every movie."""
        query = select(movies.c.movie_id)
        if genre is not None:
            query = query.where(_of_genre(genre))
        if year_from is not None:
            query = query.where(movies.c.year >= year_from)
        if year_to is not None:
            query = query.where(movies.c.year <= year_to)
        if min_ratings is not None:
            query = query.where(movies.c.n_ratings >= min_ratings)
        with self._database.read() as connection:
            return connection.execute(query).scalars().all()

    def page(
        self,
        q: str = "",
        genre: str = "",
        cursor: str = "",
        limit: int = 50,
        state: State | None = None,
        reason: Reason | None = None,
    ) -> Page:
        """Movies whose title holds `q`, best match first, then most-rated first.

        Args:
            state: only movies whose poster is in this state. reason: only those that failed for this.

        Raises:
            ValueError: the cursor is not one that an earlier page gave.
        """
        wanted = search_text(q)
        rank = _rank(wanted)
        query = _entries().add_columns(rank.label("rank")).order_by(rank, movies.c.n_ratings.desc(), movies.c.movie_id)
        if wanted:
            query = query.where(movies.c.search_text.contains(wanted, autoescape=True))
        if genre:
            query = query.where(_of_genre(genre))
        if reason is not None:
            query = query.where(poster_work.c.state == State.FAILED, poster_work.c.reason == reason)
        if state is not None:
            none = poster_work.c.state.is_(None)
            query = query.where(none if state == State.NONE else poster_work.c.state == state)
        if cursor:
            query = query.where(_behind(cursor, rank))
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limit + 1)).all()
        more = (
            f"{rows[limit - 1].rank}.{rows[limit - 1].n_ratings}.{rows[limit - 1].movie_id}"
            if len(rows) > limit
            else None
        )
        return Page([_movie(row) for row in rows[:limit]], more)


def chunks(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    """The ids in runs short enough for one statement."""
    return (ids[start : start + MAX_IDS_PER_QUERY] for start in range(0, len(ids), MAX_IDS_PER_QUERY))


def genres_text(genres: Iterable[str]) -> str:
    """Genres as they are stored: |Comedy|Drama|."""
    return "".join(f"|{name}" for name in genres) + "|" if genres else ""


def _entries() -> Select[Any]:
    return (
        select(
            movies,
            links.c.imdb_id,
            links.c.tmdb_id,
            poster_work.c.state,
            poster_work.c.reason,
            poster_work.c.detail,
            poster_work.c.renewing,
            poster_files.c.source,
            poster_files.c.generated,
            poster_files.c.attribution,
            poster_files.c.fetched_at,
            poster_files.c.expires_at,
        )
        .outerjoin_from(movies, links)
        .outerjoin(poster_work, poster_work.c.movie_id == movies.c.movie_id)
        .outerjoin(poster_files, poster_files.c.movie_id == movies.c.movie_id)
    )


def _movie(row: Row[Any]) -> Movie:
    return Movie(
        movie_id=row.movie_id,
        title=row.title,
        year=row.year,
        genres=tuple(name for name in row.genres.split("|") if name),
        imdb_id=row.imdb_id,
        tmdb_id=row.tmdb_id,
        n_ratings=row.n_ratings,
        mean_rating=row.mean_rating,
        state=State(row.state) if row.state else State.NONE,
        reason=row.reason,
        detail=row.detail,
        poster_source=row.source,
        poster_generated=bool(row.generated),
        poster_attribution=row.attribution,
        poster_fetched_at=row.fetched_at,
        poster_expires_at=row.expires_at,
        renewing=bool(row.renewing),
    )


def _rank(wanted: str) -> Any:
    """0 for the very title, 1 for its beginning, 2 for anything else."""
    if not wanted:
        return literal(0)
    starts = movies.c.search_text.startswith(wanted, autoescape=True)
    return case((movies.c.search_text == wanted, 0), (starts, 1), else_=2)


def _behind(cursor: str, rank: Any) -> Any:
    try:
        last_rank, last_ratings, last_id = (int(part) for part in cursor.split("."))
    except ValueError as err:
        raise ValueError(f"{cursor[:40]!r} is not a cursor of an earlier page") from err
    same_rank, fewer = rank == last_rank, movies.c.n_ratings < last_ratings
    same_ratings = and_(movies.c.n_ratings == last_ratings, movies.c.movie_id > last_id)
    return or_(rank > last_rank, and_(same_rank, or_(fewer, same_ratings)))


def _of_genre(name: str) -> ColumnElement[bool]:
    return movies.c.genres.ilike(f"%|{_escaped(name)}|%", escape="\\")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
