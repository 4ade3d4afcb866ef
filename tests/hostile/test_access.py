"""T19: sixty ways to send a token that are not the one way, to every route behind one, and nothing comes of it."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from catalog.catalog import Catalog
from tests.api.conftest import TOKEN
from tests.hostile.authorization import Attempt, accepted, refused
from tests.plan import Judge

READ_TOKEN = "a-token-for-reading-of-32-bytes-or-more-too"
UNLIMITED = {"rate_limit_admin_per_min": 0, "rate_limit_posts_per_min": 0}
ADMIN_ROUTES = [
    ("POST", "/admin/rebuild"),
    ("POST", "/admin/train"),
    ("GET", "/admin/snapshots"),
    ("POST", "/admin/rollback"),
    ("PATCH", "/movies/1"),
    ("DELETE", "/movies/1"),
    ("POST", "/movies/26/retry"),
    ("POST", "/movies/1/poster"),
]
READ_ROUTES = [
    ("GET", "/similar?movie_id=1"),
    ("HEAD", "/similar?movie_id=1"),
    ("GET", "/movies"),
    ("GET", "/movies/1/poster"),
    ("POST", "/movies"),
    ("POST", "/ratings"),
    ("GET", "/jobs"),
    ("GET", "/"),
    ("GET", "/app/movies/1"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/static/live.js"),
    ("GET", "/metrics"),
    ("GET", "/nope"),
    ("OPTIONS", "/movies"),
    *ADMIN_ROUTES,
]
DETOURS = ["//similar", "/livez/../movies", "/livez%2f..%2fmovies", "/livez;/movies", "/readyz/", "/livez/", "/LIVEZ"]
DETOURS += ["/%2e%2e/livez", "/static/../livez", "/livez%00", "/livez%20", "/similar/", "/%73imilar", "/livez?/movies"]
OPEN_ANSWERS = {"/livez?/movies"}  # what it asks is /livez


@pytest.fixture
def opened(settings: Any) -> Iterator[Callable[..., Any]]:
    """Apps with other settings."""
    made: list[Flask] = []

    def make(**changes: Any) -> FlaskClient:
        made.append(create_app(settings.model_validate({**settings.model_dump(), **UNLIMITED, **changes})))
        return made[-1].test_client()

    yield make
    for one in made:
        one.extensions["posterity"].close()


def send(client: FlaskClient, method: str, path: str, attempt: Attempt) -> Any:
    path += ("&" if "?" in path else "?") + attempt.query if attempt.query else ""
    return client.open(path, method=method, headers=attempt.headers, data=attempt.body or None)


def state_of(catalog: Catalog) -> Any:
    return catalog.work.counts(), catalog.jobs.newest(), catalog.movies.count(), catalog.movies.get(1)


def test_no_other_way_to_send_the_admin_token_is_one(opened: Any, catalog: Catalog, judge: Judge) -> None:
    client = opened()
    before, attempts = state_of(catalog), list(refused(TOKEN))
    wrong = [
        f"{method} {path}, {attempt.name}: {answer.status_code}"
        for method, path in ADMIN_ROUTES
        for attempt in attempts
        if (answer := send(client, method, path, attempt)).status_code != 401
        or answer.headers["WWW-Authenticate"] != 'Bearer realm="posterity"'
        or answer.content_type != "application/problem+json"
    ]
    number = len(ADMIN_ROUTES) * len(attempts)
    judge("T19", "admin token sent otherwise", number, "401 only", "; ".join(wrong[:5]) or "401 only", not wrong)
    assert state_of(catalog) == before


def test_without_an_admin_token_no_token_opens_anything(opened: Any, judge: Judge, catalog: Catalog) -> None:
    client = opened(admin_token=None)
    before = state_of(catalog)
    attempts = [*refused(TOKEN), *accepted(TOKEN), Attempt("None", [("Authorization", "Bearer None")])]
    attempts += [Attempt("nothing at all", [("Authorization", "Bearer ")])]
    for method, path in ADMIN_ROUTES:
        # A path that something else answers by another method says which: /movies/1 by GET.
        expected = 405 if path in ("/movies/1", "/movies/1/poster") else 404
        found = {attempt.name: send(client, method, path, attempt).status_code for attempt in attempts}
        assert set(found.values()) == {expected}, f"{method} {path}: {found}"
    number = len(ADMIN_ROUTES) * len(attempts)
    judge("T19", "any token where none is set", number, "404 or 405 only", "404 or 405 only", True)
    assert state_of(catalog) == before


def test_without_the_read_token_only_the_probes_answer(
    opened: Any,
    publish: Callable[..., Any],
    catalog: Catalog,
    judge: Judge,
) -> None:
    publish()
    client = opened(read_token=READ_TOKEN)
    before, attempts = state_of(catalog), list(refused(READ_TOKEN))
    wrong = [
        f"{method} {path}, {attempt.name}: {answer.status_code}"
        for method, path in READ_ROUTES
        for attempt in attempts
        if (answer := send(client, method, path, attempt)).status_code != 401 or "X-Index-Version" in answer.headers
    ]
    number = len(READ_ROUTES) * len(attempts)
    judge("T19", "read token sent otherwise", number, "401 only", "; ".join(wrong[:5]) or "401 only", not wrong)
    assert client.get("/livez").status_code == client.get("/readyz").status_code == 200
    assert state_of(catalog) == before


def test_no_detour_leads_around_the_read_token(opened: Any) -> None:
    client = opened(read_token=READ_TOKEN)
    for path in DETOURS:
        status = client.get(path).status_code
        assert (status == 200) is (path in OPEN_ANSWERS), f"{path}: {status}"
        assert status in (200, 401, 404, 308), f"{path}: {status}"


def test_the_read_token_opens_reading(opened: Any, publish: Callable[..., Any]) -> None:
    publish()
    client = opened(read_token=READ_TOKEN)
    for attempt in accepted(READ_TOKEN):
        for path in ("/similar?movie_id=1", "/movies", "/", "/metrics", "/docs", "/static/live.js"):
            answer = send(client, "GET", path, attempt)
            assert answer.status_code == 200, f"{path}, {attempt}: {answer.status_code}"
            answer.close()


def test_the_read_token_opens_nothing_of_the_admins(opened: Any, catalog: Catalog) -> None:
    client, before = opened(read_token=READ_TOKEN), state_of(catalog)
    for method, path in ADMIN_ROUTES:
        for value in (f"Bearer {READ_TOKEN}", basic(READ_TOKEN)):
            assert client.open(path, method=method, headers={"Authorization": value}).status_code == 401, path
    assert state_of(catalog) == before


def test_the_admin_token_opens_everything(opened: Any) -> None:
    client = opened(read_token=READ_TOKEN)
    for attempt in accepted(TOKEN):
        for path in ("/movies", "/admin/snapshots"):
            assert send(client, "GET", path, attempt).status_code == 200


def basic(token: str, user: str = "anybody") -> str:
    return "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()


def test_a_person_is_asked_for_a_password_and_a_program_for_a_token(opened: Any) -> None:
    client = opened(read_token=READ_TOKEN)
    person = client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (person.status_code, person.mimetype) == (401, "text/html")
    assert person.headers["WWW-Authenticate"] == 'Basic realm="posterity", charset="UTF-8"'
    program = client.get("/movies", headers={"Accept": "*/*"})
    assert (program.status_code, program.mimetype) == (401, "application/problem+json")
    assert program.headers["WWW-Authenticate"] == 'Bearer realm="posterity"'


def test_a_browser_reads_with_the_token_as_password(opened: Any, publish: Callable[..., Any]) -> None:
    publish()
    client = opened(read_token=READ_TOKEN)
    for user in ("", "me", "a b", "ü"):
        for token in (READ_TOKEN, TOKEN):
            for path in ("/", "/movies", "/similar?movie_id=1", "/static/live.js"):
                answer = client.get(path, headers={"Authorization": basic(token, user)})
                assert answer.status_code == 200, f"{path} as {user!r}: {answer.status_code}"
                answer.close()


def test_what_a_browser_sends_by_itself_changes_nothing(opened: Any, catalog: Catalog) -> None:
    """A page of somebody else's may make a browser send a form, and with it the password of Basic."""
    client, before = opened(read_token=READ_TOKEN), state_of(catalog)
    changing = [*ADMIN_ROUTES, ("POST", "/movies"), ("POST", "/ratings")]
    for method, path in changing:
        for token in (TOKEN, READ_TOKEN):
            sent = {"Authorization": basic(token)}
            answer = client.open(path, method=method, headers=sent, json={"title": "x"} if method == "POST" else None)
            assert answer.status_code == 401, path
    assert state_of(catalog) == before


def test_the_document_says_which_token_opens_what(opened: Any) -> None:
    client = opened(read_token=READ_TOKEN)
    document = client.get("/openapi.json", headers={"Authorization": f"Bearer {READ_TOKEN}"}).json
    assert set(document["components"]["securitySchemes"]) == {"adminToken", "readToken"}
    assert document["paths"]["/similar"]["get"]["security"] == [{"readToken": []}, {"adminToken": []}]
    assert document["paths"]["/admin/rebuild"]["post"]["security"] == [{"adminToken": []}]
    assert "security" not in document["paths"]["/livez"]["get"]
    assert "401" in document["paths"]["/similar"]["get"]["responses"]
    open_one = opened(admin_token=None).get("/openapi.json").json
    assert "401" not in open_one["paths"]["/similar"]["get"]["responses"]
