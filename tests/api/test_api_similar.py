"""GET /similar: the answers of the snapshot with what the catalog knows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from catalog.catalog import Catalog
from catalog.rating_rows import GivenRating
from ratings.tastes import SIMILAR_DEBIAS


def real(movie_id: int) -> bool:
    return movie_id % 4 != 0


def best(scores: dict[int, float], k: int) -> list[int]:
    return sorted(scores, key=lambda movie_id: (-np.float32(scores[movie_id]), movie_id))[:k]


def cosines(rows: dict[int, Any], asked: int, among: Callable[[int], bool]) -> dict[int, float]:
    unit = {i: row.astype(np.float64) / np.linalg.norm(row.astype(np.float64)) for i, row in rows.items()}
    return {i: float(unit[i] @ unit[asked]) for i in rows if i != asked and among(i)}


@pytest.mark.parametrize("asked", range(1, 25))
def test_looks_alike_equals_brute_force_among_posters_of_its_kind(
    asked: int, client: FlaskClient, publish: Callable[[], Any], poster_rows: dict[int, Any]
) -> None:
    publish()
    scores = cosines(poster_rows, asked, lambda i: real(i) == real(asked))
    items = client.get(f"/similar?movie_id={asked}&k=7").json["items"]
    assert [item["movie_id"] for item in items] == best(scores, 7)[: len(items)]
    assert len(items) == min(7, len(scores))
    for item in items:
        assert item["score"] == item["poster_score"] == pytest.approx(scores[item["movie_id"]], abs=1e-4)
        assert item["rating_score"] is None


@pytest.mark.parametrize(
    ("given", "debias"),
    [("", SIMILAR_DEBIAS), ("&debias=0", 0), ("&debias=0.5", 0.5), ("&debias=0.125", 0.125), ("&debias=1.0", 1)],
)
@pytest.mark.parametrize("asked", [1, 4, 20])
def test_liked_alike_equals_brute_force(
    asked: int, given: str, debias: float, client: FlaskClient, publish: Callable[[], Any], rating_rows: dict[int, Any]
) -> None:
    publish()
    wide = {i: row.astype(np.float64) for i, row in rating_rows.items()}
    scores = {i: float(row @ wide[asked]) / np.linalg.norm(row) ** debias for i, row in wide.items() if i != asked}
    items = client.get(f"/similar?movie_id={asked}&by=ratings&k=100{given}").json["items"]
    assert [item["movie_id"] for item in items] == best(scores, 100)
    for item in items:
        assert item["score"] == item["rating_score"] == pytest.approx(scores[item["movie_id"]], abs=1e-4)
        assert item["poster_score"] is None


@pytest.mark.parametrize(
    ("generated", "among"), [("exclude", real), ("only", lambda i: not real(i)), ("any", lambda _: True)]
)
@pytest.mark.parametrize("asked", [3, 8])
def test_generated_chooses_among_title_cards_and_posters(
    asked: int,
    generated: str,
    among: Callable[[int], bool],
    client: FlaskClient,
    publish: Callable[[], Any],
    poster_rows: dict[int, Any],
) -> None:
    publish()
    items = client.get(f"/similar?movie_id={asked}&k=100&generated={generated}").json["items"]
    assert [item["movie_id"] for item in items] == best(cosines(poster_rows, asked, among), 100)


def test_the_answer_is_the_one_of_the_design(client: FlaskClient, publish: Callable[[], Any]) -> None:
    publish()
    answer = client.get("/similar?movie_id=1&k=1")
    assert answer.json == {
        "movie_id": 1,
        "by": "poster",
        "index_version": 1,
        "exact": False,
        "items": [
            {
                "movie_id": 2,
                "title": "Movie 2",
                "year": 1972,
                "genres": ["Film-Noir"],
                "score": 1.0,
                "poster_score": 1.0,
                "rating_score": None,
                "poster_source": "folder",
                "poster_url": "/movies/2/poster",
                "attribution": None,
            }
        ],
        "notices": [],
    }
    assert answer.headers["X-Index-Version"] == "1"


def test_the_version_is_that_of_the_snapshot_answered_from(client: FlaskClient, publish: Callable[[], Any]) -> None:
    publish()
    publish()
    answer = client.get("/similar?movie_id=1")
    assert (answer.json["index_version"], answer.headers["X-Index-Version"]) == (2, "2")


def test_ten_neighbours_by_poster_are_the_default(client: FlaskClient, publish: Callable[[], Any]) -> None:
    publish()
    answer = client.get("/similar?movie_id=1").json
    assert (answer["by"], len(answer["items"])) == ("poster", 10)


@pytest.mark.parametrize(
    "query", ["", "&by=ratings", "&genre=Comedy&year_from=1975", "&min_ratings=990&exclude=3,5", "&exact=true"]
)
def test_the_database_is_not_asked_for_a_warm_answer(
    query: str, app: Any, client: FlaskClient, publish: Callable[[], Any]
) -> None:
    publish()
    assert client.get(f"/similar?movie_id=1&k=20{query}").status_code == 200
    app.extensions["posterity"].follower.close()  # it looks at the database each second
    asked: list[str] = []
    engine = app.extensions["posterity"].catalog.database.engine
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert client.get(f"/similar?movie_id=1&k=20{query}").status_code == 200
    assert client.head(f"/similar?movie_id=1&k=20{query}").status_code == 200, "HEAD goes the long way, through Flask"
    assert asked == []


def test_an_unknown_movie_is_404_before_and_after_the_first_snapshot(
    client: FlaskClient, publish: Callable[[], Any]
) -> None:
    for _ in range(2):
        answer = client.get("/similar?movie_id=999")
        assert (answer.status_code, answer.json["code"], answer.json["movie_id"]) == (404, "unknown_movie", 999)
        publish()


def test_before_the_first_snapshot_it_is_503_with_retry_after(client: FlaskClient) -> None:
    answer = client.get("/similar?movie_id=1")
    assert (answer.status_code, answer.json["code"]) == (503, "index_not_ready")
    assert int(answer.headers["Retry-After"]) > 0
    assert "X-Index-Version" not in answer.headers


@pytest.mark.parametrize(("movie_id", "state"), [(25, "fetched"), (26, "failed"), (27, "pending"), (28, "none")])
def test_a_movie_that_is_not_embedded_is_409_with_its_state(
    movie_id: int, state: str, client: FlaskClient, publish: Callable[[], Any]
) -> None:
    publish()
    answer = client.get(f"/similar?movie_id={movie_id}")
    assert (answer.status_code, answer.json["code"], answer.json["state"]) == (409, "not_embedded", state)
    assert f"movie {movie_id}" in answer.json["detail"]
    assert state in answer.json["detail"]


def test_a_failed_movie_says_why(client: FlaskClient, publish: Callable[[], Any]) -> None:
    publish()
    assert client.get("/similar?movie_id=26").json["reason"] == "no_poster"


@pytest.mark.parametrize(
    ("query", "state", "step"),
    [("movie_id=29", "embedded", "the next one"), ("movie_id=21&by=ratings", "rated", "train, then rebuild")],
)
def test_what_came_after_the_snapshot_is_409_and_told_what_brings_it_in(
    query: str, state: str, step: str, client: FlaskClient, publish: Callable[[], Any]
) -> None:
    publish()
    answer = client.get(f"/similar?{query}")
    assert (answer.status_code, answer.json["code"], answer.json["state"]) == (409, "not_in_snapshot", state)
    assert step in answer.json["detail"]
    assert answer.json["generation"] == 1


def test_a_movie_nobody_rated_is_409_by_ratings(client: FlaskClient, publish: Callable[[], Any]) -> None:
    publish()
    answer = client.get("/similar?movie_id=24&by=ratings")
    assert (answer.status_code, answer.json["code"]) == (409, "not_rated")


def test_a_movie_rated_since_the_snapshot_is_409_and_told_to_train(
    client: FlaskClient, publish: Callable[[], Any], catalog: Catalog
) -> None:
    publish()
    catalog.ratings.give([GivenRating(7, 24, 4.0, 100)])
    problem = client.get("/similar?movie_id=24&by=ratings").json
    assert problem["code"] == "not_in_snapshot"
    assert problem["detail"].endswith("by ratings: posterity train, then rebuild, bring it in")


def test_a_snapshot_without_one_kind_answers_the_other(client: FlaskClient, publish: Callable[..., Any]) -> None:
    publish(posters=False)
    assert client.get("/similar?movie_id=1&by=ratings").status_code == 200
    assert client.get("/similar?movie_id=1").json["code"] == "not_in_snapshot"


def test_a_movie_that_left_the_catalog_is_left_out(
    client: FlaskClient, publish: Callable[[], Any], catalog: Catalog
) -> None:
    publish()
    with catalog.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM movies WHERE movie_id IN (2, 3)")
    items = client.get("/similar?movie_id=1&k=100").json["items"]
    assert {2, 3}.isdisjoint(item["movie_id"] for item in items)
    assert client.get("/similar?movie_id=2").status_code == 404
