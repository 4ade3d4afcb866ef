"""`posterity retry`: all failed movies, those of one reason, or single ones."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from catalog.catalog import Catalog
from catalog.entries import Kind, NewMovie, Reason, State
from catalog.work import Failure
from cli.main import cli
from config.settings import Settings


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Movies 1..3 failed, 1 and 2 for want of a poster; 4 waits."""
    monkeypatch.setenv("POSTERITY_DATA_DIR", str(tmp_path))
    opened = Catalog.open(Settings(data_dir=tmp_path).catalog_url, tmp_path)
    opened.add([NewMovie(f"Movie {i}", i) for i in (1, 2, 3)])
    claim = opened.work.claim(Kind.FETCH, 9, 60)
    reasons = {1: Reason.NO_POSTER, 2: Reason.NO_POSTER, 3: Reason.IMAGE_INVALID}
    opened.work.failed(claim, [Failure(i, reason, "x") for i, reason in reasons.items()])
    opened.add([NewMovie("Movie 4", 4)])
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("options", "again"),
    [
        ([], [1, 2, 3]),
        (["--reason", "no_poster"], [1, 2]),
        (["--movie", "2"], [2]),
        (["--movie", "2", "--movie", "3", "--movie", "4"], [2, 3]),
        (["--movie", "2", "--movie", "3", "--reason", "image_invalid"], [3]),
    ],
)
def test_what_is_asked_for_goes_back_to_the_start(options: list[str], again: list[int], catalog: Catalog) -> None:
    result = CliRunner().invoke(cli, ["retry", *options, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output) == {"queued": len(again)}
    assert [movie.movie_id for movie in catalog.movies.page(state=State.PENDING).items] == [*again, 4]


def test_an_unknown_reason_is_answered_with_those_there_are(catalog: Catalog) -> None:
    result = CliRunner().invoke(cli, ["retry", "--reason", "bad_luck"])
    assert result.exit_code == 2
    assert "no_poster" in result.output


def test_an_unknown_movie_is_an_error_and_nothing_is_queued(catalog: Catalog) -> None:
    result = CliRunner().invoke(cli, ["retry", "--movie", "1", "--movie", "99"])
    assert result.exit_code != 0
    assert [movie.movie_id for movie in catalog.movies.page(state=State.FAILED).items] == [1, 2, 3]
