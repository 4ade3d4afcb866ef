"""GET /similar with filters: as many as asked for while so many match, whatever the kind of evidence."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.neighbours import NONE_MATCH

ALL = range(1, 31)


def year(movie_id: int) -> int:
    return 1970 + movie_id


def n_ratings(movie_id: int) -> int:
    return 1000 - movie_id if movie_id <= 21 else 0


def genres(movie_id: int) -> tuple[str, ...]:
    return ("comedy", "drama") if movie_id % 2 else ("film-noir",)


def wanted_by_hand(rows: dict[int, Any], asked: int, k: int, by: str, query: dict[str, str]) -> list[int]:
    """The ids of the best that match, by float64 and plain Python."""
    wide = {i: row.astype(np.float64) for i, row in rows.items()}
    if by == "poster":
        wide = {i: row / np.linalg.norm(row) for i, row in wide.items()}
    excluded = {int(word) for word in query.get("exclude", "").split(",") if word}
    scores = {
        i: float(np.float32(row @ wide[asked]))
        for i, row in wide.items()
        if i != asked
        and (by == "ratings" or (i % 4 == 0) == (asked % 4 == 0))
        and i not in excluded
        and query.get("genre", genres(i)[0]).casefold() in genres(i)
        and int(query.get("year_from", 0)) <= year(i) <= int(query.get("year_to", 9999))
        and n_ratings(i) >= int(query.get("min_ratings", 0))
    }
    return sorted(scores, key=lambda i: (-scores[i], i))[:k]


QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "genre": st.sampled_from(["Comedy", "drama", "FILM-NOIR"]),
        "year_from": st.integers(1965, 2000).map(str),
        "year_to": st.integers(1970, 2005).map(str),
        "min_ratings": st.integers(0, 1001).map(str),
        "exclude": st.lists(st.integers(1, 40), min_size=1, max_size=30, unique=True).map(
            lambda ids: ",".join(map(str, ids))
        ),
        "exact": st.sampled_from(["true", "false"]),
    },
).filter(lambda query: int(query.get("year_from", "0")) <= int(query.get("year_to", "9999")))


@given(query=QUERIES, asked=st.integers(1, 20), k=st.integers(1, 25), by=st.sampled_from(["poster", "ratings"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_filters_equal_brute_force(
    query: dict[str, str],
    asked: int,
    k: int,
    by: str,
    client: FlaskClient,
    published_once: None,
    poster_rows: dict[int, Any],
    rating_rows: dict[int, Any],
) -> None:
    rows = poster_rows if by == "poster" else rating_rows
    debias = {"debias": "0"} if by == "ratings" else {}
    answer = client.get("/similar", query_string={"movie_id": asked, "by": by, "k": k, **debias, **query})
    assert answer.status_code == 200, answer.text
    want = wanted_by_hand(rows, asked, k, by, query)
    assert [item["movie_id"] for item in answer.json["items"]] == want
    assert answer.json["exact"] is (query.get("exact") == "true")
    assert (NONE_MATCH in answer.json["notices"]) is (not want and query.keys() - {"exact"} != set())


@pytest.fixture
def published_once(publish: Callable[[], Any]) -> None:
    publish()


@pytest.mark.parametrize("by", ["poster", "ratings"])
def test_filters_that_match_nothing_are_an_answer_with_a_notice(
    by: str, client: FlaskClient, publish: Callable[[], Any]
) -> None:
    publish()
    answer = client.get(f"/similar?movie_id=1&by={by}&year_from=2100")
    assert (answer.status_code, answer.json["items"]) == (200, [])
    assert answer.json["notices"] == [NONE_MATCH]


def test_an_unknown_genre_is_400_and_told_which_there_are(client: FlaskClient, publish: Callable[[], Any]) -> None:
    publish()
    answer = client.get("/similar?movie_id=1&genre=Comedie")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_request")
    assert answer.json["detail"] == "genre: no movie has this genre; there are Comedy, Drama, Film-Noir"


def test_years_the_wrong_way_round_are_told_apart_from_no_match(client: FlaskClient) -> None:
    answer = client.get("/similar?movie_id=1&year_from=1990&year_to=1980")
    assert answer.json["detail"] == "year_to: must not be before year_from, which is 1990"


def test_five_hundred_movies_may_be_left_out_and_one_more_may_not(
    client: FlaskClient, publish: Callable[[], Any]
) -> None:
    publish()
    most = ",".join(str(10**9 + i) for i in range(500))
    assert len(client.get(f"/similar?movie_id=1&exclude={most}").json["items"]) == 10
    answer = client.get(f"/similar?movie_id=1&exclude={most},1")
    assert answer.json["detail"] == "exclude: must name at most 500 movies, not 501"


def test_an_escaped_address_says_the_same_as_a_plain_one(client: FlaskClient, publish: Callable[[], Any]) -> None:
    publish()
    plain = client.get("/similar?movie_id=1&exclude=2,3&genre=Film-Noir")
    escaped = client.get("/similar?movie_id=%31&exclude=2%2C3&genre=Film%2DNoir")
    assert plain.data == escaped.data
    assert plain.headers["ETag"] == escaped.headers["ETag"]


def test_filters_that_need_titles_work_with_title_cards_too(client: FlaskClient, publish: Callable[[], Any]) -> None:
    publish()
    items = client.get("/similar?movie_id=1&generated=only&genre=film-noir&year_to=1982").json["items"]
    assert {item["movie_id"] for item in items} == {4, 8, 12}
