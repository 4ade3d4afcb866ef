"""From TMDB to the catalog: source, guard and fetcher together, against a server that speaks as TMDB does."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.catalog import Catalog
from catalog.entries import Kind, NewMovie, State
from catalog.sources import Health
from catalog.storing import store_movies
from config.settings import Settings
from posters.sources import first_poster
from tests.posters.tmdb_server import Faults, TmdbServer
from tests.workers.toy_encoder import ToyEncoder
from workers.embed import EmbedLimits, embed_due
from workers.fetch import Fetcher, FetchLimits
from workers.runtime import configured_sources

NOTICE = "This product uses the TMDB API but is not endorsed or certified by TMDB."


@pytest.fixture
def server() -> Iterator[TmdbServer]:
    with TmdbServer() as running:
        yield running


@pytest.fixture
def movies(catalog: Catalog) -> Callable[[int], Catalog]:
    """Movies 1..n that TMDB knows under the same numbers, queued."""

    def make(n: int) -> Catalog:
        new = [NewMovie(f"Movie {i}", movie_id=i, imdb_id=f"tt{i:07}", tmdb_id=i) for i in range(1, n + 1)]
        with catalog.database.write() as connection:
            store_movies(connection, new, {}, 0.0)
        catalog.work.enqueue_all()
        return catalog

    return make


def _work(catalog: Catalog, server: TmdbServer, sources: str = "tmdb,titlecard", token: str = "") -> None:
    """Fetches and embeds as a worker that has just started does, until nothing is due."""
    given: dict[str, Any] = {
        "data_dir": Path("unused"),
        "poster_sources": sources,
        "tmdb_token": token or server.token,
        "tmdb_api_url": server.api_url,
        "tmdb_image_url": server.image_url,
        "tmdb_requests_per_s": 50,
    }
    opened = configured_sources(Settings(**given), catalog)
    fetcher = Fetcher(catalog, lambda movie, known: first_poster(opened, movie, known), FetchLimits())
    try:
        while fetcher.claim() or fetcher.busy:
            fetcher.settle(1.0)
    finally:
        fetcher.close()
    while embed_due(catalog, ToyEncoder(), EmbedLimits()):  # type: ignore[arg-type]
        pass


def _attempts(catalog: Catalog) -> set[int]:
    with catalog.database.read() as connection:
        return set(connection.exec_driver_sql("SELECT attempt FROM poster_work").scalars())


def test_a_poster_comes_with_its_source_its_end_and_its_notice(
    movies: Callable[[int], Catalog], server: TmdbServer
) -> None:
    catalog = movies(1)
    _work(catalog, server)
    file = catalog.posters.files([1])[1]
    assert (file.source, file.generated, file.attribution) == ("tmdb", False, NOTICE)
    assert file.origin.startswith("http")
    assert server.token not in file.origin
    assert file.expires_at == pytest.approx(time.time() + 180 * 86_400, abs=60)


def test_a_movie_that_tmdb_has_no_poster_of_gets_a_title_card_and_is_not_asked_again(
    movies: Callable[[int], Catalog], server: TmdbServer
) -> None:
    server.without_poster, server.unknown = {1}, {2}
    catalog = movies(2)
    _work(catalog, server)
    assert {file.source for file in catalog.posters.files([1, 2]).values()} == {"titlecard"}
    asked = server.count()
    with catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE poster_work SET state = 'pending'")
    _work(catalog, server)
    assert server.count() == asked


def test_title_cards_that_stood_in_make_way_when_a_token_is_set(
    movies: Callable[[int], Catalog], server: TmdbServer
) -> None:
    catalog = movies(3)
    _work(catalog, server, sources="titlecard")
    assert {file.source for file in catalog.posters.files([1, 2, 3]).values()} == {"titlecard"}
    assert catalog.work.refresh(["tmdb"]) == 3
    assert catalog.posters.mark().count == 3, "they count until the real posters are embedded"
    _work(catalog, server)
    assert {file.source for file in catalog.posters.files([1, 2, 3]).values()} == {"tmdb"}
    assert [v.generated for run in catalog.posters.vectors("toy") for v in run] == [False] * 3


def test_a_refused_token_stops_the_source_and_no_movie_pays(
    movies: Callable[[int], Catalog], server: TmdbServer, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = movies(20)
    _work(catalog, server, token="a-wrong-token-of-some-length")
    assert catalog.sources.get("tmdb").state == Health.STOPPED
    assert "POSTERITY_TMDB_TOKEN" in (catalog.sources.get("tmdb").why or "")
    assert catalog.work.counts()[State.PENDING] == 20, "no title card stands in while a real poster may be had"
    assert _attempts(catalog) == {0}
    assert server.count() <= 8, "whoever is under way finds out for himself; nobody asks after that"
    refusals = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(refusals) == 1
    assert "a-wrong-token" not in caplog.text


def test_a_worker_that_is_started_with_a_good_token_goes_on_where_it_stopped(
    movies: Callable[[int], Catalog], server: TmdbServer
) -> None:
    catalog = movies(3)
    _work(catalog, server, token="a-wrong-token-of-some-length")
    _work(catalog, server)
    assert catalog.work.counts()[State.EMBEDDED] == 3
    assert catalog.sources.get("tmdb").state == Health.WORKING


def test_an_outage_uses_no_attempt_and_every_movie_is_embedded_after_it(
    movies: Callable[[int], Catalog], server: TmdbServer
) -> None:
    catalog = movies(10)
    with server.outage():
        _work(catalog, server)
        assert catalog.sources.get("tmdb").state == Health.WAITING
        assert _attempts(catalog) == {0}
        assert catalog.work.counts()[State.PENDING] == 10
    end = time.monotonic() + 30
    while catalog.work.counts()[State.EMBEDDED] < 10:
        assert time.monotonic() < end
        _work(catalog, server)
    assert catalog.sources.get("tmdb").state == Health.WORKING


def test_faults_here_and_there_are_no_outage(movies: Callable[[int], Catalog], server: TmdbServer) -> None:
    server.faults = Faults(too_many=0.1, errors=0.1, drops=0.05)
    catalog = movies(30)
    end = time.monotonic() + 60
    while catalog.work.counts()[State.EMBEDDED] < 30:
        assert time.monotonic() < end
        assert not _attempts(catalog) - {0}
        _work(catalog, server)
    assert not catalog.work.due(Kind.FETCH)
