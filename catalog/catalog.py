"""The catalog as one thing: what other rooms open and hand around."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from sqlalchemy.exc import IntegrityError

from catalog.adding import add_movies, follow_movies
from catalog.changes import Changes
from catalog.content import ContentStore
from catalog.database import Database
from catalog.editing import Editing
from catalog.entries import NewMovie
from catalog.errors import UnknownMovie
from catalog.given import GivenPosters
from catalog.jobs import Jobs
from catalog.misses import Misses
from catalog.movies import Movies
from catalog.posters import Posters
from catalog.presence import Presence
from catalog.purging import Purging
from catalog.ratings import RatingSets
from catalog.sources import Sources
from catalog.upgrading import upgrade
from catalog.work import PosterWork


class Catalog:
    """System of record: think of a small set of shelves over one database and one folder of poster bytes.

    Safe for threads; a forked child opens its own.

    Args:
        url: SQLAlchemy URL of the database.
        data_dir: folder of the poster bytes and rating files; made when missing.
    """

    def __init__(self, url: str, data_dir: Path) -> None:
        self.database = Database(url)
        self.data_dir = data_dir
        self.movies = Movies(self.database)
        self.work = PosterWork(self.database)
        content = ContentStore(data_dir / "posters")
        self.posters = Posters(self.database, content)
        self.given = GivenPosters(self.database, content)
        self.purging = Purging(self.database, content)
        self.misses = Misses(self.database)
        self.sources = Sources(self.database)
        self.editing = Editing(self.database)
        self.jobs = Jobs(self.database)
        self.ratings = RatingSets(self.database)
        self.presence = Presence(self.database)
        self.changes = Changes(self.database)

    @classmethod
    def open(cls, url: str, data_dir: Path) -> Self:
        """Opens the catalog and brings its schema up to date."""
        data_dir.mkdir(parents=True, exist_ok=True)
        catalog = cls(url, data_dir)
        upgrade(catalog.database)
        return catalog

    def add(self, new: Sequence[NewMovie], request_id: str | None = None) -> tuple[str, list[int]]:
        """Takes movies in and queues their posters; see `catalog.adding.add_movies`."""
        return add_movies(self.database, self.given, new, request_id)

    def follow(self, movie_ids: Sequence[int], request_id: str | None = None) -> str:
        """Opens a job that follows the posters of movies that are there; its id.

        Raises:
            UnknownMovie: one of them is not there (any more).
        """
        try:
            with self.database.write() as connection:
                return follow_movies(connection, movie_ids, request_id)
        except IntegrityError as err:
            there = {movie.movie_id for movie in self.movies.many(movie_ids)}
            raise UnknownMovie(next((i for i in movie_ids if i not in there), movie_ids[0])) from err

    def close(self) -> None:
        """Closes the database connections."""
        self.database.close()
