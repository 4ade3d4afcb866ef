"""`posterity status`: the same numbers for people and for programs."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from catalog.catalog import Catalog
from catalog.entries import Kind, NewMovie, Reason
from catalog.errors import CatalogBusy
from catalog.work import Failure
from cli import status
from cli.main import cli
from cli.overview import read
from cli.session import Session
from config.settings import Settings

KEYS = {
    "movies",
    "work",
    "embedded_per_s",
    "seconds_left",
    "failures",
    "sources",
    "workers",
    "jobs",
    "snapshot",
    "database_bytes",
    "poster_bytes",
}


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Movie 1 failed, 2 and 3 wait to be fetched, a train runs; TMDB refuses us; the fetch worker fell silent."""
    monkeypatch.setenv("POSTERITY_DATA_DIR", str(tmp_path))
    opened = Catalog.open(Settings(data_dir=tmp_path).catalog_url, tmp_path)
    opened.add([NewMovie("Movie 1", 1)])
    opened.work.failed(opened.work.claim(Kind.FETCH, 1, 60), [Failure(1, Reason.NO_POSTER, "x")])
    opened.add([NewMovie(f"Movie {i}", i) for i in (2, 3)])
    opened.sources.stopped("tmdb", "TMDB refused the token (401)", time.time() + 600)
    opened.presence.seen("fetch-7@here", (Kind.FETCH,))
    with opened.database.write() as connection:
        connection.exec_driver_sql("UPDATE workers SET seen_at = seen_at - 100")
    opened.presence.seen("embed-8@here", (Kind.EMBED, Kind.BUILD))
    opened.jobs.keep(opened.jobs.open("train", lease_s=60), 60, {"phase": "epoch", "done": 7, "of": 40})
    yield opened
    opened.close()


@pytest.fixture
def ask(catalog: Catalog) -> Callable[..., str]:
    def asked(*options: str) -> str:
        result = CliRunner().invoke(cli, ["status", *options])
        assert result.exit_code == 0, result.output
        return result.output

    return asked


def test_json_is_one_object_with_everything(ask: Callable[..., str]) -> None:
    told = json.loads(ask("--json"))
    assert set(told) == KEYS
    assert told["movies"] == {"pending": 2, "fetched": 0, "embedded": 0, "failed": 1, "none": 0}
    assert told["work"]["fetch"]["waiting"] == 2
    assert told["work"]["build"]["in_hand"] == 1
    assert told["failures"] == {"no_poster": 1}
    assert 500 < told["sources"][0]["retry_s"] <= 600
    assert {worker["worker_id"]: worker["alive"] for worker in told["workers"]} == {
        "fetch-7@here": False,
        "embed-8@here": True,
    }
    assert (told["jobs"][0]["kind"], told["jobs"][0]["done"], told["snapshot"]) == ("train", 7, None)


@pytest.mark.parametrize(
    "words",
    [
        "2 pending, 1 failed",
        "fetch: 2 waiting, 0 in hand, the oldest for 0 s; NO WORKER for it is alive",
        "build: 0 waiting, 1 in hand",
        "1 no poster",
        "tmdb: stopped: TMDB refused the token (401); asked again in 10 min",
        "fetch-7@here (fetch): LOST, not heard for 100 s",
        "embed-8@here (embed, build): heard 0 s ago",
        "running: epoch 7/40",
    ],
)
def test_where_the_output_is_no_terminal_it_is_told_once_in_words(words: str, ask: Callable[..., str]) -> None:
    assert words in ask()


def test_a_hundred_columns_are_enough(ask: Callable[..., str]) -> None:
    assert max(len(line) for line in ask("--once").splitlines()) <= 100


def test_following_survives_a_database_that_is_away_for_a_while(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = read(Session(Settings(data_dir=tmp_path), catalog))
    answers: list[Any] = [first, CatalogBusy("the database does not answer"), KeyboardInterrupt()]

    def next_answer(_: object) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    screen = Console(record=True, width=100, force_terminal=True)
    monkeypatch.setattr(status, "read", next_answer)
    monkeypatch.setattr(status, "REFRESH_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        status.follow(Session(Settings(data_dir=tmp_path), catalog), screen)
    assert "the numbers above are old: the database does not answer" in screen.export_text()
