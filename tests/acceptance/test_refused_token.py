"""A token that TMDB refuses: said once and clearly, no movie pays, and a good token goes on from there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.entries import NewMovie, State
from catalog.storing import store_movies
from tests.acceptance.installation import Installation, free_port
from tests.posters.tmdb_server import TmdbServer

MOVIES = 5


@pytest.fixture(scope="module")
def server() -> Iterator[TmdbServer]:
    with TmdbServer(without_poster={MOVIES}) as running:
        yield running


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, server: TmdbServer) -> Iterator[Installation]:
    settings = {"TMDB_TOKEN": "not-the-token", "TMDB_API_URL": server.api_url, "TMDB_IMAGE_URL": server.image_url}
    made = Installation(tmp_path_factory.mktemp("refused"), free_port(), settings)
    catalog = made.catalog()
    new = [NewMovie(f"Movie {i}", movie_id=i, tmdb_id=i) for i in range(1, MOVIES + 1)]
    with catalog.database.write() as connection:
        store_movies(connection, new, {}, 0.0)
    catalog.close()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def refused(installed: Installation) -> str:
    """What the command says with the wrong token; it ends instead of waiting for ever."""
    return installed.run("embed", "--wait", code=1).stderr


def test_waiting_for_a_source_that_refuses_us_ends_with_the_reason_and_the_next_step(refused: str) -> None:
    last = refused.strip().splitlines()[-1]
    assert last.startswith("posterity: TMDB refused the token (401: Invalid API key")
    assert "check POSTERITY_TMDB_TOKEN" in last
    assert "5 waiting" in last
    assert "Traceback" not in refused
    assert "not-the-token" not in refused


def test_with_a_good_token_the_same_command_finishes_the_same_movies(
    installed: Installation, refused: str, server: TmdbServer
) -> None:
    installed.settings["TMDB_TOKEN"] = server.token
    done = json.loads(installed.run("embed", "--wait", "--json").stdout)
    assert (done["embedded"], done["failed"]) == (MOVIES, 0)
    catalog = installed.catalog()
    sources = {file.source for file in catalog.posters.files([*range(1, MOVIES + 1)]).values()}
    assert sources == {"tmdb", "titlecard"}, "the movie that TMDB has no poster of has a card"
    catalog.close()


def test_the_posters_of_a_source_are_purged_by_a_command_that_can_be_tried_first(
    installed: Installation, refused: str
) -> None:
    assert "there are titlecard (1), tmdb (4)" in installed.run("posters", "purge", "--source", "imdb", code=2).stderr
    tried = installed.run("posters", "purge", "--source", "tmdb", "--dry-run").stdout
    assert tried.startswith("4 posters would be forgotten")
    done = json.loads(installed.run("posters", "purge", "--source", "tmdb", "--json").stdout)
    assert done["posters"] == 4
    catalog = installed.catalog()
    assert catalog.work.counts()[State.PENDING] == 4
    assert catalog.posters.mark().count == 1
    catalog.close()


def test_a_source_without_a_token_is_refused_at_the_start(tmp_path: Path) -> None:
    without = Installation(tmp_path, free_port(), {"POSTER_SOURCES": "tmdb"})
    said = without.run("worker", "--kinds", "fetch", code=1).stderr
    assert "POSTERITY_TMDB_TOKEN" in said
    assert len(said.strip().splitlines()) == 1
