"""How often one client may ask: by rule, by client, in Redis or here, and never for the probes."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.limiting import ASKED_AGAIN_S, Limits, client_of
from api.tokens import Tokens
from catalog.catalog import Catalog
from config.settings import Settings
from tests.faults.servers import RedisServer

OTHER = {"REMOTE_ADDR": "192.0.2.7"}
MOVIE = {"title": "A title"}


@pytest.fixture
def limited(settings: Settings) -> Iterator[Callable[..., FlaskClient]]:
    """Clients of apps with these limits."""
    made: list[Flask] = []

    def make(**changes: Any) -> FlaskClient:
        made.append(create_app(settings.model_copy(update=changes)))
        return made[-1].test_client()

    yield make
    for one in made:
        one.extensions["posterity"].close()


def is_refused(answer: Any, says: str) -> bool:
    assert answer.status_code == 429, answer.text
    assert (answer.content_type, answer.json["code"]) == ("application/problem+json", "too_many_requests")
    assert says in answer.json["detail"]
    return 1 <= int(answer.headers["Retry-After"]) <= 3600


def test_movies_come_in_so_often_and_then_wait(limited: Any, catalog: Catalog) -> None:
    client = limited(rate_limit_posts_per_min=3)
    before = catalog.movies.count()
    assert [client.post("/movies", json=MOVIE).status_code for _ in range(3)] == [202] * 3
    assert is_refused(client.post("/movies", json=MOVIE), "3 POST /movies a minute")
    assert is_refused(client.post("/movies", data=b"\xff"), "3 POST /movies a minute")
    assert client.post("/movies", json=MOVIE, environ_base=OTHER).status_code == 202, "another client"
    assert client.get("/movies").status_code == 200, "another rule"
    assert catalog.movies.count() == before + 4


def test_by_default_sixty_a_minute_may_come_in(limited: Any) -> None:
    client = limited()
    assert {client.post("/movies", json=MOVIE).status_code for _ in range(60)} == {202}
    assert is_refused(client.post("/movies", json=MOVIE), "60 POST /movies a minute")


def test_a_client_hands_in_so_many_movies_an_hour_however_they_are_packed(limited: Any, catalog: Catalog) -> None:
    client, before = limited(rate_limit_movies_per_h=10), catalog.movies.count()
    titles = [{"title": f"Number {i}"} for i in range(20)]
    assert client.post("/movies", json=titles[:6]).status_code == 202
    assert is_refused(client.post("/movies", json=titles[6:11]), "10 movies an hour")
    assert client.post("/movies", json=titles[11:15]).status_code == 202, "a refused list uses nothing up"
    assert is_refused(client.post("/movies", json=titles[15]), "10 movies an hour")
    assert catalog.movies.count() == before + 10


def test_whoever_has_the_admin_token_hands_in_as_much_as_he_likes(limited: Any, admin: dict[str, str]) -> None:
    client = limited(rate_limit_posts_per_min=1, rate_limit_movies_per_h=1)
    assert {client.post("/movies", json=MOVIE, headers=admin).status_code for _ in range(5)} == {202}
    wrong = {"Authorization": admin["Authorization"] + "x"}
    assert [client.post("/movies", json=MOVIE, headers=wrong).status_code for _ in range(2)] == [202, 429]


def test_while_too_many_posters_wait_no_more_movies_come_in(
    limited: Any, catalog: Catalog, admin: dict[str, str]
) -> None:
    client = limited(rate_limit_pending=4)
    titles = [{"title": f"Number {i}"} for i in range(3)]
    assert is_refused(client.post("/movies", json=titles, headers=admin), "4 movies wait for their posters")
    assert client.post("/movies", json=titles[:2]).status_code == 202, "two wait in this catalog"
    assert catalog.movies.count() == 32


def test_ratings_have_a_limit_of_their_own(limited: Any) -> None:
    client = limited(rate_limit_ratings_per_min=2)
    rating = {"ratings": [{"user_id": 7, "movie_id": 1, "rating": 4.0}]}
    answers = [client.post("/ratings", json=rating).status_code for _ in range(3)]
    assert answers[2] == 429
    assert 429 not in answers[:2]
    assert client.post("/movies", json=MOVIE).status_code == 202


def test_guessing_an_admin_token_is_counted_before_it_is_compared(limited: Any, admin: dict[str, str]) -> None:
    client = limited(rate_limit_admin_per_min=6)
    for _ in range(6):
        assert client.post("/admin/rebuild", headers={"Authorization": "Bearer guess"}).status_code == 401
    assert is_refused(client.get("/admin/snapshots", headers=admin), "6 requests to /admin a minute")
    assert client.get("/admin/snapshots", headers=admin, environ_base=OTHER).status_code == 200


def test_reading_has_no_limit_unless_one_is_set(limited: Any, publish: Callable[..., Any]) -> None:
    publish()
    client = limited()
    assert {client.get("/similar?movie_id=1").status_code for _ in range(700)} == {200}
    with_limit = limited(rate_limit_reads_per_min=5)
    paths = ["/similar?movie_id=1", "/similar?movie_id=999", "/movies", "/", "/nope"]
    assert [with_limit.get(path).status_code for path in paths] == [200, 404, 200, 200, 404]
    assert is_refused(with_limit.get("/similar?movie_id=1"), "5 questions a minute")
    page = with_limit.get("/")
    assert (page.status_code, page.mimetype) == (429, "text/html")
    assert int(page.headers["Retry-After"]) > 0


def test_machines_that_look_in_are_never_refused(limited: Any) -> None:
    client = limited(rate_limit_reads_per_min=1)
    assert [client.get("/movies").status_code for _ in range(2)] == [200, 429]
    for path in ("/livez", "/readyz", "/metrics"):
        assert 429 not in {client.get(path).status_code for _ in range(5)}


def test_a_proxys_word_counts_only_where_proxies_are_trusted(limited: Any) -> None:
    def statuses(client: FlaskClient) -> list[int]:
        forged = ({"X-Forwarded-For": f"6.6.6.{i}, 192.0.2.{i}"} for i in range(3))
        return [client.post("/movies", json=MOVIE, headers=headers).status_code for headers in forged]

    assert statuses(limited(rate_limit_posts_per_min=1)) == [202, 429, 429]
    assert statuses(limited(rate_limit_posts_per_min=1, trusted_proxies=1)) == [202, 202, 202]
    behind = limited(rate_limit_posts_per_min=1, trusted_proxies=1)
    same = ({"X-Forwarded-For": f"6.6.6.{i}, 192.0.2.1"} for i in range(2))
    assert [behind.post("/movies", json=MOVIE, headers=headers).status_code for headers in same] == [202, 429]


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("nonsense", "unknown"),
    ],
)
def test_a_client_is_an_address_or_the_network_that_it_owns(address: str, client: str) -> None:
    assert client_of(address) == client


def test_the_document_says_429_where_it_may_come(limited: Any) -> None:
    paths = limited().get("/openapi.json").json["paths"]
    assert "429" in paths["/movies"]["post"]["responses"]
    assert "429" not in paths["/livez"]["get"]["responses"]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, password="of-the-house")
    server.start()
    yield server
    server.stop()


def shared_limits(redis: RedisServer) -> Limits:
    url = f"redis://:{redis.password}@127.0.0.1:{redis.port}/0"
    return Limits.of(Settings(broker_url=url, rate_limit_posts_per_min=3))


def test_processes_that_share_a_redis_count_together(redis: RedisServer) -> None:
    one, other = shared_limits(redis), shared_limits(redis)
    waits = [limits.wait_s("posts", OTHER) for limits in (one, other, one, other, one)]
    assert waits[:3] == [0, 0, 0]
    assert all(50 <= wait <= 60 for wait in waits[3:])
    with redis.client() as client:
        keys = [key.decode() for key in client.keys("*")]
        assert keys
        assert all(key.startswith("posterity:") for key in keys), "the broker's user may touch nothing else"
        assert all(0 < client.ttl(key) <= 60 for key in keys)


def test_without_its_redis_a_process_counts_alone_says_so_once_and_comes_back(
    redis: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING, "api.limiting")
    limits = shared_limits(redis)
    assert limits.wait_s("posts", OTHER) == 0
    redis.kill()
    began = time.monotonic()
    waits = [limits.wait_s("posts", OTHER) for _ in range(4)]
    assert waits[:3] == [0, 0, 0]
    assert waits[3] > 0
    assert time.monotonic() - began < 2
    assert len(caplog.records) == 1
    assert "of-the-house" not in caplog.text
    redis.start()
    now = time.monotonic()
    monkeypatch.setattr("api.limiting.time.monotonic", lambda: now + ASKED_AGAIN_S + 1)
    assert limits.wait_s("posts", OTHER) == 0
    with redis.client() as client:
        assert len(client.keys("posterity:*")) == 1


def test_a_frozen_redis_costs_one_request_a_moment(redis: RedisServer) -> None:
    import signal

    limits = shared_limits(redis)
    redis.signal(signal.SIGSTOP)
    began = time.monotonic()
    assert [limits.wait_s("posts", OTHER) for _ in range(3)] == [0, 0, 0]
    assert time.monotonic() - began < 1.5


def test_tokens_of_nothing_let_nobody_be_admin() -> None:
    assert not Tokens().is_admin("Bearer ")
    assert not Tokens().is_admin("")
    assert Tokens().may_read("")
