"""Recommendations and predictions: brute force says the same, a rating counts at once, and nothing ends in a 500."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.recommending import MIN_RATINGS
from catalog.catalog import Catalog
from catalog.ratings import RatingSet
from ratings.columns import RatingColumns
from ratings.folding import ItemSide
from ratings.parquet import RatingsWriter
from ratings.tastes import TASTE_POWER

Publish = Callable[..., Any]
TASTE = {1: 5.0, 2: 4.0, 3: 0.5, 9: 3.0}


def rate(client: FlaskClient, user_id: int, stars: dict[int, float]) -> None:
    given = [{"user_id": user_id, "movie_id": i, "rating": s} for i, s in stars.items()]
    assert client.post("/ratings", json=given).status_code == 200


def asked(client: FlaskClient, address: str, status: int = 200) -> Any:
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    return answer.json


def recommended(client: FlaskClient, user_id: int, query: str = "k=100") -> Any:
    return asked(client, f"/users/{user_id}/recommendations?{query}")["items"]


def ids(items: Any) -> list[int]:
    return [item["movie_id"] for item in items]


def affinities(rows: dict[int, Any], stars: dict[int, float], debias: float = 0.0) -> dict[int, float]:
    wide = {i: row.astype(np.float64) for i, row in rows.items()}
    question = sum(((s / 5) ** TASTE_POWER * wide[i] for i, s in stars.items() if i in wide), np.zeros(6))
    return {i: float(row @ question) / np.linalg.norm(row) ** debias for i, row in wide.items() if i not in stars}


def expected(side: ItemSide, stars: dict[int, float]) -> dict[int, float]:
    """The ridge regression solved the long way, before clipping."""
    known = {i: s for i, s in stars.items() if i <= 20}
    rows = [i - 1 for i in known]  # movie i is row i - 1
    sides = np.column_stack([np.ones(len(rows)), side.item_factors[rows].astype(np.float64)])
    weights = np.diag([5.0, *[0.05 * (len(rows) + 20)] * 3])
    beyond = np.array([known[i] - side.mu - side.item_biases[i - 1] for i in known])
    w = np.linalg.inv(sides.T @ sides + weights) @ sides.T @ beyond
    stars_of = side.mu + w[0] + side.item_biases + side.item_factors @ w[1:]
    return {i: float(stars_of[i - 1]) for i in range(1, 21)}


def best(scores: dict[int, float]) -> list[int]:
    return sorted(scores, key=lambda i: -scores[i])


@pytest.mark.parametrize(("query", "debias"), [("", 0.0), ("&debias=0.5", 0.5), ("&debias=1", 1.0)])
def test_the_ranking_by_affinity_equals_brute_force_without_what_was_rated(
    query: str, debias: float, client: FlaskClient, publish: Publish, rating_rows: dict[int, Any]
) -> None:
    publish()
    rate(client, 7, TASTE)
    items = recommended(client, 7, f"k=100{query}")
    scores = affinities(rating_rows, TASTE, debias)
    assert ids(items) == best(scores)
    for item in items:
        assert item["score"] == pytest.approx(scores[item["movie_id"]], abs=1e-4)


def test_the_ranking_by_rating_equals_brute_force(client: FlaskClient, publish: Publish, item_side: ItemSide) -> None:
    publish()
    rate(client, 7, TASTE)
    scores = {i: s for i, s in expected(item_side, TASTE).items() if i not in TASTE}
    items = recommended(client, 7, "k=100&by=rating&min_ratings=0")
    assert ids(items) == best(scores)
    for item in items:
        assert item["score"] == pytest.approx(scores[item["movie_id"]], abs=1e-4)
        assert item["predicted_rating"] == pytest.approx(np.clip(scores[item["movie_id"]], 0.5, 5), abs=1e-3)


@pytest.mark.parametrize(
    ("query", "fewest"),
    [("by=rating", MIN_RATINGS["rating"]), ("by=rating&min_ratings=51", 51), ("min_ratings=90", 90)],
)
def test_movies_of_too_few_ratings_are_left_out(query: str, fewest: int, client: FlaskClient, publish: Publish) -> None:
    publish()
    rate(client, 7, TASTE)
    shown = ids(recommended(client, 7, f"k=100&{query}"))
    assert sorted(shown) == [i for i in range(1, 21) if 5 * i >= fewest and i not in TASTE]


def test_predictions_equal_brute_force(client: FlaskClient, publish: Publish, item_side: ItemSide) -> None:
    publish()
    rate(client, 7, TASTE)
    for movie_id, stars in expected(item_side, TASTE).items():
        answer = asked(client, f"/predict?user_id=7&movie_id={movie_id}")
        assert answer["predicted_rating"] == pytest.approx(np.clip(stars, 0.5, 5), abs=1e-4)
        assert (answer["basis"], answer["known_ratings"]) == ("factors", 4)
        assert answer["rating"] == TASTE.get(movie_id)


def test_the_answers_have_the_form_of_the_design(client: FlaskClient, publish: Publish) -> None:
    publish()
    rate(client, 7, TASTE)
    answer = asked(client, "/users/7/recommendations?k=1")
    item = answer["items"].pop()
    assert answer == {
        "user_id": 7,
        "by": "affinity",
        "known_ratings": 4,
        "index_version": 1,
        "items": [],
        "notices": [],
    }
    assert set(item) == {
        *("movie_id", "title", "year", "genres", "score", "predicted_rating", "because"),
        *("poster_source", "poster_url", "attribution"),
    }
    assert item["title"] == f"Movie {item['movie_id']}"
    assert set(asked(client, "/predict?user_id=7&movie_id=5")) == {
        *("user_id", "movie_id", "predicted_rating", "known_ratings", "basis", "rating", "index_version"),
    }


def test_because_names_the_liked_movies_that_contributed_most(
    client: FlaskClient, publish: Publish, rating_rows: dict[int, Any]
) -> None:
    publish()
    rate(client, 7, TASTE)
    for item in recommended(client, 7):
        parts = {
            i: (s / 5) ** TASTE_POWER * float(rating_rows[i] @ rating_rows[item["movie_id"]]) for i, s in TASTE.items()
        }
        positive = {i: part for i, part in parts.items() if part > 0}
        liked = [i for i in best(positive) if i in (1, 2)]  # 3 and 9 are below the mean of 3.1
        assert [(reason["movie_id"], reason["title"]) for reason in item["because"]] == [
            (i, f"Movie {i}") for i in liked
        ]
        for reason in item["because"]:
            share = positive[reason["movie_id"]] / sum(positive.values())
            assert reason["share"] == pytest.approx(share, abs=2e-3)


def test_a_rating_changes_the_next_answer_at_once(client: FlaskClient, publish: Publish) -> None:
    publish()
    rate(client, 7, {1: 5.0})
    before, first = asked(client, "/predict?user_id=7&movie_id=5"), ids(recommended(client, 7))
    liked = first[0]
    rate(client, 7, {liked: 0.5})
    after, second = asked(client, "/predict?user_id=7&movie_id=5"), ids(recommended(client, 7))
    assert after["predicted_rating"] != before["predicted_rating"]
    assert (before["known_ratings"], after["known_ratings"]) == (1, 2)
    assert liked not in second
    rate(client, 7, {liked: 5.0})
    assert asked(client, "/predict?user_id=7&movie_id=5")["predicted_rating"] != after["predicted_rating"]
    assert asked(client, f"/predict?user_id=7&movie_id={liked}")["rating"] == 5.0


def test_imported_and_single_ratings_make_one_user(
    client: FlaskClient, publish: Publish, catalog: Catalog, rating_rows: dict[int, Any]
) -> None:
    publish()
    columns = RatingColumns(
        np.array([7, 7, 8], np.int32),
        np.array([1, 2, 5], np.int32),
        np.array([1, 4, 5], np.float32),
        np.zeros(3, np.int64),
    )
    with (catalog.data_dir / "set.parquet").open("wb") as file, RatingsWriter(file) as writer:
        writer.write(columns)
    with catalog.database.write() as connection:
        catalog.ratings.replace(connection, RatingSet("movielens", "set.parquet", "0" * 64, 3, 0.0))
    assert ids(recommended(client, 7)) == best(affinities(rating_rows, {1: 1.0, 2: 4.0}))
    rate(client, 7, {1: 5.0, 3: 3.0})
    assert ids(recommended(client, 7)) == best(affinities(rating_rows, {1: 5.0, 2: 4.0, 3: 3.0}))
    (catalog.data_dir / "set.parquet").unlink()
    problem = asked(client, "/users/8/recommendations", 503)
    assert problem["code"] == "ratings_unreadable"
    assert "set.parquet" not in problem["detail"]


@pytest.mark.parametrize("stars", [{1: 4.0}, {5: 0.5}, {1: 3.0, 2: 3.0, 3: 3.0, 4: 3.0}])
def test_a_user_of_one_rating_and_one_who_rates_all_alike_get_answers(
    stars: dict[int, float], client: FlaskClient, publish: Publish
) -> None:
    publish()
    rate(client, 7, stars)
    for query in ("k=100", "k=100&by=rating&min_ratings=0"):
        assert sorted(ids(recommended(client, 7, query))) == [i for i in range(1, 21) if i not in stars]
    assert 0.5 <= asked(client, "/predict?user_id=7&movie_id=6")["predicted_rating"] <= 5


def test_who_rated_everything_gets_an_empty_list(client: FlaskClient, publish: Publish) -> None:
    publish()
    rate(client, 7, dict.fromkeys(range(1, 31), 4.0))
    assert recommended(client, 7) == recommended(client, 7, "by=rating") == []


@pytest.mark.parametrize(
    ("stars", "movie_id", "basis"),
    [({1: 5.0}, 5, "factors"), ({1: 5.0}, 30, "user_mean"), ({30: 5.0}, 5, "movie_mean"), ({30: 5.0}, 29, "mean")],
)
def test_a_prediction_says_what_it_is_made_from(
    stars: dict[int, float], movie_id: int, basis: str, client: FlaskClient, publish: Publish, item_side: ItemSide
) -> None:
    publish()
    rate(client, 7, stars)
    answer = asked(client, f"/predict?user_id=7&movie_id={movie_id}")
    assert answer["basis"] == basis
    known = {"movie_mean": item_side.mu + item_side.item_biases[4], "mean": item_side.mu}
    if basis in known:
        assert answer["predicted_rating"] == pytest.approx(known[basis], abs=1e-5)
        assert answer["known_ratings"] == 0


def test_an_unknown_user_is_404_and_told_how_to_become_known(client: FlaskClient, publish: Publish) -> None:
    publish()
    for address in ("/users/77/recommendations", "/predict?user_id=77&movie_id=1"):
        problem = asked(client, address, 404)
        assert (problem["code"], problem["user_id"]) == ("unknown_user", 77)
        assert "POST /ratings" in problem["detail"]


def test_an_unknown_movie_is_404_even_before_the_first_snapshot(client: FlaskClient, publish: Publish) -> None:
    for _ in range(2):
        assert asked(client, "/predict?user_id=7&movie_id=999", 404)["code"] == "unknown_movie"
        publish()


def test_before_the_first_snapshot_it_is_503(client: FlaskClient) -> None:
    rate(client, 7, TASTE)
    for address in ("/users/7/recommendations", "/predict?user_id=7&movie_id=1"):
        assert asked(client, address, 503)["code"] == "index_not_ready"


def test_a_snapshot_without_predictions_still_ranks_by_affinity(client: FlaskClient, publish: Publish) -> None:
    publish(predictions=False)
    rate(client, 7, TASTE)
    assert {item["predicted_rating"] for item in recommended(client, 7)} == {None}
    for address in (
        "/predict?user_id=7&movie_id=1",
        "/users/7/recommendations?by=rating",
        "/users/7/recommendations?min_ratings=5",
    ):
        problem = asked(client, address, 409)
        assert (problem["code"], problem["generation"]) == ("no_predictions", 1)
        assert "posterity train" in problem["detail"]


def test_a_snapshot_without_rating_vectors_still_predicts(client: FlaskClient, publish: Publish) -> None:
    publish(ratings=False)
    rate(client, 7, TASTE)
    assert asked(client, "/predict?user_id=7&movie_id=5")["basis"] == "factors"
    assert {len(item["because"]) for item in recommended(client, 7, "by=rating")} == {0}
    assert asked(client, "/users/7/recommendations", 409)["code"] == "no_predictions"


def test_a_user_whose_movies_the_snapshot_does_not_know_is_told_so(client: FlaskClient, publish: Publish) -> None:
    publish()
    rate(client, 7, {29: 5.0, 30: 4.0})
    problem = asked(client, "/users/7/recommendations", 409)
    assert (problem["code"], problem["known_ratings"]) == ("no_taste", 2)
    assert problem["detail"].startswith("none of the 2 movies rated has a rating vector in snapshot 1: ")
    rate(client, 8, {29: 5.0})
    assert asked(client, "/users/8/recommendations", 409)["detail"].startswith("the one movie rated has no rating")
    assert recommended(client, 7, "by=rating")


def test_movies_that_left_the_catalog_are_neither_recommended_nor_reasons(
    client: FlaskClient, publish: Publish, catalog: Catalog
) -> None:
    publish()
    rate(client, 7, dict.fromkeys(range(1, 6), 4.0))
    first = ids(recommended(client, 7, "k=3"))
    catalog.editing.delete(first[0])
    catalog.editing.delete(1)  # its rating goes, too
    for query in ("k=100", "k=100&by=rating&min_ratings=0"):
        items = recommended(client, 7, query)
        assert first[0] not in ids(items)
        assert 1 not in {reason["movie_id"] for item in items for reason in item["because"]}
    assert len(recommended(client, 7, "k=3")) == 3


def test_three_reasons_are_shown_though_the_strongest_left_the_catalog(
    app: Flask, client: FlaskClient, publish: Publish, catalog: Catalog, rating_rows: dict[int, Any]
) -> None:
    for i in range(1, 9):
        rating_rows[i] = np.full(6, i, np.float32)
    publish()
    rate(client, 7, dict.fromkeys(range(1, 8), 4.0))
    history = app.extensions["posterity"].histories.of(7)
    app.extensions["posterity"].histories.of = lambda _: history  # as an imported file would still have it
    catalog.editing.delete(7)
    reasons = next(item["because"] for item in recommended(client, 7) if item["movie_id"] == 8)
    assert [reason["movie_id"] for reason in reasons] == [6, 5, 4]
