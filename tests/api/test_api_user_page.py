"""The page of a user: what the API recommends, with posters and reasons, in every state."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from catalog.catalog import Catalog
from catalog.entries import NewMovie
from catalog.rating_rows import GivenRating

Publish = Callable[..., Any]


@pytest.fixture
def rated(catalog: Catalog) -> Catalog:
    catalog.ratings.give([GivenRating(7, i, stars, 10) for i, stars in {1: 5.0, 2: 4.0, 3: 0.5, 9: 3.0}.items()])
    return catalog


def section(html: str, name: str) -> str:
    return html.split(f'id="{name}"')[1].split("</section>")[0]


def shown(html: str) -> list[int]:
    return [int(i) for i in re.findall(r'href="/app/movies/(\d+)"', html)]


def test_the_lists_are_those_of_the_api(client: FlaskClient, publish: Publish, rated: Catalog) -> None:
    publish()
    html = client.get("/app/users/7").text
    for by in ("affinity", "rating"):
        items = client.get(f"/users/7/recommendations?k=12&by={by}").json["items"]
        assert shown(section(html, f"by-{by}")) == [item["movie_id"] for item in items]
    first = client.get("/users/7/recommendations?k=1").json["items"][0]
    assert f"because you liked {first['because'][0]['title']}" in html
    assert f"{first['predicted_rating']:.1f}" in section(html, "by-affinity")


def test_what_was_rated_is_shown_best_first(client: FlaskClient, publish: Publish, rated: Catalog) -> None:
    publish()
    html = client.get("/app/users/7").text
    assert shown(section(html, "rated")) == [1, 2, 9, 3]
    assert "4 ratings, 3.1 stars on average" in html


@pytest.mark.parametrize("user_id", ["77", "0", "abc", "2147483648", "99999999999", "٣"])
def test_who_rated_nothing_has_no_page_and_is_told_how_to_get_one(user_id: str, client: FlaskClient) -> None:
    answer = client.get(f"/app/users/{user_id}")
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert "POST /ratings" in answer.text


def test_the_start_page_leads_to_the_page_of_a_user(client: FlaskClient, rated: Catalog) -> None:
    html = client.get("/").text
    assert 'action="/app/users"' in html
    assert 'name="user_id"' in html
    answer = client.get("/app/users?user_id=+7+")
    assert (answer.status_code, answer.location) == (302, "/app/users/7")


@pytest.mark.parametrize("query", ["", "?user_id=", "?user_id=abc", "?user_id=//evil.example", "?user_id=2147483648"])
def test_what_cannot_be_a_user_leads_to_the_page_that_explains(query: str, client: FlaskClient) -> None:
    answer = client.get(f"/app/users{query}", follow_redirects=True)
    assert answer.status_code == 404
    assert "POST /ratings" in answer.text


def test_an_error_page_does_not_deny_the_snapshot_that_is_served(client: FlaskClient, publish: Publish) -> None:
    publish()
    assert "No snapshot yet" not in client.get("/app/users/77").text


def test_before_the_first_snapshot_the_page_says_so(client: FlaskClient, rated: Catalog) -> None:
    answer = client.get("/app/users/7")
    assert answer.status_code == 200
    assert "The first snapshot is still to come" in answer.text
    assert shown(section(answer.text, "rated")) == [1, 2, 9, 3]


@pytest.mark.parametrize(
    ("published", "missing"),
    [({"predictions": False}, {"rating"}), ({"ratings": False}, {"affinity"}), ({}, set())],
)
def test_a_ranking_that_the_snapshot_cannot_give_is_explained_and_the_other_shown(
    published: dict[str, bool], missing: set[str], client: FlaskClient, publish: Publish, rated: Catalog
) -> None:
    publish(**published)
    html = client.get("/app/users/7").text
    for by in ("affinity", "rating"):
        assert ("run posterity train" in section(html, f"by-{by}")) == (by in missing)
        assert bool(shown(section(html, f"by-{by}"))) == (by not in missing)


def test_a_title_cannot_become_markup(client: FlaskClient, publish: Publish, rated: Catalog) -> None:
    publish()
    rated.add([NewMovie("<script>alert(1)</script>", 666)])
    rated.ratings.give([GivenRating(7, 666, 5.0, 10)])
    html = client.get("/app/users/7").text
    assert "&lt;script&gt;" in html
    assert "<script>alert" not in html


def test_the_page_can_be_read_without_seeing_it_and_needs_nothing_from_elsewhere(
    client: FlaskClient, publish: Publish, rated: Catalog
) -> None:
    publish()
    html = client.get("/app/users/7").text
    assert html.count("<h1>") == 1
    assert all('alt="' in img for img in re.findall(r"<img[^>]*>", html))
    assert not re.search(r'(src|href)="(https?:|//)', html)
    assert not re.search(r"\sstyle=|\son[a-z]+=", html)
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
