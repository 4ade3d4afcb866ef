"""Single ratings as rows: the latest of a user and a movie counts, whatever order they come in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from catalog.errors import UnknownMovies
from catalog.movies import MAX_IDS_PER_QUERY, chunks
from catalog.schema import movies, ratings


@dataclass(frozen=True, slots=True)
class GivenRating:
    """What one user says of one movie: stars in [0.5, 5], and when, in seconds since 1970."""

    user_id: int
    movie_id: int
    stars: float
    rated_at: int


@dataclass(frozen=True, slots=True)
class RatingsTaken:
    """What became of given ratings: `accepted + duplicates + outdated` are all of them.

    Attributes:
        accepted: those that count now. replaced: of these, how many took the place of a single rating given before.
        duplicates: gave way to a later one of the same pair that was given with them.
        outdated: gave way to a single rating of the pair that is here and says that it is later.
    """

    accepted: int
    replaced: int
    duplicates: int
    outdated: int


def take(connection: Connection, given: Sequence[GivenRating]) -> RatingsTaken:
    """Stores them in the caller's transaction; of ratings with the same time the one given later counts.

    Raises:
        UnknownMovies: some movies are not in the catalog; it names them, and nothing may be committed.
    """
    latest = _latest(given)
    _demand_movies(connection, sorted({rating.movie_id for rating in latest}))
    there = _times(connection, [(rating.user_id, rating.movie_id) for rating in latest])
    now = [r for r in latest if r.rated_at >= there.get((r.user_id, r.movie_id), r.rated_at)]
    _put(connection, now)
    return RatingsTaken(
        accepted=len(now),
        replaced=sum((rating.user_id, rating.movie_id) in there for rating in now),
        duplicates=len(given) - len(latest),
        outdated=len(latest) - len(now),
    )


def of_user(connection: Connection, user_id: int) -> list[GivenRating]:
    """The single ratings of one user, by movie."""
    query = select(ratings).where(ratings.c.user_id == user_id).order_by(ratings.c.movie_id)
    return [GivenRating(row.user_id, row.movie_id, row.rating, row.rated_at) for row in connection.execute(query)]


def _latest(given: Sequence[GivenRating]) -> list[GivenRating]:
    """One of each pair, sorted by pair: requests that meet on PostgreSQL lock their rows in the same order."""
    by_pair: dict[tuple[int, int], GivenRating] = {}
    for rating in given:
        pair = rating.user_id, rating.movie_id
        if pair not in by_pair or rating.rated_at >= by_pair[pair].rated_at:
            by_pair[pair] = rating
    return [by_pair[pair] for pair in sorted(by_pair)]


def _demand_movies(connection: Connection, movie_ids: Sequence[int]) -> None:
    found: set[int] = set()
    for chunk in chunks(movie_ids):
        there = select(movies.c.movie_id).where(movies.c.movie_id.in_(chunk)).order_by(movies.c.movie_id)
        # Held until the end: a movie that is deleted meanwhile takes its ratings along afterwards.
        found.update(connection.execute(there.with_for_update(read=True, key_share=True)).scalars())
    unknown = [movie_id for movie_id in movie_ids if movie_id not in found]
    if unknown:
        raise UnknownMovies(unknown)


def _times(connection: Connection, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """When the pairs that have a single rating were rated."""
    found: dict[tuple[int, int], int] = {}
    pair = tuple_(ratings.c.user_id, ratings.c.movie_id)
    for start in range(0, len(pairs), MAX_IDS_PER_QUERY):
        rows = connection.execute(select(ratings).where(pair.in_(pairs[start : start + MAX_IDS_PER_QUERY])))
        found.update(((row.user_id, row.movie_id), row.rated_at) for row in rows)
    return found


def _put(connection: Connection, given: Sequence[GivenRating]) -> None:
    """Inserts or replaces; a later one that another request has just stored stays."""
    if not given:
        return
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = dialect.insert(ratings)
    statement = new.on_conflict_do_update(
        index_elements=[ratings.c.user_id, ratings.c.movie_id],
        set_={"rating": new.excluded.rating, "rated_at": new.excluded.rated_at},
        where=new.excluded.rated_at >= ratings.c.rated_at,
    )
    rows = [{"user_id": r.user_id, "movie_id": r.movie_id, "rating": r.stars, "rated_at": r.rated_at} for r in given]
    connection.execute(statement, rows)
