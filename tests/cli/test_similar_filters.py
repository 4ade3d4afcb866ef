"""`posterity similar` with filters: the same movies as GET /similar gives, and wrong calls told in one line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from catalog.catalog import Catalog
from catalog.entries import NewMovie
from catalog.storing import store_movies
from cli.main import cli
from config.settings import Settings
from index import publishing
from index.contents import SnapshotContents, SpaceContents
from tests.verifier_here import VerifierHere

IDS = np.arange(1, 9, dtype=np.int64)


@pytest.fixture(autouse=True)
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Movies 1 to 8 of 1991 to 1998 in a line: the nearer the ids, the nearer they are; odd ones are comedies."""
    monkeypatch.setenv("POSTERITY_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)
    made = Settings(data_dir=tmp_path)
    catalog = Catalog.open(made.catalog_url, tmp_path)
    new = [NewMovie(f"Movie {i}", i, 1990 + i, ("Comedy",) if i % 2 else ("Drama",)) for i in range(1, 9)]
    with catalog.database.write() as connection:
        store_movies(connection, new, {i: (10 * i, 3.5) for i in range(1, 9)}, 0.0)
    angles = IDS * 0.15
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    space = SpaceContents("poster", 2, "cosine", "toy", IDS, [rows], np.zeros(8, np.uint8))
    publishing.publish(made.index_dir, SnapshotContents((space,)))
    yield
    catalog.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["similar", "1", *arguments])


def answer(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ((), [2, 3, 4, 5, 6, 7, 8]),
        (("-k", "2", "--genre", "comedy"), [3, 5]),
        (("--year-from", "1994", "--year-to", "1996"), [4, 5, 6]),
        (("--min-ratings", "60"), [6, 7, 8]),
        (("--exclude", "2,3,99", "-k", "2"), [4, 5]),
        (("--genre", "Drama", "--min-ratings", "50", "--exclude", "6"), [8]),
        (("--year-from", "2000"), []),
    ],
)
def test_filters_are_applied_inside_the_search(arguments: tuple[str, ...], ids: list[int]) -> None:
    found = answer(*arguments)
    assert [item["movie_id"] for item in found["items"]] == ids
    assert found["exact"] is False
    exact = answer(*arguments, "--exact")
    assert (exact["items"], exact["exact"]) == (found["items"], True)


def test_no_match_is_said_in_words() -> None:
    result = run("--year-from", "2000")
    assert result.exit_code == 0
    assert result.stdout.startswith("no movie matches these filters")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--genre", "Comedie"), "no movie is of genre 'Comedie'; there are Comedy, Drama"),
        (("--year-from", "1995", "--year-to", "1990"), "--year-to 1990 is before --year-from 1995"),
        (("--year-from", "95"), "95 is not in the range"),
        (("--min-ratings", "-1"), "-1 is not in the range"),
        (("--exclude", "1;2"), "'1;2' is no list of movie ids: write 6,16,32"),
        (("--exclude", "0"), "is no list of movie ids"),
        (("--exclude", "٣"), "is no list of movie ids"),
        (("--exclude", ",".join(map(str, range(1, 502)))), "501 movies are too many"),
    ],
)
def test_a_wrong_call_is_told_what_to_write(arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_help_shows_filters_with_an_example() -> None:
    shown = CliRunner().invoke(cli, ["similar", "--help"]).stdout
    assert "posterity similar heat --genre thriller --year-from 1990" in shown
    for name in ("--genre", "--year-from", "--year-to", "--exclude", "--min-ratings", "--exact"):
        assert name in shown
