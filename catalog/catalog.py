"""The catalog as one thing: what other rooms open and hand around."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from catalog.adding import add_movies
from catalog.content import ContentStore
from catalog.database import Database
from catalog.entries import NewMovie
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
        self.jobs = Jobs(self.database)
        self.ratings = RatingSets(self.database)
        self.presence = Presence(self.database)

    @classmethod
    def open(cls, url: str, data_dir: Path) -> Self:
        """Opens the catalog and brings its schema up to date."""
        data_dir.mkdir(parents=True, exist_ok=True)
        catalog = cls(url, data_dir)
        upgrade(catalog.database)
        return catalog

    def add(self, new: Sequence[NewMovie]) -> tuple[str, list[int]]:
        """Takes movies in and queues their posters; see `catalog.adding.add_movies`."""
        return add_movies(self.database, new)

    def close(self) -> None:
        """Closes the database connections."""
        self.database.close()
