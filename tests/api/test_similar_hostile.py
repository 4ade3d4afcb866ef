"""`/similar` asked by somebody who means no good: two hundred questions both ways, and eight of them at once."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from api.app import create_app
from api.caching import headers_of
from api.following import Follower
from config.settings import Settings
from index.live import LiveSnapshot
from index.records import decode_record, encode_record
from index.versions import rollback
from tests.api.place import Place, near, vector
from tests.verifier_here import VerifierHere

MOST = 2**31 - 1
NUMBERS = ["", "0", "-1", "+1", "1.0", "1e1", "01", "0000000001", "00000000001", "9" * 400, str(MOST), str(MOST + 1)]
NUMBERS += ["NaN", "inf", "true", "null", "%31", "1%00", "%D9%A1", "1_0", " 1", "1+", "0x1", "[1]", "1,2", "1;2", "%FF"]
TEXTS = [
    "",
    "%20",
    "%00",
    "%0A",
    "Comedy",
    "COMEDY",
    "%43omedy",
    "Comedy+",
    "+Comedy",
    "Com|edy",
    "%E2%80%A8",
    "a" * 51,
]
TEXTS += ["%F0%9F%92%A9", "%C3%28", "%", "%zz", "..%2F..%2Fetc", "'%20OR%201=1--", "<script>", "e%CC%81" * 30]
TEXTS += ["(no+genres+listed)", "%EF%BC%A3omedy", "İ", "ß", "%C4%B0", "Film-Noir", "film%2Dnoir"]
LISTS = [",", "1,", ",1", "1,,2", "1, 2", "0", "-1", str(MOST + 1), ",".join(["7"] * 3000), "1,1,1"]
LISTS += [",".join(map(str, range(1, 501))), ",".join(map(str, range(1, 502))), "%2C", "1%2C2", "1%2c%32", "9" * 11]
WHOLE = [
    "",
    "&",
    "&&&&",
    "=",
    "=1",
    "movie_id",
    "movie_id=1&movie_id=1",
    "movie_id=1&movie%5Fid=1",
    "movie_id=1&MOVIE_ID=2",
    "movie_id=1&k=2&k=3",
    "movie_id[]=1",
    "movie_id=1#k=2",
    "movie_id=1&k=1&" + "&" * 5000,
    "movie_id=1&" + "a=1&" * 3000,
    "movie_id=1&x" + "y" * 7000 + "=1",
    "movie_id=1;k=2",
    "movie_id=1&year_from=1990&year_to=1980",
    "movie_id=1&year_from=1800&year_to=2200&min_ratings=0&genre=drama&exclude=1,2&exact=true&k=100&generated=any",
    "movie_id=1&year_from=2200",
    f"movie_id=1&min_ratings={MOST}",
    "movie_id=4&generated=exclude",
    "movie_id=4&generated=only&k=100",
    "movie_id=1&by=ratings&generated=only",
    "movie_id=1&debias=0.5",
    "movie_id=1&by=ratings&debias=1.000000001",
    "movie_id=1&by=ratings&debias=0.000000001",
    "movie_id=25",
    "movie_id=26",
    "movie_id=27",
    "movie_id=29",
    "movie_id=30",
    "movie_id=21&by=ratings",
    "movie_id=30&by=ratings&exact=true",
]
QUESTIONS = [
    *WHOLE,
    *(f"movie_id={text}" for text in NUMBERS),
    *(f"movie_id=1&{name}={text}" for name in ("k", "year_from", "year_to", "min_ratings") for text in NUMBERS),
    *(f"movie_id=1&genre={text}" for text in TEXTS),
    *(f"movie_id=1&exclude={text}" for text in LISTS),
    *(
        f"movie_id=1&{name}={text}"
        for name in ("by", "generated", "exact")
        for text in ("", "true", "TRUE", "1", "%00")
    ),
    *(f"movie_id=1&by=ratings&debias={text}" for text in NUMBERS),
]
TAGS = ['"', '""', "W/", 'W/"', "*", "**", '"a" "b"', ",,,,", '"' + "x" * 7000 + '"', '"\xff"', "\x00", "W/W/*", "null"]


def ask(way: Any, query: str, **extra: str) -> tuple[str, Headers, bytes]:
    environ = EnvironBuilder(path="/similar").get_environ()
    raw = query.encode().decode("latin-1")  # as a server hands over what comes in raw
    environ |= {"QUERY_STRING": raw, "HTTP_X_REQUEST_ID": "same", **extra}
    body, status, headers = run_wsgi_app(way, environ)
    headers.remove("Date")  # the second may be over between two answers
    return status, headers, b"".join(body)


def both_ways(app: Any, query: str, **extra: str) -> tuple[str, Headers, bytes]:
    """The answer; fails where the short way and Flask's differ in anything."""
    status, headers, body = ask(app.wsgi_app, query, **extra)
    again = ask(app.wsgi_app._otherwise, query, **extra)
    assert (status, sorted(headers), body) == (again[0], sorted(again[1]), again[2]), query
    return status, headers, body


