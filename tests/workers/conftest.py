"""A catalog of a few movies, a toy encoder and toy posters: no network, no weights."""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalog.catalog import Catalog
from catalog.entries import NewMovie
from catalog.storing import store_movies
from posters.poster import PosterImage, PosterRequest
from posters.sources import Found
from tests.workers.toy_encoder import ToyEncoder


@pytest.fixture
def catalog(database_url: str, tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(database_url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def queued(catalog: Catalog) -> Callable[[int], Catalog]:
    """Queues movies 1..n; the first has the most ratings."""

    def queue(n: int) -> Catalog:
        new = [NewMovie(title=f"Movie {i}", movie_id=i, year=2000, genres=("Drama",)) for i in range(1, n + 1)]
        with catalog.database.write() as connection:
            store_movies(connection, new, {i: (1000 - i, 3.5) for i in range(1, n + 1)}, 0.0)
        catalog.work.enqueue_all()
        return catalog

    return queue


@pytest.fixture
def encoder() -> ToyEncoder:
    return ToyEncoder()


@pytest.fixture
def picture() -> Callable[[int], bytes]:
    """JPEG bytes of a small picture that depends on the number."""

    def draw(number: int) -> bytes:
        noise = np.random.default_rng(number).integers(0, 255, (48, 32, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noise).save(buffer, "JPEG", quality=90)
        return buffer.getvalue()

    return draw


@pytest.fixture
def image(picture: Callable[[int], bytes]) -> Callable[[int], PosterImage]:
    """A poster as a source hands it out."""

    def make(number: int) -> PosterImage:
        content = picture(number)
        return PosterImage(
            content=content,
            sha256=hashlib.sha256(content).hexdigest(),
            media_type="image/jpeg",
            width=32,
            height=48,
            source="folder",
            origin=f"{number}.jpg",
            generated=False,
            attribution=None,
        )

    return make


@pytest.fixture
def fetch(image: Callable[[int], PosterImage]) -> Callable[[PosterRequest, Mapping[str, str]], Found]:
    """A source that has a poster for every movie."""
    return lambda movie, known: Found(image(movie.movie_id), {})
