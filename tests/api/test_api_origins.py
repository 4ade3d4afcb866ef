"""CORS: nobody by default; exact origins, and never what a browser sends by itself."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import ValidationError

from api.app import create_app
from config.settings import Settings

ORIGIN, OTHER = "https://movies.example", "https://evil.example"
PATHS = ("/similar?movie_id=1", "/movies", "/movies/999", "/livez")


@pytest.fixture
def crossing(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings.model_copy(update={"cors_origins": f"{ORIGIN}, http://localhost:3000"}))
    yield app.test_client()
    app.extensions["posterity"].close()


def test_by_default_no_page_of_another_origin_may_read(client: FlaskClient, publish: Callable[..., Any]) -> None:
    publish()
    for path in PATHS:
        for method in ("GET", "OPTIONS"):
            asked = {"Origin": OTHER, "Access-Control-Request-Method": "GET"}
            headers = client.open(path, method=method, headers=asked).headers
            assert not [name for name in headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118 - no dict


def test_a_named_origin_may_read_and_another_may_not(crossing: FlaskClient, publish: Callable[..., Any]) -> None:
    publish()
    for path in PATHS:
        allowed = crossing.get(path, headers={"Origin": ORIGIN}).headers
        assert allowed["Access-Control-Allow-Origin"] == ORIGIN
        assert "X-Index-Version" in allowed["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in allowed
        for origin in (OTHER, "null", "*", ORIGIN + ".evil.example", ORIGIN.upper(), ORIGIN + "/", "", ORIGIN + ":444"):
            refused = crossing.get(path, headers={"Origin": origin}).headers
            assert "Access-Control-Allow-Origin" not in refused, origin
            assert refused["Vary"] == "Origin", "a cache must not hand one origin's answer to another"


def test_a_preflight_is_answered_without_a_token(settings: Settings) -> None:
    update = {"cors_origins": ORIGIN, "read_token": settings.admin_token}
    app = create_app(settings.model_copy(update=update))
    client = app.test_client()
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = client.options("/movies", headers=asked)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.options("/movies", headers={**asked, "Origin": OTHER}).status_code == 401
    assert client.get("/movies", headers={"Origin": ORIGIN}).status_code == 401
    app.extensions["posterity"].close()


NO_ORIGINS = ["*", "https://*.example", "movies.example", "https://movies.example/", "https://movies.example/x", "null"]
NO_ORIGINS += [
    "https://a.example https://b.example",
    "ftp://a.example",
    "https://",
    "https://user@a.example",
    "HTTPS://A",
]


@pytest.mark.parametrize("origins", NO_ORIGINS)
def test_only_exact_origins_are_a_setting(origins: str) -> None:
    with pytest.raises(ValidationError, match="is not an origin"):
        Settings(cors_origins=f"https://fine.example, {origins}")
