"""Answers that are kept: only for the very question, only while nothing changed, never more than fit."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.following import View
from api.ready import MOST_QUERY, Answer, Ready
from api.shelf import CatalogShelf
from catalog.catalog import Catalog
from index.snapshot import Snapshot

ONE, OTHER = (View(None, None, revision) for revision in (1, 1))  # type: ignore[arg-type]


def answer(size: int) -> Answer:
    return Answer([("ETag", str(size))], b"x" * size)


def test_an_answer_is_kept_for_its_question_and_its_view_only() -> None:
    ready, made = Ready(), answer(10)
    ready.put(ONE, "movie_id=1", made)
    assert ready.get(ONE, "movie_id=1") is made
    assert ready.get(ONE, "movie_id=2") is None
    assert ready.get(OTHER, "movie_id=1") is None, "equal views are not the same view"


def test_a_new_view_empties_it() -> None:
    ready = Ready()
    ready.put(ONE, "a", answer(1))
    ready.put(OTHER, "b", answer(1))
    assert (ready.get(ONE, "a"), ready.get(OTHER, "a")) == (None, None)


def test_it_never_holds_more_bytes_than_it_may() -> None:
    ready = Ready(most_bytes=100)
    for number in range(50):
        ready.put(ONE, str(number), answer(30))
        held = [found for n in range(50) if (found := ready.get(ONE, str(n)))]
        assert sum(len(found.body) for found in held) <= 100
        assert ready.get(ONE, str(number)) is not None
    ready.put(ONE, "large", answer(101))
    ready.put(ONE, "q" * (MOST_QUERY + 1), answer(1))
    assert ready.get(ONE, "large") is ready.get(ONE, "q" * (MOST_QUERY + 1)) is None


def test_the_index_is_asked_once_until_something_changed(
    client: FlaskClient, publish: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    asked: list[int] = []
    similar = Snapshot.similar
    monkeypatch.setattr(Snapshot, "similar", lambda *given: asked.append(1) or similar(*given))
    answers = [client.get("/similar?movie_id=1") for _ in range(3)]
    assert len({found.data for found in answers}) == len(asked) == 1
    assert len({found.headers["X-Request-ID"] for found in answers}) == 3
    publish()
    assert client.get("/similar?movie_id=1").json["index_version"] == 2


def test_an_error_is_not_kept(client: FlaskClient, publish: Callable[[], Any]) -> None:
    assert client.get("/similar?movie_id=1").status_code == 503
    publish()
    assert client.get("/similar?movie_id=1").status_code == 200


def test_titles_straight_from_the_catalog_are_read_each_time(
    app: Any, client: FlaskClient, publish: Callable[[], Any], catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    follower = app.extensions["posterity"].follower
    view = View(follower.view().snapshot, CatalogShelf(catalog), 9)
    monkeypatch.setattr(follower, "view", lambda: view)
    assert client.get("/similar?movie_id=1").json["items"][0]["title"] == "Movie 2"
    with catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE movies SET title = 'Renamed' WHERE movie_id = 2")
    assert client.get("/similar?movie_id=1").json["items"][0]["title"] == "Renamed"
