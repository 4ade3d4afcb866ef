"""Embedding: a vector and its state are one step; a picture is encoded once; every refusal has its reason."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog.catalog import Catalog
from catalog.entries import Kind, State
from index.records import decode_record
from posters.decoding import pixels
from posters.poster import PosterImage, PosterRequest
from posters.sources import Found
from workers.embed import EmbedLimits, embed_due
from workers.fetch import FetchLimits, fetch_due

Fetch = Callable[[PosterRequest, Mapping[str, str]], Found]


@pytest.fixture
def fetched(queued: Callable[[int], Catalog], fetch: Fetch) -> Callable[[int], Catalog]:
    def make(n: int) -> Catalog:
        catalog = queued(n)
        fetch_due(catalog, fetch, FetchLimits())
        return catalog

    return make


def records(catalog: Catalog) -> dict[int, bytes]:
    return {stored.movie_id: stored.record for run in catalog.posters.vectors("toy") for stored in run}


def test_the_stored_vector_is_that_of_the_poster(fetched: Any, encoder: Any, picture: Callable[[int], bytes]) -> None:
    catalog = fetched(3)
    assert embed_due(catalog, encoder, EmbedLimits()) == 3
    assert catalog.work.counts()[State.EMBEDDED] == 3
    want = encoder.vector(pixels(picture(2), "2.jpg"))
    assert np.allclose(decode_record(records(catalog)[2]), want, rtol=1e-3)


def test_a_batch_is_encoded_in_one_call(fetched: Any, encoder: Any) -> None:
    catalog = fetched(5)
    embed_due(catalog, encoder, EmbedLimits(batch=4))
    embed_due(catalog, encoder, EmbedLimits(batch=4))
    assert encoder.batches == [4, 1]


def test_the_same_picture_is_encoded_once_but_every_movie_gets_its_row(
    queued: Callable[[int], Catalog], encoder: Any, image: Callable[[int], PosterImage]
) -> None:
    catalog = queued(4)
    fetch_due(catalog, lambda movie, known: Found(image(7 if movie.movie_id < 4 else 8), {}), FetchLimits())
    embed_due(catalog, encoder, EmbedLimits(batch=2))
    embed_due(catalog, encoder, EmbedLimits(batch=2))
    assert sum(encoder.batches) == 2
    assert set(records(catalog)) == {1, 2, 3, 4}
    assert records(catalog)[1] == records(catalog)[3] != records(catalog)[4]


def test_a_zero_vector_fails_its_movie_alone(fetched: Any, encoder: Any) -> None:
    catalog = fetched(3)
    encoder.zero_for = {1}
    embed_due(catalog, encoder, EmbedLimits())
    movies = catalog.movies.many([1, 2, 3])
    assert [movie.state for movie in movies] == ["embedded", "failed", "embedded"]
    assert movies[1].reason == "degenerate_vector"


def test_a_poster_file_that_is_gone_is_fetched_again(fetched: Any, encoder: Any, tmp_path: Path) -> None:
    catalog = fetched(2)
    file = catalog.posters.files([1])[1]
    catalog.posters.content.path(file.sha256, file.media_type).unlink()
    embed_due(catalog, encoder, EmbedLimits())
    assert [movie.state for movie in catalog.movies.many([1, 2])] == ["pending", "embedded"]


def test_a_damaged_poster_file_is_fetched_again(fetched: Any, encoder: Any) -> None:
    catalog = fetched(1)
    file = catalog.posters.files([1])[1]
    catalog.posters.content.path(file.sha256, file.media_type).write_bytes(b"<html>")
    embed_due(catalog, encoder, EmbedLimits())
    assert catalog.movies.get(1).state == State.PENDING


def test_a_worker_that_was_too_slow_stores_nothing(fetched: Any, encoder: Any) -> None:
    catalog = fetched(1)
    other: dict[str, Any] = {}

    class Slow(type(encoder)):  # type: ignore[misc]
        def encode(self, images: Any) -> Any:
            with catalog.database.write() as connection:  # its lease runs out, another worker claims the row
                connection.exec_driver_sql("UPDATE poster_work SET lease_until = 1")
            other["claim"] = catalog.work.claim(Kind.EMBED, 1, 60)
            return super().encode(images)

    embed_due(catalog, Slow(), EmbedLimits())
    assert other["claim"].movie_ids == (1,)
    assert catalog.movies.get(1).state == State.FETCHED
    assert records(catalog) == {}
