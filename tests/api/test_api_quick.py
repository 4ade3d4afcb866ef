"""The short way of `/similar`, in front of Flask: the same answers as the long one, and as little as it may do."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from api.caching import headers_of
from api.parameters import plain_parameters

ANSWERED = [
    "movie_id=1",
    "movie_id=4&k=3",
    "movie_id=1&by=ratings&debias=0.5",
    "movie_id=3&generated=any&k=100",
    "movie_id=1&genre=comedy&year_from=1975&min_ratings=990&exclude=5,7&exact=true",
    "movie_id=1&year_from=2100",
    "&movie_id=2&&k=1&",
]
REFUSED = [
    "",
    "movie_id=999",
    "movie_id=25",
    "movie_id=24&by=ratings",
    "movie_id=1&k=0",
    "movie_id=1&movie_id=2",
    "movie_id=1&genre=Nonsense",
    "movie_id=1&k",
    "movie_id=1&unknown=1",
]


def ask(app: Any, query: str, way: Any = None, **extra: str) -> tuple[str, Headers, bytes]:
    """Status, headers and body of one way; by default the whole app."""
    environ = EnvironBuilder(path="/similar", query_string=query).get_environ()
    body, status, headers = run_wsgi_app(way or app.wsgi_app, {**environ, "HTTP_X_REQUEST_ID": "same", **extra})
    return status, headers, b"".join(body)


def long_way(app: Any) -> Any:
    return app.wsgi_app._otherwise


@pytest.mark.parametrize("query", [*ANSWERED, *REFUSED])
def test_both_ways_say_the_same(query: str, app: Flask, publish: Callable[[], Any]) -> None:
    publish()
    status, headers, body = ask(app, query)
    long_status, long_headers, long_body = ask(app, query, long_way(app))
    assert (status, sorted(headers), body) == (long_status, sorted(long_headers), long_body)
    assert (status == "200 OK") is (query in ANSWERED)


@pytest.mark.parametrize("query", REFUSED)
def test_before_the_first_snapshot_both_ways_say_the_same(query: str, app: Flask) -> None:
    assert ask(app, query)[2] == ask(app, query, long_way(app))[2]


@pytest.mark.parametrize("query", ANSWERED)
def test_what_can_be_answered_does_not_reach_flask(
    query: str, app: Any, publish: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    monkeypatch.setattr(app.wsgi_app, "_otherwise", lambda *_: pytest.fail("Flask was asked"))
    assert ask(app, query)[0] == "200 OK"


@pytest.mark.parametrize("extra", [{"REQUEST_METHOD": "HEAD"}, {"REQUEST_METHOD": "POST"}, {"HTTP_IF_NONE_MATCH": "*"}])
def test_what_is_not_usual_is_left_to_flask(extra: dict[str, str], app: Any, publish: Callable[[], Any]) -> None:
    publish()
    assert ask(app, "movie_id=1", **extra)[0] == ask(app, "movie_id=1", long_way(app), **extra)[0] != "200 OK" or (
        extra == {"REQUEST_METHOD": "HEAD"}
    )


def test_a_foreign_host_gets_no_short_way(settings: Any, publish: Callable[[], Any]) -> None:
    from api.app import create_app

    publish()
    app = create_app(settings.model_copy(update={"trusted_hosts": "posters.example"}))
    assert ask(app, "movie_id=1", HTTP_HOST="posters.example")[0] == "200 OK"
    assert ask(app, "movie_id=1", HTTP_HOST="evil.example")[0] == "400 BAD REQUEST"
    app.extensions["posterity"].close()


def test_a_request_is_counted_and_logged_once(
    app: Any, client: FlaskClient, publish: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    publish()
    caplog.set_level(logging.INFO, "api.access")
    for _ in range(3):
        assert ask(app, "movie_id=1")[0] == "200 OK"
    ask(app, "movie_id=999")
    counted = client.get("/metrics").text
    assert 'posterity_requests_total{method="GET",route="/similar",status="2xx"} 3.0' in counted
    assert 'posterity_requests_total{method="GET",route="/similar",status="4xx"} 1.0' in counted
    lines = [record for record in caplog.records if record.name == "api.access" and record.route == "/similar"]
    assert [record.status for record in lines] == [200, 200, 200, 404]
    assert lines[0].getMessage() == "GET /similar 200"
    assert lines[0].process == lines[3].process > 1


def test_a_bug_in_the_short_way_is_flasks_to_tell(
    app: Any, publish: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    publish()
    from index.snapshot import Snapshot

    monkeypatch.setattr(Snapshot, "similar", lambda *_: 1 / 0)
    status, _, body = ask(app, "movie_id=1")
    assert (status, json.loads(body)["code"]) == ("500 INTERNAL SERVER ERROR", "internal_error")
    assert "ZeroDivisionError" in caplog.text


@given(st.text("abk=&_1,.;ü\x00", max_size=20))
def test_plain_parameters_are_what_werkzeug_reads(query: str) -> None:
    app = Flask(__name__)
    with app.test_request_context(query_string=query) as context:
        lists = dict(context.request.args.lists())
        raw = context.request.query_string.decode("latin-1")
    try:
        found = plain_parameters(raw)
    except ValueError:
        assert "%" in raw or not raw.isascii() or any(len(values) > 1 for values in lists.values())
    else:
        assert found == {name: values[0] for name, values in lists.items()}


@given(st.binary(max_size=5000), st.binary(max_size=5000))
def test_a_tag_tells_texts_apart_and_nothing_else(one: bytes, other: bytes) -> None:
    assert (dict(headers_of(one))["ETag"] == dict(headers_of(other))["ETag"]) is (one == other)
    assert headers_of(one) == headers_of(bytes(bytearray(one)))
