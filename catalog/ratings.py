"""Where the ratings are: one Parquet file per imported set, and single ratings given since."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, insert, select

from catalog import rating_rows
from catalog.database import Database
from catalog.rating_rows import GivenRating, RatingsTaken
from catalog.schema import rating_sets, ratings


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
        users, movies, stars, times = columns
        return (
            np.asarray(users, np.int64),
            np.asarray(movies, np.int64),
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
