"""The text of `/similar` is the JSON of its model, letter for letter."""

import json
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from api.answers import By
from api.guarded import StrictJSON
from api.neighbours import similar_movie
from api.shelf_columns import ShelfMovie
from api.written import Writer

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
MOVIES = st.builds(
    ShelfMovie,
    movie_id=st.integers(1, 2**31 - 1),
    title=TEXTS,
    year=st.none() | st.integers(1800, 2200),
    genres=st.lists(TEXTS, max_size=4).map(tuple),
    n_ratings=st.just(0),
    poster_source=st.none() | TEXTS,
    poster_attribution=st.none() | TEXTS,
)


@pytest.fixture(scope="module")
def writer() -> Writer:
    return Writer(StrictJSON(Flask(__name__)))


class Shelf:
    """Counts how often it is asked."""

    def __init__(self, revision: int, *movies: ShelfMovie) -> None:
        self.revision, self.known = revision, {movie.movie_id: movie for movie in movies}
        self.asked: list[int] = []

    def movies(self, movie_ids: Any) -> list[ShelfMovie]:
        self.asked += movie_ids
        return [self.known[i] for i in movie_ids if i in self.known]


@given(MOVIES, st.floats(-2, 2, width=32), st.sampled_from(["poster", "ratings"]))
def test_an_item_is_the_json_of_its_model(writer: Writer, movie: ShelfMovie, score: float, by: By) -> None:
    text = writer.written(movie).item(by, score)
    assert json.loads(text) == similar_movie(movie, by, score).model_dump(mode="json")
    assert text == writer.dumps(similar_movie(movie, by, score).model_dump(mode="json"))


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf")])
def test_a_score_that_is_no_number_is_refused(writer: Writer, score: float) -> None:
    movie = ShelfMovie(1, "A", None, (), 0, None, None)
    with pytest.raises(ValueError, match="not JSON compliant"):
        writer.written(movie).item("poster", score)


def test_a_movie_is_written_once_until_the_shelf_is_another() -> None:
    writer = Writer(StrictJSON(Flask(__name__)))
    old, new = (ShelfMovie(1, title, None, (), 0, None, None) for title in ("Old", "New"))
    before, after = Shelf(1, old), Shelf(2, new)
    for _ in range(3):
        assert '"Old"' in writer.look(before, [1, 2])[1].head  # type: ignore[arg-type]
    assert before.asked == [1, 2, 2, 2], "unknown ids are asked for each time"
    assert '"New"' in writer.look(after, [1])[1].head  # type: ignore[arg-type]


def test_what_comes_straight_from_the_catalog_is_not_kept() -> None:
    writer = Writer(StrictJSON(Flask(__name__)))
    shelf = Shelf(0, ShelfMovie(1, "Old", None, (), 0, None, None))
    writer.look(shelf, [1])  # type: ignore[arg-type]
    shelf.known[1] = ShelfMovie(1, "New", None, (), 0, None, None)
    assert '"New"' in writer.look(shelf, [1])[1].head  # type: ignore[arg-type]
