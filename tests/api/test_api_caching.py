"""ETag and 304 of `/similar`: nothing is sent twice, and nothing old is believed."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from catalog.catalog import Catalog

ADDRESS = "/similar?movie_id=1&k=5"


@pytest.fixture
def tag(client: FlaskClient, publish: Callable[[], Any]) -> str:
    publish()
    return client.get(ADDRESS).headers["ETag"]


def test_the_tag_is_strong_and_the_answer_asked_about_each_time(tag: str, client: FlaskClient) -> None:
    assert tag.startswith('"')
    assert client.get(ADDRESS).headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("form", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_has_it_gets_304_without_a_body(form: str, method: str, tag: str, client: FlaskClient) -> None:
    answer = client.open(ADDRESS, method=method, headers={"If-None-Match": form.format(tag=tag)})
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == tag
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["X-Index-Version"] == "1"
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize("form", ['"other"', "", "nonsense"])
def test_who_has_something_else_gets_the_answer(form: str, tag: str, client: FlaskClient) -> None:
    answer = client.get(ADDRESS, headers={"If-None-Match": form})
    assert (answer.status_code, answer.headers["ETag"]) == (200, tag)


def test_an_error_is_an_error_whatever_the_client_has(tag: str, client: FlaskClient) -> None:
    assert client.get("/similar?movie_id=999", headers={"If-None-Match": "*"}).status_code == 404


def test_head_says_what_get_says(tag: str, client: FlaskClient) -> None:
    head, get = client.head(ADDRESS), client.get(ADDRESS)
    assert (head.status_code, head.data) == (200, b"")
    own = {"X-Request-ID"}
    assert {n: v for n, v in head.headers if n not in own} == {n: v for n, v in get.headers if n not in own}


def test_another_question_has_another_tag(tag: str, client: FlaskClient) -> None:
    others = [f"{ADDRESS}&exact=true", f"{ADDRESS}&exclude=2", "/similar?movie_id=1&k=6", "/similar?movie_id=2&k=5"]
    assert len({tag, *(client.get(address).headers["ETag"] for address in others)}) == 5


def test_a_new_snapshot_a_new_title_and_a_deletion_each_change_it(
    tag: str, client: FlaskClient, app: Any, publish: Callable[[], Any], catalog: Catalog, admin: dict[str, str]
) -> None:
    follower, tags = app.extensions["posterity"].follower, [tag]
    first = client.get(ADDRESS).json["items"][0]["movie_id"]
    publish()
    tags.append(client.get(ADDRESS).headers["ETag"])
    assert client.patch(f"/movies/{first}", json={"title": "Renamed"}, headers=admin).status_code == 200
    follower.refresh()
    answer = client.get(ADDRESS)
    tags.append(answer.headers["ETag"])
    assert answer.json["items"][0]["title"] == "Renamed"
    assert client.delete(f"/movies/{first}", headers=admin).status_code < 300
    follower.refresh()
    answer = client.get(ADDRESS, headers={"If-None-Match": ", ".join(tags)})
    assert answer.status_code == 200
    assert first not in [item["movie_id"] for item in answer.json["items"]]
