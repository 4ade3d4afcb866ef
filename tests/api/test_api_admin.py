"""/admin: only with the token, one build at a time, back to an earlier snapshot."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from api.app import create_app
from catalog.catalog import Catalog

ROUTES = [
    ("POST", "/admin/rebuild"),
    ("POST", "/admin/train"),
    ("GET", "/admin/snapshots"),
    ("POST", "/admin/rollback"),
]


@pytest.mark.parametrize(("method", "address"), ROUTES)
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer an-admin-token-for-tests-of-32-bytes-or-mor",
        "Basic an-admin-token-for-tests-of-32-bytes-or-more",
        "an-admin-token-for-tests-of-32-bytes-or-more",
        "Bearer tökén",
        "Bearer " + "x" * 4000,
    ],
)
def test_without_the_right_token_it_is_401(
    method: str, address: str, authorization: str | None, client: FlaskClient, catalog: Catalog
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = client.open(address, method=method, headers=headers, data=b"not even JSON")
    assert (answer.status_code, answer.json["code"]) == (401, "not_authorised")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert catalog.jobs.newest() == []


def test_the_token_is_not_taken_from_the_address(client: FlaskClient) -> None:
    assert client.get("/admin/snapshots?token=an-admin-token-for-tests-of-32-bytes-or-more").status_code == 401


def test_the_scheme_is_written_in_any_case(client: FlaskClient, admin: dict[str, str]) -> None:
    lower = {"Authorization": admin["Authorization"].replace("Bearer", "bearer")}
    assert client.get("/admin/snapshots", headers=lower).status_code == 200


@pytest.mark.parametrize(("method", "address"), ROUTES)
def test_without_a_configured_token_the_routes_do_not_exist(
    method: str, address: str, settings: Any, admin: dict[str, str]
) -> None:
    app = create_app(settings.model_copy(update={"admin_token": None}))
    client = app.test_client()
    answer = client.open(address, method=method, headers=admin)
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    assert address not in client.get("/openapi.json").json["paths"]
    app.extensions["posterity"].close()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "admin routes: with their token; reading: open, POSTERITY_READ_TOKEN is not set"),
        ({"admin_token": None}, "admin routes: not there, POSTERITY_ADMIN_TOKEN is not set; reading: open, "),
        ({"read_token": SecretStr("r" * 32)}, "admin routes: with their token; reading: with a token"),
    ],
)
def test_the_first_line_of_the_log_says_what_is_open(
    changes: dict[str, Any], line: str, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "api.app")
    create_app(settings.model_copy(update=changes)).extensions["posterity"].close()
    assert line in caplog.text


@pytest.mark.parametrize("kind", ["rebuild", "train"])
def test_a_build_is_a_job_and_a_second_one_is_409_naming_it(
    kind: str, client: FlaskClient, admin: dict[str, str]
) -> None:
    first = client.post(f"/admin/{kind}", headers=admin)
    assert (first.status_code, first.json["kind"], first.json["state"]) == (202, kind, "pending")
    assert first.headers["Location"] == f"/jobs/{first.json['job_id']}"
    second = client.post(f"/admin/{kind}", headers=admin, json={})
    assert (second.status_code, second.json["code"]) == (409, "job_running")
    assert second.json["job_id"] == first.json["job_id"]
    assert first.json["job_id"] in second.json["detail"]


def test_an_option_that_does_not_exist_is_400(client: FlaskClient, admin: dict[str, str], catalog: Catalog) -> None:
    answer = client.post("/admin/train", headers=admin, json={"factors": 64})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (400, "factors")
    assert catalog.jobs.newest() == []


def test_snapshots_are_listed_newest_first(
    client: FlaskClient, admin: dict[str, str], publish: Callable[..., Any]
) -> None:
    assert client.get("/admin/snapshots", headers=admin).json == {"items": []}
    publish(ratings=False)
    publish()
    newest, older = client.get("/admin/snapshots", headers=admin).json["items"]
    assert (newest["generation"], newest["current"], newest["spaces"]) == (2, True, {"poster": 24, "ratings": 20})
    assert (older["generation"], older["current"], older["spaces"]) == (1, False, {"poster": 24})
    assert (newest["valid"], newest["why"]) == (True, None)
    assert newest["size_bytes"] > 24 * 48 * 4


@pytest.mark.parametrize("body", [None, {}, {"generation": 1}, {"generation": None}])
def test_rollback_serves_the_earlier_snapshot_at_once(
    body: Any, client: FlaskClient, admin: dict[str, str], publish: Callable[..., Any], verified_here: None
) -> None:
    publish()
    publish()
    assert client.get("/similar?movie_id=1").headers["X-Index-Version"] == "2"
    answer = (
        client.post("/admin/rollback", headers=admin, json=body)
        if body is not None
        else client.post("/admin/rollback", headers=admin)
    )
    assert (answer.status_code, answer.json["generation"], answer.json["current"]) == (200, 1, True)
    assert answer.headers["X-Index-Version"] == "1"
    assert client.get("/similar?movie_id=1").json["index_version"] == 1


@pytest.fixture
def verified_here(monkeypatch: pytest.MonkeyPatch) -> None:
    from index import verification, versions

    monkeypatch.setattr(versions, "verify_apart", verification.verify)


def test_a_snapshot_that_is_not_there_is_404(
    client: FlaskClient, admin: dict[str, str], publish: Callable[..., Any]
) -> None:
    assert client.post("/admin/rollback", headers=admin).status_code == 404
    publish()
    answer = client.post("/admin/rollback", headers=admin, json={"generation": 7})
    assert (answer.status_code, answer.json["code"]) == (404, "unknown_snapshot")
    assert "available: 1" in answer.json["detail"]


@pytest.mark.parametrize("generation", [0, -1, "1", 1.0, True, 10**9])
def test_a_generation_is_a_plain_number(generation: Any, client: FlaskClient, admin: dict[str, str]) -> None:
    answer = client.post("/admin/rollback", headers=admin, json={"generation": generation})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (400, "generation")


def test_a_damaged_snapshot_is_409_and_the_served_one_stays(
    client: FlaskClient, admin: dict[str, str], publish: Callable[..., Any], settings: Any, verified_here: None
) -> None:
    publish()
    publish()
    damaged = next((settings.index_dir / "v00000001").glob("*.faiss"))
    content = damaged.read_bytes()
    damaged.unlink()
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    answer = client.post("/admin/rollback", headers=admin, json={"generation": 1})
    assert (answer.status_code, answer.json["code"]) == (409, "snapshot_unusable")
    assert damaged.name in answer.json["detail"]
    assert client.get("/similar?movie_id=1").json["index_version"] == 2


def test_during_a_publication_rollback_is_409(
    client: FlaskClient, admin: dict[str, str], publish: Callable[..., Any], settings: Any
) -> None:
    from index.locking import publish_lock

    publish()
    publish()
    with publish_lock(settings.index_dir):
        answer = client.post("/admin/rollback", headers=admin)
    assert (answer.status_code, answer.json["code"]) == (409, "publication_running")
