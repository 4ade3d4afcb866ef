"""The OpenAPI document, the page around it, and the headers of every answer."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import validate

PATHS = {
    "/similar": {"get"},
    "/predict": {"get"},
    "/ratings": {"post"},
    "/users/{user_id}/recommendations": {"get"},
    "/movies": {"get", "post"},
    "/movies/{movie_id}": {"get", "patch", "delete"},
    "/movies/{movie_id}/poster": {"get", "post"},
    "/movies/{movie_id}/retry": {"post"},
    "/jobs": {"get"},
    "/jobs/{job_id}": {"get"},
    "/livez": {"get"},
    "/readyz": {"get"},
    "/admin/rebuild": {"post"},
    "/admin/train": {"post"},
    "/admin/snapshots": {"get"},
    "/admin/rollback": {"post"},
}


@pytest.fixture
def document(client: FlaskClient) -> Any:
    return client.get("/openapi.json").json


def test_the_document_is_valid_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_it_describes_every_route(document: Any) -> None:
    assert {path: set(operations) for path, operations in document["paths"].items()} == PATHS


def test_every_error_is_declared_as_a_problem(document: Any) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
            assert {"400", "500"} <= set(errors), f"{method} {path}"
            for status, answer in errors.items():
                assert list(answer["content"]) == ["application/problem+json"], f"{method} {path} {status}"


def test_numbers_keep_their_ranges_in_the_document(document: Any) -> None:
    parameters = {p["name"]: p["schema"] for p in document["paths"]["/similar"]["get"]["parameters"]}
    assert (parameters["k"]["minimum"], parameters["k"]["maximum"], parameters["k"]["default"]) == (1, 100, 10)
    assert parameters["movie_id"]["maximum"] == 2**31 - 1
    assert parameters["by"]["enum"] == ["poster", "ratings"]
    debias = next(form for form in parameters["debias"]["anyOf"] if form["type"] == "number")
    assert (debias["minimum"], debias["maximum"]) == (0, 1)


def test_admin_routes_ask_for_the_bearer_token(document: Any) -> None:
    assert document["components"]["securitySchemes"]["adminToken"] == {"type": "http", "scheme": "bearer"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            changes = method != "get" and path not in ("/movies", "/ratings")  # anybody may hand movies and ratings in
            assert ("security" in operation) == (changes or path.startswith("/admin/"))


def test_a_poster_may_be_asked_for_anew_without_a_body(document: Any) -> None:
    assert document["paths"]["/movies/{movie_id}/poster"]["post"]["requestBody"]["required"] is False
    assert document["paths"]["/movies"]["post"]["requestBody"]["required"] is True


def test_the_page_around_it_needs_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert "http" not in page.text
    for address in ("/docs/swagger/js/swagger-ui-bundle.js", "/docs/swagger/css/swagger-ui.css", "/static/docs.js"):
        assert f'"{address}"' in page.text
        answer = client.get(address)
        assert answer.status_code == 200
        answer.close()
    assert client.get("/docs/swagger/../__init__.py").status_code == 404


@pytest.mark.parametrize(
    "address", ["/", "/livez", "/movies/999", "/nope", "/docs", "/movies/1/poster", "/similar?k=x"]
)
def test_every_answer_carries_the_security_headers(address: str, client: FlaskClient) -> None:
    headers = client.get(address).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self' 'unsafe" not in policy
    assert headers["X-Request-ID"]
