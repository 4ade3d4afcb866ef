"""/livez and /readyz."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from catalog.catalog import Catalog
from catalog.database import journal_mode
from catalog.entries import Kind
from catalog.errors import CatalogBusy


def test_alive_looks_at_nothing(client: FlaskClient, app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.extensions["posterity"].live, "refresh", lambda: pytest.fail("looked"))
    assert client.get("/livez").json == {"status": "alive"}


def test_without_a_snapshot_it_is_not_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["code"]) == (503, "not_ready")
    assert "snapshot" in answer.json["detail"]
    assert answer.json["checks"]["snapshot"] == {"generation": None, "degraded": None}
    assert answer.json["checks"]["database"]["ok"] is True


def test_with_database_and_snapshot_it_is_ready(
    client: FlaskClient, publish: Callable[[], Any], catalog: Catalog
) -> None:
    publish()
    catalog.presence.seen("embed-1@here", (Kind.FETCH, Kind.EMBED))
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json["status"] == "ready"
    assert answer.json["snapshot"] == {"generation": 1, "degraded": None}
    assert answer.json["database"] == {"kind": "sqlite", "journal_mode": journal_mode(), "ok": True}
    assert answer.json["broker"] == "none"
    assert [(worker["worker_id"], worker["kinds"]) for worker in answer.json["workers"]] == [
        ("embed-1@here", ["fetch", "embed"])
    ]


def test_without_the_database_it_is_not_ready(
    client: FlaskClient, app: Any, publish: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_: float) -> Any:
        raise CatalogBusy("locked")

    publish()
    monkeypatch.setattr(app.extensions["posterity"].catalog.presence, "alive", busy)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["checks"]["database"]["ok"]) == (503, False)
    assert "database" in answer.json["detail"]


def test_a_newer_snapshot_that_cannot_be_loaded_degrades(
    client: FlaskClient, app: Any, publish: Callable[[], Any], settings: Any
) -> None:
    publish()
    client.get("/readyz")
    (settings.index_dir / "CURRENT").write_text("not a snapshot at all, but longer than before")
    app.extensions["posterity"].live.refresh()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"], answer.json["snapshot"]["generation"]) == (200, "degraded", 1)
    assert "CURRENT" in answer.json["snapshot"]["degraded"]


def test_an_unreachable_broker_only_degrades(client: FlaskClient, app: Any, publish: Callable[[], Any]) -> None:
    publish()
    app.extensions["posterity"].broker_url = f"redis://127.0.0.1:{closed_port()}/0"
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"], answer.json["broker"]) == (200, "degraded", "unreachable")


def test_a_broker_that_answers_is_ok(client: FlaskClient, app: Any, publish: Callable[[], Any], toy_redis: int) -> None:
    publish()
    app.extensions["posterity"].broker_url = f"redis://127.0.0.1:{toy_redis}/0"
    answer = client.get("/readyz")
    assert answer.json["broker"] == "ok"
    assert not any("broker" in why for why in answer.json["why"])


def test_something_that_is_no_redis_is_not_a_broker(client: FlaskClient, app: Any, publish: Callable[[], Any]) -> None:
    publish()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        app.extensions["posterity"].broker_url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        assert client.get("/readyz").json["broker"] == "unreachable"


def test_a_movie_is_accepted_while_the_broker_is_away(settings: Any, catalog: Catalog) -> None:
    app = create_app(settings.model_copy(update={"broker_url": f"redis://127.0.0.1:{closed_port()}/0"}))
    assert app.test_client().post("/movies", json={"title": "Stored all the same"}).status_code == 202
    app.extensions["posterity"].close()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def toy_redis() -> Iterator[int]:
    """Answers every command with +PONG."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            while received := connection.recv(4096):
                connection.sendall(b"+PONG\r\n" * received.count(b"*"))

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1]
    thread.join(10)
    server.close()
