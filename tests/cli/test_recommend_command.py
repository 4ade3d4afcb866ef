"""`posterity recommend`, and `posterity similar --by ratings`: what people get, and what a wrong call is told."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from catalog.catalog import Catalog
from catalog.entries import NewMovie
from catalog.rating_rows import GivenRating
from catalog.storing import store_movies
from cli.finding import NoSuchMovie
from cli.main import KNOWN_ERRORS, cli
from cli.recommend import NothingRated
from cli.similar import NoNeighbours
from config.settings import Settings
from index import publishing
from index.contents import SnapshotContents, SpaceContents
from index.errors import IndexNotReady
from ratings.folding import ItemSide
from tests.verifier_here import VerifierHere

IDS = np.arange(1, 7, dtype=np.int64)
TITLES = ["Toy Story", "Toy Story 2", "A Bug's Life", "Heat", "Ronin", "E = mc2"]
# Cartoons and thrillers, and a short vector between them that only debias brings forward.
VECTORS = np.array([[1, 0], [2, 0.1], [1, 0.05], [0, 1], [0.05, 1], [0.1, 0.1]], np.float32)


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """Six movies; user 7 likes Toy Story, user 8 has rated nothing."""
    monkeypatch.setenv("POSTERITY_DATA_DIR", str(tmp_path))
    opened = Catalog.open(Settings(data_dir=tmp_path).catalog_url, tmp_path)
    with opened.database.write() as connection:
        new = [NewMovie(title, i, 1990 + i) for i, title in enumerate(TITLES, 1)]
        store_movies(connection, new, dict.fromkeys(range(1, 7), (30, 3.5)), 0.0)
    opened.ratings.give([GivenRating(7, 1, 5.0, 10), GivenRating(7, 4, 2.5, 10)])
    yield opened
    opened.close()


@pytest.fixture
def published(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)
    side = ItemSide(IDS, np.zeros(6, np.float32), VECTORS, 3.0, (0.5, 5.0), 0.02, 5.0)
    space = SpaceContents("ratings", 2, "inner_product", "toy", IDS, [VECTORS])
    n_ratings = np.array([30, 30, 30, 30, 10, 30], np.int64)
    attached = {"prediction": {**side.arrays(), "n_ratings": n_ratings}}
    publishing.publish(Settings(data_dir=tmp_path).index_dir, SnapshotContents((space,), attached=attached))
    return catalog


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def answer(*arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def titles(answered: Any) -> list[str]:
    return [item["title"] for item in answered["items"]]


def test_a_user_gets_what_he_is_drawn_to_without_what_he_rated(published: Catalog) -> None:
    answered = answer("recommend", "7")
    assert titles(answered) == ["Toy Story 2", "A Bug's Life", "Ronin", "E = mc2"]
    assert (answered["user_id"], answered["known_ratings"], answered["index_version"]) == (7, 2, 1)
    assert [reason["title"] for reason in answered["items"][0]["because"]] == ["Toy Story"]
    assert answered["items"][0]["predicted_rating"] > 3.0


def test_somebody_without_an_id_gets_the_same_from_the_same_ratings(published: Catalog) -> None:
    answered = answer("recommend", "--rated", "toy story = 5", "--rated", "4=1", "--rated", "Heat (1994)=2.5")
    assert answered["items"] == answer("recommend", "7")["items"]
    assert (answered["user_id"], answered["known_ratings"]) == (None, 2)


def test_a_title_may_hold_an_equals_sign_and_the_last_of_a_movie_counts(published: Catalog) -> None:
    answered = answer("recommend", "--rated", "E = mc2=4", "--rated", "Heat=1", "--rated", "Heat=5", "-k", "1")
    assert titles(answered) == ["Ronin"]


def test_ranked_by_rating_movies_of_few_ratings_are_left_out_unless_asked_for(published: Catalog) -> None:
    assert "Ronin" not in titles(answer("recommend", "7", "--by", "rating"))
    assert "Ronin" in titles(answer("recommend", "7", "--by", "rating", "--min-ratings", "10"))


def test_debias_divides_popularity_out(published: Catalog) -> None:
    assert titles(answer("recommend", "7"))[2:] == ["Ronin", "E = mc2"]
    assert titles(answer("recommend", "7", "--debias", "1"))[2:] == ["E = mc2", "Ronin"]


def test_neighbours_by_ratings_take_a_debias_and_posters_none(published: Catalog) -> None:
    scores = {}
    for debias in ("0", "1"):
        items = answer("similar", "Toy Story (1991)", "--by", "ratings", "--debias", debias)["items"]
        scores[debias] = {item["title"]: item["score"] for item in items}
    assert scores["0"]["Toy Story 2"] == pytest.approx(2)
    assert scores["1"]["Toy Story 2"] == pytest.approx(2 / np.hypot(2, 0.1), abs=1e-6)


def test_the_table_says_why(published: Catalog) -> None:
    result = run("recommend", "7", "-k", "1")
    assert result.exit_code == 0
    assert "For user 7, from 2 rated movies:" in result.output
    assert "Toy Story 2" in result.output
    assert "because of" in result.output


def test_a_number_is_an_id_and_the_movie_meant_is_named(published: Catalog) -> None:
    assert "'4' is taken for Heat (1994) [4]" in run("recommend", "--rated", "4=5").stderr
    assert "taken for" not in run("recommend", "--rated", "Ronin=5").stderr


def test_where_nothing_qualifies_a_line_says_so_in_place_of_an_empty_table(published: Catalog) -> None:
    result = run("recommend", "7", "--min-ratings", "1000")
    assert result.exit_code == 0
    assert "nothing is left to recommend" in result.stdout
    assert "because of" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("recommend",), "name a user by his id, or ratings"),
        (("recommend", "7", "--rated", "Heat=4"), "and not both"),
        (("recommend", "0"), "0 is not in the range"),
        (("recommend", "2147483648"), "is not in the range"),
        (("recommend", "seven"), "'seven' is not a valid integer"),
        (("recommend", "7", "-k", "101"), "101 is not in the range"),
        (("recommend", "7", "--by", "poster"), "'poster' is not one of"),
        (("recommend", "7", "--debias", "1.5"), "1.5 is not in the range"),
        (("recommend", "7", "--debias", "nan"), "nan is not a number from 0 to 1"),
        (("recommend", "7", "--by", "rating", "--debias", "0"), "goes with --by affinity only"),
        (("recommend", "7", "--min-ratings", "-1"), "-1 is not in the range"),
        (("recommend", "--rated", "Heat"), "'Heat' is not MOVIE=STARS"),
        (("recommend", "--rated", "Heat="), "'Heat=' is not MOVIE=STARS"),
        (("recommend", "--rated", "=4"), "'=4' is not MOVIE=STARS"),
        (("recommend", "--rated", "Heat=6"), "0.5 to 5 stars"),
        (("recommend", "--rated", "Heat=0"), "0.5 to 5 stars"),
        (("recommend", "--rated", "Heat=nan"), "is not MOVIE=STARS"),
        (("recommend", "--rated", "Heat=٣"), "is not MOVIE=STARS"),
        (("similar", "Heat", "--debias", "0.5"), "goes with --by ratings only"),
        (("similar", "Heat", "--by", "ratings", "--debias", "-1"), "-1.0 is not in the range"),
    ],
)
def test_a_wrong_call_is_explained_with_code_2(published: Catalog, arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (("recommend", "8"), NothingRated, "user 8 has rated nothing yet"),
        (("recommend", "8"), NothingRated, "--rated 'Toy Story=5'"),
        (("similar", "Heat"), NoNeighbours, "its state is none: posterity embed"),
        (("recommend", "--rated", "Zardoz=5"), NoSuchMovie, "no movie is called 'Zardoz'"),
    ],
)
def test_what_is_not_known_is_one_line(
    published: Catalog, arguments: tuple[str, ...], kind: type[Exception], words: str
) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, kind)
    assert isinstance(result.exception, KNOWN_ERRORS)
    assert words in str(result.exception)


def test_before_the_first_snapshot_it_says_what_to_do(catalog: Catalog) -> None:
    result = run("recommend", "7")
    assert isinstance(result.exception, IndexNotReady)
    assert "posterity rebuild" in str(result.exception)
