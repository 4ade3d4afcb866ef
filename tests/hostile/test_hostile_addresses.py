"""T13: however an address is written and by whatever way it comes in, it does not lead inside; a canary would hear."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3
from flask import Flask

from api.app import create_app
from catalog.catalog import Catalog
from config.settings import Settings
from posters.addresses import REFUSED, GivenAddress, resolve
from posters.errors import PosterError, PosterMissing, PosterRejected, RejectReason
from posters.given import GivenSource, dial
from posters.poster import PosterRequest
from posters.sources import Found
from posters.timed_http import TimedPool
from tests.plan import Judge
from tests.posters.raw_server import RawServer, Visit
from tests.posters.spellings import INSIDE, NAMES, SPELLINGS, named
from workers.fetch import FetchLimits, fetch_due

HOST, PUBLIC = "posters.example", "93.184.216.34"
TOKEN = "an-admin-token-for-tests-of-32-bytes-or-more"
TEXT = f"poster_url: {REFUSED} (address_refused)"
ELSEWHERE = ("file:///etc/passwd", "gopher://posters.example:80/_GET", "ftp://posters.example/a", "data:image/png,x")


@dataclass
class Canary:
    """Hears who connects to anything but `allowed`, and who asks for the address of a name; lets neither happen."""

    allowed: set[int] = field(default_factory=set)  # ports on 127.0.0.1
    heard: list[object] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> Canary:
    made, connect, lookup = Canary(), socket.socket.connect, socket.getaddrinfo

    def connecting(sock: socket.socket, address: Any) -> None:
        if sock.family == socket.AF_INET and address[0] == "127.0.0.1" and address[1] in made.allowed:
            connect(sock, address)
            return
        made.heard.append(address)
        raise ConnectionRefusedError(111, "the canary")

    def looking_up(host: str, port: int, *args: int, **options: int) -> list[Any]:
        made.looked_up.append(host)
        options["flags"] = options.get("flags", 0) | socket.AI_NUMERICHOST
        return lookup(NAMES.get(host, host), port, *args, **options)

    monkeypatch.setattr(socket.socket, "connect", connecting)
    monkeypatch.setattr(socket, "getaddrinfo", looking_up)
    return made


def movie(url: str) -> PosterRequest:
    return PosterRequest(6, "Heat", 1995, (), None, None, url)


def refused(source: GivenSource, url: str) -> str:
    """ "" for the one refusal, else what came instead."""
    try:
        source.fetch(movie(url))
    except PosterRejected as err:
        right = err.reason == RejectReason.ADDRESS_REFUSED and str(err) == TEXT
        return "" if right else f"{url!a}: {err}"
    except PosterError as err:
        return f"{url!a}: {err}"
    return f"{url!a}: taken"


def judged(judge: Judge, way: str, times: int, canary: Canary, wrong: list[str]) -> None:
    wrong = [one for one in wrong if one]
    judge("T13", f"{way}: refusal", times, "one text", f"{len(wrong)} others {wrong[:5]}", not wrong)
    judge("T13", f"{way}: canary", times, "0 connections", f"{len(canary.heard)} {canary.heard[:5]}", not canary.heard)


def test_there_are_enough_spellings_and_each_is_another() -> None:
    assert len(SPELLINGS) == len(set(SPELLINGS)) >= 100
    assert len(INSIDE) == len(set(INSIDE)) >= 50
    assert set(ELSEWHERE[:3]) <= {url.removesuffix(".jpg") for url in SPELLINGS}


def test_an_address_that_was_handed_in_leads_nowhere_inside(judge: Judge, canary: Canary) -> None:
    """The worst case: what is written as host is listed."""
    wrong = [refused(GivenSource(named(url)), url) for url in (*SPELLINGS, *ELSEWHERE)]
    judged(judge, "handed in", len(wrong), canary, wrong)


@pytest.fixture
def redirecting(canary: Canary) -> Iterator[RawServer]:
    """/0, /1, .. lead to the spellings, /hop/0, .. there by one more step; anything else is not there."""

    def play(visit: Visit) -> None:
        path = visit.request.split(b" ")[1].decode("latin-1")
        number = path.rpartition("/")[2]
        target = path.removeprefix("/hop") if path.startswith("/hop/") else ""
        if path == f"/{number}" and number.isdecimal() and int(number) < len(SPELLINGS):
            target = SPELLINGS[int(number)]
        head = f"HTTP/1.1 {'302 Found' if target else '404 Gone'}\r\nContent-Length: 0\r\nConnection: close\r\n"
        visit.say(head.encode() + b"Location: " + target.encode() + b"\r\n\r\n")

    with RawServer(play) as server:
        canary.allowed.add(server.port)
        yield server


def led(server: RawServer, hosts: frozenset[str]) -> GivenSource:
    """Everything is real but that posters.example has a public address, which leads to the server of the test."""

    def resolved(host: str, port: int) -> list[str]:
        return [PUBLIC] if host == HOST else resolve(host, port)

    def dialled(place: GivenAddress, address: str) -> urllib3.HTTPConnectionPool:
        return TimedPool("127.0.0.1", server.port) if address == PUBLIC else dial(place, address)

    return GivenSource(hosts, resolver=resolved, dialler=dialled)


@pytest.mark.parametrize("way", ["redirect", "second redirect"])
def test_a_listed_host_cannot_lead_inside_by_redirects(
    way: str, judge: Judge, canary: Canary, redirecting: RawServer
) -> None:
    """A target that is a path for urljoin stays on its host, where nothing is: that is no refusal, and no harm."""
    prefix, wrong = ("/hop" if way == "second redirect" else ""), []
    for number, url in enumerate(SPELLINGS):
        before = len(redirecting.visits)
        said = refused(led(redirecting, named(url)), f"http://{HOST}{prefix}/{number}")
        stayed = "nothing is at" in said or ": its host answered 302" in said
        wrong.append("" if stayed else said)
        assert len(redirecting.visits) - before <= 4
    judged(judge, way, len(SPELLINGS), canary, wrong)


Answers = Callable[[str], list[list[str]]]
DNS: dict[str, Answers] = {
    "name of an inner address": lambda inner: [[inner]],
    "name of a public and an inner address": lambda inner: [[PUBLIC, inner]],
    "name of an inner and a public address": lambda inner: [[inner, PUBLIC]],
    "name that changes after a redirect": lambda inner: [[PUBLIC], [inner]],
}


@pytest.mark.parametrize("way", DNS)
def test_a_listed_name_cannot_lead_inside_by_its_addresses(way: str, judge: Judge, canary: Canary) -> None:
    """Whoever looks a name up again before connecting gets the inner address: the last answer is for ever."""
    redirect = f"HTTP/1.1 302 Found\r\nLocation: http://{HOST}/again\r\nContent-Length: 0\r\n\r\n".encode()
    wrong = []
    with RawServer(lambda visit: visit.say(redirect)) as server:
        canary.allowed.add(server.port)
        for inner in INSIDE:
            answers = DNS[way](inner)

            def resolved(*_: object, answers: list[list[str]] = answers) -> list[str]:
                return answers.pop(0) if len(answers) > 1 else answers[0]

            def dialled(place: GivenAddress, address: str) -> urllib3.HTTPConnectionPool:
                return TimedPool("127.0.0.1", server.port) if address == PUBLIC else dial(place, address)

            source = GivenSource([HOST], resolver=resolved, dialler=dialled)
            wrong.append(refused(source, f"http://{HOST}/{len(wrong)}"))
        expected = len(INSIDE) if way == "name that changes after a redirect" else 0
        assert len(server.visits) == expected
    judged(judge, way, len(INSIDE), canary, wrong)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """With every host listed that a spelling names."""
    hosts = ",".join(sorted({host for url in SPELLINGS for host in named(url) if host and "," not in host}))
    unlimited = {"rate_limit_posts_per_min": 0, "rate_limit_movies_per_h": 0, "rate_limit_admin_per_min": 0}
    settings = Settings(data_dir=tmp_path, admin_token=TOKEN, poster_url_hosts=hosts, **unlimited)
    Catalog.open(settings.catalog_url, settings.data_dir).close()
    made = create_app(settings)
    yield made
    made.extensions["posterity"].close()


def test_the_api_asks_nobody_and_what_it_takes_the_worker_refuses(
    judge: Judge, canary: Canary, app: Flask, tmp_path: Path
) -> None:
    """POST /movies with one and with a list: 400, or 202 and then the worker's one refusal."""
    client, wrong, taken = app.test_client(), [], {}
    canary.looked_up.clear()
    for number, url in enumerate((*SPELLINGS, *ELSEWHERE), start=1):
        body = {"title": f"Movie {number}", "movie_id": number, "poster_url": url}
        for given in (body, [body]):
            answer = client.post("/movies", json=given)
            if answer.status_code == 202:
                taken[number] = url
            elif answer.status_code != 400:
                wrong.append(f"{url!a}: {answer.status_code} {answer.text[:100]}")
    assert canary.looked_up == [], "the API looked a host up"
    assert taken, "nothing reached the worker"
    catalog = Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}", tmp_path)

    def fetch(asked: PosterRequest, _: object) -> Found:
        assert asked.poster_url is not None
        return Found(GivenSource(named(asked.poster_url)).fetch(asked), {})

    fetch_due(catalog, fetch, FetchLimits(batch=500))
    with catalog.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT movie_id, state, reason, detail FROM poster_work").all()
    catalog.close()
    assert {row.movie_id for row in rows} == set(taken)
    right = ("failed", "address_refused", TEXT)
    wrong += [f"{taken[row.movie_id]!a}: {row}" for row in rows if tuple(row)[1:] != right]
    judged(judge, "POST /movies", 2 * (len(SPELLINGS) + len(ELSEWHERE)), canary, wrong)