@pytest.mark.parametrize("stage", ["nothing", "posters", "ratings", "both"])
def test_no_question_is_too_odd_for_an_answer_and_both_ways_agree(
    stage: str, app: Flask, publish: Callable[..., Any]
) -> None:
    if stage != "nothing":
        publish(posters=stage != "ratings", ratings=stage != "posters")
    for query in QUESTIONS:
        status, headers, body = both_ways(app, query)
        expected = {400, 404, 503} if stage == "nothing" else {200, 400, 404, 409}
        assert int(status[:3]) in expected, query
        found = json.loads(body)
        assert "\n" not in found.get("detail", ""), query
        assert ("ETag" in headers) is (status == "200 OK"), query
        if status == "200 OK":
            ids = [item["movie_id"] for item in found["items"]]
            scores = [item["score"] for item in found["items"]]
            assert len(set(ids)) == len(ids) <= 100 and found["movie_id"] not in ids
            assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("tag", TAGS)
def test_a_nonsensical_if_none_match_gets_the_answer_or_304(tag: str, app: Flask, publish: Callable[..., Any]) -> None:
    publish()
    right = both_ways(app, "movie_id=1")[1]["ETag"]
    for given in (tag, f"{tag},{right}", f"{right},{tag}"):
        for method in ("GET", "HEAD"):
            status, headers, body = both_ways(app, "movie_id=1", HTTP_IF_NONE_MATCH=given, REQUEST_METHOD=method)
            assert status in ("200 OK", "304 NOT MODIFIED")
            assert headers["ETag"] == right
            assert bool(body) is (status == "200 OK" and method == "GET")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "PUT", "DELETE", "TRACE", "get", "PROPFIND"])
def test_other_methods_are_answered_the_same_by_both_ways(method: str, app: Flask, publish: Callable[..., Any]) -> None:
    publish()
    status, _, _ = both_ways(app, "movie_id=1", REQUEST_METHOD=method)
    assert int(status[:3]) in (200, 405)


@pytest.mark.parametrize("stage", ["nothing", "both"])
@pytest.mark.parametrize(
    "host",
    ["", "a b", "evil.example:99999", "[::1", "xn--", "\xff", "a" * 300, "a..b", ".a", "a.", "1.2.3.4:1", "A-."],
)
def test_an_odd_host_changes_nothing_between_the_ways(
    host: str, stage: str, app: Flask, publish: Callable[..., Any]
) -> None:
    if stage == "both":
        publish()
    assert int(both_ways(app, "movie_id=1", HTTP_HOST=host)[0][:3]) in (200, 400, 503)


