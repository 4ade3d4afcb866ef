"""What every answer says beside its body: of which snapshot it is, and what a browser may do with it."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

NOTHING = {
    "/movies/1": 200,
    "/movies/999999": 404,
    "/similar?movie_id=1": 200,
    "/similar?movie_id=x": 400,
    "/livez": 200,
}
PAGES = {"/": 200, "/app/nowhere": 404}


def policy(client: FlaskClient, path: str, status: int) -> dict[str, str]:
    answer = client.get(path)
    assert answer.status_code == status, path
    rules = [rule.strip().split(maxsplit=1) for rule in answer.headers["Content-Security-Policy"].split(";")]
    return {name: value for name, value in rules}  # noqa: C416 - pairs as lists


@pytest.mark.parametrize("path", [*NOTHING, *PAGES])
def test_no_answer_lets_a_browser_load_from_elsewhere_or_frame_it(
    path: str, client: FlaskClient, publish: Callable[[], Any]
) -> None:
    publish()
    rules = policy(client, path, (NOTHING | PAGES)[path])
    assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert "unsafe" not in " ".join(rules.values())


@pytest.mark.parametrize("path", PAGES)
def test_pages_run_scripts_of_this_service_only(path: str, client: FlaskClient) -> None:
    assert policy(client, path, PAGES[path])["script-src"] == "'self'"


@pytest.mark.parametrize("path", ["/movies/1", "/movies/999999", "/similar?movie_id=1", "/similar?movie_id=x", "/"])
def test_every_answer_names_the_snapshot_it_was_made_of(
    path: str, client: FlaskClient, publish: Callable[[], Any]
) -> None:
    generation = publish().generation
    assert client.get(path).headers["X-Index-Version"] == str(generation)
