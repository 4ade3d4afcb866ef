"""Where the ratings are: one Parquet file per imported set, and single ratings given since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from catalog import rating_rows
from catalog.changes import note_set_change
from catalog.database import Database, Lock, alone
from catalog.rating_rows import GivenRating, RatingsTaken
from catalog.schema import movies, rating_sets, ratings

MEAN_TOLERANCE = 1e-6  # of a mean, relative: sums of float32 stars differ by their order


@dataclass(frozen=True, slots=True)
class RatingSet:
    """One imported set of ratings: `file` is relative to the data folder."""

    name: str
    file: str
    source_sha256: str
    rows: int
    imported_at: float


class RatingSets:
    """The ratings of one catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sets(self) -> list[RatingSet]:
        """The imported sets, the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(rating_sets).order_by(rating_sets.c.imported_at)).mappings()
            return [RatingSet(**row) for row in rows]

    def single(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
        """Users, movies, stars and times (seconds since 1970) of the single ratings, each (n,)."""
        query = select(ratings.c.user_id, ratings.c.movie_id, ratings.c.rating, ratings.c.rated_at)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
        users, rated, stars, times = columns
        return (
            np.asarray(users, np.int64),
            np.asarray(rated, np.int64),
            np.asarray(stars, np.float32),
            np.asarray(times, np.int64),
        )

    def give(self, given: Sequence[GivenRating]) -> RatingsTaken:
        """Takes single ratings in, all or none; the latest of a user and a movie counts.

        Raises:
            UnknownMovies: some of their movies are not in the catalog; nothing was stored.
        """
        with self._database.write() as connection:
            return rating_rows.take(connection, given)

    def single_of(self, user_id: int) -> list[GivenRating]:
        """The single ratings of one user, by movie."""
        with self._database.read() as connection:
            return rating_rows.of_user(connection, user_id)

    def given_singly(self, movie_id: int) -> bool:
        """True when somebody rated this movie since the last import."""
        query = select(ratings.c.user_id).where(ratings.c.movie_id == movie_id).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def counted(self, by_movie: Mapping[int, tuple[int, float]]) -> int:
        """Notes how many ratings these movies have, and their mean in stars; says of how many it had changed.

        Movies that are not in the catalog are passed over, those that are not named keep what they have.
        """
        query = select(movies.c.movie_id, movies.c.n_ratings, movies.c.mean_rating).order_by(movies.c.movie_id)
        with self._database.write() as connection:
            alone(connection, Lock.MOVIES)  # an import holds movies, too, in an order of its own
            known = {row.movie_id: (row.n_ratings, row.mean_rating) for row in connection.execute(query)}
            changed = [id_ for id_ in known if id_ in by_movie and _differs(known[id_], by_movie[id_])]
            if changed:
                rows = [{"id": id_, "n": by_movie[id_][0], "mean": by_movie[id_][1]} for id_ in changed]
                one = update(movies).where(movies.c.movie_id == bindparam("id"))
                connection.execute(one.values(n_ratings=bindparam("n"), mean_rating=bindparam("mean")), rows)
                note_set_change(connection)
        return len(changed)

    def count(self) -> int:
        """How many ratings there are, imported and single."""
        with self._database.read() as connection:
            imported = connection.execute(select(func.coalesce(func.sum(rating_sets.c.rows), 0))).scalar_one()
            return int(imported) + connection.execute(select(func.count()).select_from(ratings)).scalar_one()

    def replace(self, connection: Connection, new: RatingSet) -> None:
        """Names the file of a set, in the caller's transaction: the commit makes the import true."""
        connection.execute(delete(rating_sets).where(rating_sets.c.name == new.name))
        values = {name: getattr(new, name) for name in rating_sets.c.keys()}  # noqa: SIM118 - a column collection
        connection.execute(insert(rating_sets).values(values))


def _differs(known: tuple[int, float | None], now: tuple[int, float]) -> bool:
    return known[0] != now[0] or known[1] is None or not isclose(known[1], now[1], rel_tol=MEAN_TOLERANCE)
