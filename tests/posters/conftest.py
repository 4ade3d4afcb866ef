import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from posters.sources import PosterRequest

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"{SHARED_DATA} is missing, and CI always has it")
        pytest.skip(f"the real posters are not on this machine: {SHARED_DATA} is missing")
    return SHARED_DATA


@pytest.fixture(scope="session")
def picture() -> Image.Image:
    """48 x 32, smooth and unlike its mirror images."""
    y, x = np.mgrid[0:32, 0:48]
    return Image.fromarray(np.stack([x * 5, y * 7, x + y * 3], axis=-1).astype(np.uint8))


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    def encode(image: Image.Image, file_format: str, **options: object) -> bytes:
        file = io.BytesIO()
        image.save(file, file_format, **options)
        return file.getvalue()

    return encode


@pytest.fixture(scope="session")
def jpeg(picture: Image.Image, encoded: Callable[..., bytes]) -> bytes:
    return encoded(picture, "JPEG", quality=95, subsampling=0)


@pytest.fixture
def movie() -> Callable[..., PosterRequest]:
    def request(movie_id: int = 6, title: str = "Heat", **others: object) -> PosterRequest:
        fields = {"year": 1995, "genres": ("Action", "Crime", "Thriller"), "imdb_id": "tt0113277", "tmdb_id": 949}
        return PosterRequest(movie_id=movie_id, title=title, **{**fields, **others})

    return request
