"""A worker that is told to end gives back what it has in hand: no movie waits for a lease, none pays an attempt."""

import signal
from collections.abc import Iterator

import pytest

from catalog.entries import NewMovie
from catalog.storing import store_movies
from tests.acceptance.installation import Installation, free_port, wait_until
from tests.posters.tmdb_server import Faults, TmdbServer

MOVIES = 60


@pytest.fixture
def server() -> Iterator[TmdbServer]:
    with TmdbServer(faults=Faults(stalls=1.0, stall_s=3.0)) as running:
        yield running


@pytest.fixture
def installed(tmp_path_factory: pytest.TempPathFactory, server: TmdbServer) -> Iterator[Installation]:
    settings = {"TMDB_TOKEN": server.token, "TMDB_API_URL": server.api_url, "TMDB_IMAGE_URL": server.image_url}
    made = Installation(tmp_path_factory.mktemp("stops"), free_port(), settings)
    catalog = made.catalog()
    with catalog.database.write() as connection:
        store_movies(connection, [NewMovie(f"Movie {i}", movie_id=i, tmdb_id=i) for i in range(1, MOVIES + 1)], {}, 0.0)
    catalog.work.enqueue_all()
    catalog.close()
    yield made
    made.stop()


def test_a_worker_told_to_end_while_answers_are_outstanding_gives_every_movie_back(
    installed: Installation, server: TmdbServer
) -> None:
    catalog = installed.catalog()
    worker = installed.start("worker", "--kinds", "fetch")
    wait_until(lambda: server.count("movie") >= 4, 30, "requests are under way")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    with catalog.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT state, token, attempt, lost FROM poster_work").all()
    catalog.close()
    assert {tuple(row) for row in rows} == {("pending", None, 0, 0)}, installed.log(0)