def test_no_other_route_takes_an_address(judge: Judge, canary: Canary, app: Flask) -> None:
    client, wrong = app.test_client(), []
    admin = {"Authorization": f"Bearer {TOKEN}"}
    assert client.post("/movies", json={"title": "Heat", "movie_id": 6}).status_code == 202
    for url in SPELLINGS:
        answers = {
            "PATCH": client.patch("/movies/6", json={"poster_url": url}, headers=admin),
            "poster, JSON": client.post("/movies/6/poster", json={"poster_url": url}, headers=admin),
            "poster, form": client.post("/movies/6/poster", data={"image": url}, headers=admin),
            "query": client.post("/movies/6/retry", query_string={"poster_url": url}, headers=admin),
        }
        wrong += [f"{name}, {url!a}: {one.status_code}" for name, one in answers.items() if one.status_code // 100 != 4]
    catalog = app.extensions["posterity"].catalog
    assert catalog.given.of([6]) == {}
    judged(judge, "other routes", 4 * len(SPELLINGS), canary, wrong)


def test_a_place_that_is_public_is_connected_to_so_that_the_canary_would_sing(canary: Canary) -> None:
    """The canary is no stone: it hears the connection that is allowed, and the one where the check is missing."""
    assert "takes no connection" in refused(GivenSource([HOST], resolver=lambda *_: [PUBLIC]), f"http://{HOST}/a")
    assert canary.heard == [(PUBLIC, 80)]
    with pytest.raises(PosterMissing):
        GivenSource([HOST]).fetch(PosterRequest(6, "Heat", None, (), None, None, None))