@pytest.fixture
def busy(place: Place, tmp_path: Any, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An app over the place."""
    monkeypatch.setattr("index.versions.verify_apart", lambda folder, stated: VerifierHere(folder).verify(stated))
    made = create_app(Settings(data_dir=tmp_path, database_url=database_url))
    yield made
    made.extensions["posterity"].close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("packed", [True, False])
def test_an_empty_catalog_and_one_movie_have_answers(place: Place, busy: Any) -> None:
    for movie_id in range(2, 15):
        place.catalog.editing.delete(movie_id)
    place.rebuild()
    assert both_ways(busy, "movie_id=1")[0] == "200 OK"
    assert json.loads(both_ways(busy, "movie_id=1&genre=comedy&exact=true&k=100")[2])["items"] == []
    place.catalog.editing.delete(1)
    busy.extensions["posterity"].follower.refresh()
    assert both_ways(busy, "movie_id=1")[0] == "404 NOT FOUND"
    assert both_ways(busy, "movie_id=1&genre=comedy")[0] == "400 BAD REQUEST"  # there is no genre any more


def _ask_on(busy: Any, stop: threading.Event, answers: list[tuple[str, str, str | None, bytes]]) -> None:
    """Asks until told to stop, now the one way, now the other."""
    ways = [busy.wsgi_app, busy.wsgi_app._otherwise]
    draw = np.random.default_rng(threading.get_ident())
    while not stop.wait(0.003):
        query = f"movie_id={draw.integers(1, 16)}&k={draw.integers(1, 20)}"
        query += draw.choice(["", "&genre=comedy", "&exclude=3,5&exact=true"])
        status, headers, body = ask(ways[int(draw.integers(2))], query)
        answers.append((query, status, headers.get("X-Index-Version"), body))


def _wrong(query: str, version: str | None, found: Any, seeds: dict[int, set[int]]) -> bool:
    """Whether the answer is right at no moment: scores, order, filters, version."""
    items, asked = [(-item["score"], item["movie_id"]) for item in found["items"]], found["movie_id"]
    ids = {movie_id for _, movie_id in items}
    bad = version != str(found["index_version"]) or len(ids) < len(items) or asked in ids
    bad |= [score for score, _ in items] != sorted(score for score, _ in items)
    bad |= "comedy" in query and any(movie_id % 2 == 0 for movie_id in ids)
    bad |= "exclude" in query and bool(ids & {3, 5})
    for score, movie_id in items:
        pairs = [_unit(asked, a) @ _unit(movie_id, b) for a in seeds[asked] for b in seeds[movie_id]]
        bad |= not any(abs(pair + score) < 2e-6 for pair in pairs)
    return bad


@cache
def _unit(movie_id: int, seed: int) -> Any:
    stored = decode_record(encode_record(vector(movie_id, seed))).astype(np.float64)
    return stored / np.linalg.norm(stored)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("packed", [True, False])
def test_eight_threads_get_right_answers_while_everything_changes(place: Place, busy: Any) -> None:
    place.rebuild()
    follower = busy.extensions["posterity"].follower
    stop, answers = threading.Event(), list[tuple[str, str, str | None, bytes]]()
    threads = [threading.Thread(target=_ask_on, args=(busy, stop, answers)) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for step in (1, 2):
            place.embed(13, 14)
            place.embed(5, 6, seed=step)
            follower.refresh()
            place.catalog.editing.delete(4)
            follower.refresh()
            place.rebuild()
            follower.refresh()
            rollback(place.root)
            follower.refresh()
            place.add(4, 15)
            place.embed(4, 15)
            follower.refresh()
            place.rebuild()
            follower.refresh()
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert {status for _, status, _, _ in answers} <= {"200 OK", "404 NOT FOUND", "409 CONFLICT"}
    right = {(query, version, body) for query, status, version, body in answers if status == "200 OK"}
    seeds = {i: {0, 1, 2} if i in (5, 6) else {0} for i in range(1, 16)}
    assert [asked for asked in right if _wrong(asked[0], asked[1], json.loads(asked[2]), seeds)] == []
    assert len({version for _, version, _ in right}) >= 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_clock_that_goes_back_hides_no_new_movie(
    place: Place, live: LiveSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.rebuild()
    follower = Follower(place.catalog, live)
    follower.refresh()
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() - 7200)
    place.add(15)
    place.embed(13, 15)
    place.catalog.editing.delete(4)
    follower.refresh()
    assert {13, 15} <= set(near(follower, 3)) and 4 not in near(follower, 3)
    place.rebuild()
    follower.refresh()
    assert follower.view().snapshot is live.current  # nothing of it is searched along once more
    place.embed(14)
    follower.refresh()
    assert {13, 14, 15} <= set(near(follower, 3)) and 4 not in near(follower, 3)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("before", ["packed", "flat"])
def test_a_rebuild_without_posters_says_so_and_the_next_with_them_answers_again(
    before: str, place: Place, busy: Any
) -> None:
    place.packed = before == "packed"
    place.rebuild()
    assert both_ways(busy, "movie_id=1")[0] == "200 OK"
    _publish_ratings_only(place)
    busy.extensions["posterity"].follower.refresh()
    for query in ("movie_id=1", "movie_id=1&genre=comedy&exact=true", "movie_id=1&exclude=2"):
        status, headers, body = both_ways(busy, query)
        assert (status, json.loads(body)["code"], headers["X-Index-Version"]) == (
            "409 CONFLICT",
            "not_in_snapshot",
            "2",
        )
    assert both_ways(busy, "movie_id=1&by=ratings&genre=comedy")[0] == "200 OK"
    place.embed(13)
    place.catalog.editing.delete(2)
    busy.extensions["posterity"].follower.refresh()
    assert 2 not in [item["movie_id"] for item in json.loads(both_ways(busy, "movie_id=1&by=ratings")[2])["items"]]
    place.rebuild()
    busy.extensions["posterity"].follower.refresh()
    assert 13 in [item["movie_id"] for item in json.loads(both_ways(busy, "movie_id=1&k=20")[2])["items"]]


def _publish_ratings_only(place: Place) -> None:
    from index.contents import SnapshotContents, SpaceContents
    from index.publishing import publish

    rows = np.stack([vector(i)[:8] for i in range(1, 13)])
    ids = np.arange(1, 13, dtype=np.int64)
    publish(place.root, SnapshotContents((SpaceContents("ratings", 8, "inner_product", "toy", ids, [rows]),)))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("packed", [True, False])
def test_a_locked_or_missing_database_stops_no_answer_that_is_known(
    place: Place, busy: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.rebuild()
    right = both_ways(busy, "movie_id=1&genre=drama")
    file, away = tmp_path / "catalog.db", tmp_path / "away.db"
    follower, catalog = busy.extensions["posterity"].follower, busy.extensions["posterity"].catalog
    catalog.database.engine.dispose()
    file.rename(away)
    try:
        follower.notice()
        assert both_ways(busy, "movie_id=1&genre=drama") == right
        assert both_ways(busy, "movie_id=2&genre=drama&exact=true")[0] == "200 OK"
        assert int(both_ways(busy, "movie_id=999")[0][:3]) in (404, 503)
        assert int(both_ways(busy, "movie_id=13")[0][:3]) in (409, 503)
    finally:
        catalog.database.engine.dispose()
        file.unlink(missing_ok=True)
        away.rename(file)
    place.embed(13)
    follower.notice()
    assert both_ways(busy, "movie_id=13")[0] == "200 OK"


@pytest.mark.parametrize("query", ["movie_id=999", "movie_id=25", "movie_id=30&by=ratings"])
def test_the_catalog_is_asked_once_why_there_is_no_answer(
    query: str, app: Flask, publish: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    movies = app.extensions["posterity"].catalog.movies
    asked, get = list[int](), movies.get
    monkeypatch.setattr(movies, "get", lambda movie_id: asked.append(movie_id) or get(movie_id))
    assert ask(app.wsgi_app, query)[0] in ("404 NOT FOUND", "409 CONFLICT")
    assert len(asked) == 1  # where the database is locked each question takes five seconds


@pytest.mark.parametrize("place_of_change", [0, 2046, 2047, 2048, 4094, 9999])
def test_one_byte_anywhere_in_an_answer_makes_another_tag(place_of_change: int) -> None:
    body = bytes(10_000)
    other = body[:place_of_change] + b"x" + body[place_of_change + 1 :]
    assert dict(headers_of(body))["ETag"] != dict(headers_of(other))["ETag"]
