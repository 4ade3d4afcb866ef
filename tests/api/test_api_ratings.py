"""POST /ratings: what counts, what gives way, and what is refused with nothing stored."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.catalog import Catalog
from catalog.rating_rows import GivenRating

GOOD = {"user_id": 7, "movie_id": 3, "rating": 4.5}
MOMENT = "2020-01-02T03:04:05Z"
BAD: list[tuple[Any, str]] = [
    ({}, "user_id"),
    ({"user_id": 7, "movie_id": 3}, "rating"),
    ({"user_id": 7, "rating": 4}, "movie_id"),
    ({**GOOD, "user_id": None}, "user_id"),
    ({**GOOD, "user_id": 0}, "user_id"),
    ({**GOOD, "user_id": -1}, "user_id"),
    ({**GOOD, "user_id": 2**31}, "user_id"),
    ({**GOOD, "user_id": 10**30}, "user_id"),
    ({**GOOD, "user_id": True}, "user_id"),
    ({**GOOD, "user_id": 7.0}, "user_id"),
    ({**GOOD, "user_id": "7"}, "user_id"),
    ({**GOOD, "user_id": [7]}, "user_id"),
    ({**GOOD, "movie_id": 0}, "movie_id"),
    ({**GOOD, "movie_id": 2**31}, "movie_id"),
    ({**GOOD, "movie_id": False}, "movie_id"),
    ({**GOOD, "movie_id": 3.0}, "movie_id"),
    ({**GOOD, "movie_id": "3"}, "movie_id"),
    ({**GOOD, "rating": 0}, "rating"),
    ({**GOOD, "rating": 0.49}, "rating"),
    ({**GOOD, "rating": 5.01}, "rating"),
    ({**GOOD, "rating": -4}, "rating"),
    ({**GOOD, "rating": 10**400}, "rating"),
    ({**GOOD, "rating": True}, "rating"),
    ({**GOOD, "rating": "4"}, "rating"),
    ({**GOOD, "rating": None}, "rating"),
    ({**GOOD, "rating": {"stars": 4}}, "rating"),
    ({**GOOD, "stars": 4}, "stars"),
    ({**GOOD, "rated_at": 100}, "rated_at"),
    ({**GOOD, "rated_at": ""}, "rated_at"),
    ({**GOOD, "rated_at": "yesterday"}, "rated_at"),
    ({**GOOD, "rated_at": "2020-01-02"}, "rated_at"),
    ({**GOOD, "rated_at": "2020-01-02T03:04:05"}, "rated_at"),
    ({**GOOD, "rated_at": "2020-02-30T03:04:05Z"}, "rated_at"),
    ({**GOOD, "rated_at": "2020-01-02T25:04:05Z"}, "rated_at"),
    ({**GOOD, "rated_at": "2020-01-02T03:04:05+99:00"}, "rated_at"),
    ({**GOOD, "rated_at": "2020-01-02T03:04:05Z\n"}, "rated_at"),
    ({**GOOD, "rated_at": "٢٠٢٠-01-02T03:04:05Z"}, "rated_at"),
    ({**GOOD, "rated_at": "0001-01-01T00:00:00+23:59"}, "rated_at"),
    ({**GOOD, "rated_at": "1969-12-31T23:59:59Z"}, "rated_at"),
    ({**GOOD, "rated_at": "9999-12-31T23:59:59-23:59"}, "rated_at"),
    ([GOOD, {**GOOD, "rating": 6}], "[1].rating"),
    ([GOOD, None], "[1]"),
    ([GOOD, [GOOD]], "[1]"),
    ([], ""),
    ([GOOD] * 501, ""),
]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner))
NEARLY = st.fixed_dictionaries(
    {"user_id": st.integers(-1, 2**31) | JSON, "movie_id": st.integers(0, 40) | JSON, "rating": st.floats(0, 6) | JSON},
    optional={"rated_at": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | JSON},
)
BODIES = [
    b"",
    b"null",
    b"5",
    b'"rating"',
    b"{",
    b'{"user_id": 7, "movie_id": 3, "rating": NaN}',
    b'{"user_id": 7, "movie_id": 3, "rating": Infinity}',
    b'{"user_id": 7, "movie_id": 3, "rating": 1e999}',
    b'{"user_id": 7, "movie_id": 3, "rating": 4, "rating": 1}',
    b'{"user_id": 7, "movie_id": 3, "rating": 4} and more',
    b'\xff{"user_id": 7}',
    b"[" * 5000,
]


def post(client: FlaskClient, body: Any, status: int = 200) -> Any:
    answer = client.post("/ratings", json=body)
    assert answer.status_code == status, f"{body} -> {answer.text}"[:500]
    return answer.json


def taken(accepted: int, replaced: int = 0, duplicates: int = 0, outdated: int = 0) -> dict[str, int]:
    return {"accepted": accepted, "replaced": replaced, "duplicates": duplicates, "outdated": outdated}


def test_a_bad_rating_is_400_names_the_field_and_stores_nothing(client: FlaskClient, catalog: Catalog) -> None:
    for body, field in BAD:
        problem = post(client, body, 400)
        assert field in [error["field"] for error in problem["errors"]], body
        assert "\n" not in problem["detail"]
    assert catalog.ratings.count() == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([GOOD] * 501, "must have at most 500 entries, not 501"),
        ([], "must have at least 1 of them"),
        ({**GOOD, "user_id": "7"}, "user_id: must be a whole number, without quotes and without a point"),
        ({**GOOD, "rating": "5"}, "rating: must be a number, without quotes"),
        ({**GOOD, "rating": True}, "rating: must be a number, without quotes"),
        ({**GOOD, "rating": 6}, "rating: must be less than or equal to 5"),
    ],
)
def test_what_is_wrong_is_said_in_words_for_people(body: Any, words: str, client: FlaskClient) -> None:
    assert post(client, body, 400)["detail"] == words


def test_a_body_that_is_not_plain_json_is_400(client: FlaskClient, catalog: Catalog) -> None:
    for body in BODIES:
        answer = client.post("/ratings", data=body, content_type="application/json")
        assert (answer.status_code, answer.json["code"]) == (400, "invalid_request"), body
    assert catalog.ratings.count() == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=NEARLY | st.lists(NEARLY, max_size=4) | JSON)
def test_whatever_comes_in_is_taken_or_refused_and_never_a_bug(body: Any, client: FlaskClient) -> None:
    answer = client.post("/ratings", data=json.dumps(body), content_type="application/json")
    assert answer.status_code in (200, 400, 404), answer.text
    assert answer.status_code == 200 or answer.json["detail"]


def test_another_content_type_is_415_and_a_long_body_413(client: FlaskClient) -> None:
    body = json.dumps(GOOD).encode()
    assert client.post("/ratings", data=body, content_type="text/plain").status_code == 415
    long = client.post("/ratings", data=body.ljust(1_048_577), content_type="application/json")
    assert long.status_code == 413
    assert long.json["detail"] == "too much at once: this address takes 1,048,576 bytes"


def test_a_rating_is_stored_as_it_was_given(client: FlaskClient, catalog: Catalog) -> None:
    assert post(client, {**GOOD, "rated_at": MOMENT}) == taken(1)
    assert catalog.ratings.single_of(7) == [GivenRating(7, 3, 4.5, 1577934245)]


@pytest.mark.parametrize(
    ("rated_at", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2020-01-02T05:04:05+02:00", 1577934245),
        ("2020-01-02t03:04:05.999999z", 1577934245),
        ("2020-01-02 03:04:05-00:00", 1577934245),
    ],
)
def test_a_moment_may_be_written_in_every_way_of_rfc_3339(
    rated_at: str, seconds: int, client: FlaskClient, catalog: Catalog
) -> None:
    post(client, {**GOOD, "rated_at": rated_at})
    assert catalog.ratings.single_of(7)[0].rated_at == seconds


def test_a_rating_of_the_future_is_refused_but_not_for_a_clock_a_little_ahead(client: FlaskClient) -> None:
    now = datetime.now(UTC)
    post(client, {**GOOD, "rated_at": (now + timedelta(minutes=4)).isoformat()})
    problem = post(client, {**GOOD, "rated_at": (now + timedelta(minutes=6)).isoformat()}, 400)
    assert problem["errors"] == [{"field": "rated_at", "why": "must lie between 1970 and now"}]


@pytest.mark.parametrize("rating", [0.5, 1, 3.3, 5, 5.0])
def test_every_number_of_the_scale_is_a_rating(rating: float, client: FlaskClient, catalog: Catalog) -> None:
    assert post(client, {**GOOD, "rating": rating}) == taken(1)
    assert catalog.ratings.single_of(7)[0].stars == rating


def test_of_the_same_pair_in_one_request_the_last_wins_and_the_others_are_counted(
    client: FlaskClient, catalog: Catalog
) -> None:
    assert post(client, [GOOD, {**GOOD, "rating": 2}, {**GOOD, "movie_id": 4}, {**GOOD, "rating": 1}]) == taken(2, 0, 2)
    assert [(rating.movie_id, rating.stars) for rating in catalog.ratings.single_of(7)] == [(3, 1.0), (4, 4.5)]


def test_again_replaces_and_says_so(client: FlaskClient, catalog: Catalog) -> None:
    post(client, GOOD)
    assert post(client, [{**GOOD, "rating": 2}, {**GOOD, "user_id": 8}]) == taken(2, 1)
    assert catalog.ratings.single_of(7)[0].stars == 2.0


def test_what_was_rated_earlier_than_what_is_known_is_counted_as_outdated(
    client: FlaskClient, catalog: Catalog
) -> None:
    post(client, GOOD)
    assert post(client, {**GOOD, "rating": 2, "rated_at": MOMENT}) == taken(0, outdated=1)
    assert catalog.ratings.single_of(7)[0].stars == 4.5


def test_unknown_movies_are_404_named_and_nothing_is_stored(client: FlaskClient, catalog: Catalog) -> None:
    problem = post(client, [GOOD, {**GOOD, "movie_id": 999}, {**GOOD, "movie_id": 998}], 404)
    assert (problem["code"], problem["movie_ids"]) == ("unknown_movie", [998, 999])
    assert "movies 998, 999" in problem["detail"]
    assert catalog.ratings.count() == 0


def test_five_hundred_are_taken_at_once(client: FlaskClient, catalog: Catalog) -> None:
    assert post(client, [{**GOOD, "user_id": i} for i in range(1, 501)]) == taken(500)
    assert catalog.ratings.count() == 500


def test_anybody_may_rate_but_only_by_post(client: FlaskClient) -> None:
    answer = client.get("/ratings")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}
