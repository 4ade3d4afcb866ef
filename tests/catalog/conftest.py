"""A catalog in a temporary folder, a few movies, and a clock that the test turns."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog.catalog import Catalog
from catalog.entries import NewMovie, PosterFile
from catalog.storing import store_movies


class Clock:
    """Seconds since 1970, moved by the test."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("catalog.work.time.time", made)
    return made


@pytest.fixture
def catalog(database_url: str, tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(database_url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def queued(catalog: Catalog) -> Callable[[int], Catalog]:
    """Queues movies 1..n; the first has the most ratings."""

    def queue(n: int) -> Catalog:
        new = [NewMovie(title=f"Movie {i}", movie_id=i, year=2000) for i in range(1, n + 1)]
        with catalog.database.write() as connection:
            store_movies(connection, new, {i: (10_000 - i, 3.5) for i in range(1, n + 1)}, 0.0)
        catalog.work.enqueue_all()
        return catalog

    return queue


@pytest.fixture
def poster_file() -> Callable[[int], PosterFile]:
    def make(movie_id: int) -> PosterFile:
        return PosterFile(movie_id, f"{movie_id:064d}", "image/jpeg", 32, 48, 10, "folder", "x.jpg", False, None, 1.0)

    return make
