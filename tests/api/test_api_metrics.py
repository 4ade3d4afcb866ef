"""`/metrics` of one process: bounded labels, and an answer even without a database."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from catalog.catalog import Catalog
from catalog.errors import CatalogBusy
from catalog.statistics import read_statistics


def samples(client: FlaskClient) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels, these in the order of their names."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    families = list(text_string_to_metric_families(answer.text))
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_requests_are_counted_by_route_method_and_kind_of_answer(client: FlaskClient) -> None:
    for _ in range(3):
        client.get("/movies/1")
    client.get("/movies/999999")
    now = samples(client)
    assert now["posterity_requests_total", "GET", "/movies/<movie_id>", "2xx"] == 3
    assert now["posterity_requests_total", "GET", "/movies/<movie_id>", "4xx"] == 1
    assert now["posterity_request_seconds_count", "/movies/<movie_id>"] == 4


def test_what_people_write_into_an_address_makes_no_label(client: FlaskClient) -> None:
    samples(client)
    before = len(samples(client))
    for number in range(100):
        client.get(f"/nowhere/{number}")
        client.open("/movies", method=f"ODD{number}")
    assert len(samples(client)) <= before + 40
    assert samples(client)["posterity_requests_total", "GET", "other", "4xx"] == 100


def test_the_catalog_and_the_snapshot_are_told(
    client: FlaskClient, publish: Callable[[], Any], catalog: Catalog
) -> None:
    with catalog.database.write() as connection:  # the posters of all tests were embedded before the first one
        connection.exec_driver_sql("UPDATE poster_vectors SET embedded_at = ?", (time.time(),))
    assert samples(client)["posterity_snapshot_generation",] == 0
    publish()
    now = samples(client)
    states = {key[1]: number for key, number in now.items() if key[0] == "posterity_movies"}
    assert states == {"embedded": 25, "fetched": 1, "failed": 1, "pending": 1, "none": 2}
    assert now["posterity_failures", "no_poster"] == 1
    assert now["posterity_work_waiting", "embed"] == 1
    assert now["posterity_snapshot_generation",] == 1
    assert now["posterity_snapshot_recall", "poster"] == 1
    assert now["posterity_snapshot_vectors", "ratings"] == 20
    assert now["posterity_embedded_per_second",] == pytest.approx(25 / 60, abs=0.01)


def test_a_source_that_stopped_is_seen_in_metrics_and_in_readyz(
    client: FlaskClient, catalog: Catalog, publish: Callable[[], Any]
) -> None:
    publish()
    catalog.sources.stopped("tmdb", "TMDB refused the token (401); check POSTERITY_TMDB_TOKEN", 9e9)
    now = samples(client)
    assert now["posterity_source_state", "tmdb", "stopped"] == 1
    assert now["posterity_source_state", "tmdb", "working"] == 0
    assert now["posterity_source_retry_seconds", "tmdb"] > 0
    ready = client.get("/readyz").json
    assert ready["status"] == "degraded"
    assert any("POSTERITY_TMDB_TOKEN" in why for why in ready["why"])
    assert ready["sources"][0]["state"] == "stopped"


def test_without_a_database_the_metrics_say_so_and_still_come(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> Any:
        raise CatalogBusy("the database does not answer")

    monkeypatch.setattr("api.metrics.read_statistics", away)
    now = samples(client)
    assert now["posterity_database_up",] == 0
    assert ("posterity_movies", "embedded") not in now


def test_a_worker_that_fell_silent_is_named_and_work_without_anybody_degrades(
    client: FlaskClient, catalog: Catalog, publish: Callable[[], Any]
) -> None:
    publish()
    catalog.presence.seen("embed-1@here", ("embed",))  # type: ignore[arg-type]
    with catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE workers SET seen_at = seen_at - 100")
    ready = client.get("/readyz").json
    assert [(worker["worker_id"], worker["alive"]) for worker in ready["workers"]] == [("embed-1@here", False)]
    assert ready["kinds_without_worker"] == ["fetch", "embed", "build"]
    assert "work of the kind embed waits and no worker for it is alive" in ready["why"]


def test_statistics_count_what_is_open_by_kind(catalog: Catalog) -> None:
    numbers = read_statistics(catalog.database)
    assert {str(kind): (q.waiting, q.in_hand) for kind, q in numbers.queues.items()} == {
        "fetch": (1, 0),
        "embed": (1, 0),
        "build": (0, 0),
    }
    assert numbers.queues["embed"].oldest_s >= 0  # type: ignore[index]
    assert numbers.database_bytes > 4096
    assert numbers.poster_bytes > 0
