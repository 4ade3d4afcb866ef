"""The TMDB source against a server that speaks as TMDB does, and fails as it does."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from posters.errors import (
    PosterError,
    PosterMissing,
    PosterRejected,
    PosterUnavailable,
    SourceTroubled,
    SourceWaiting,
)
from posters.fetching import Limits
from posters.poster import PosterRequest
from posters.tmdb import ATTRIBUTION, PICTURE_TRIES, TmdbSource
from tests.posters.raw_server import RawServer, Visit
from tests.posters.recording_guard import RecordingGuard
from tests.posters.tmdb_server import TOKEN, Faults, TmdbServer, poster

Movie = Callable[..., PosterRequest]
SHORT = Limits(connect_s=0.5, read_s=0.3, deadline_s=1.0)


@pytest.fixture
def server() -> Iterator[TmdbServer]:
    with TmdbServer() as running:
        yield running


@pytest.fixture
def guard() -> RecordingGuard:
    return RecordingGuard()


@pytest.fixture
def tmdb(server: TmdbServer, guard: RecordingGuard) -> TmdbSource:
    return TmdbSource(server.token, server.api_url, server.image_url, guard, SHORT)


def speaking(answer: bytes) -> Callable[[Visit], None]:
    return lambda visit: visit.say(answer)


def http(body: object, status: str = "200 OK", *headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


def test_a_poster_is_found_by_tmdb_id_and_says_where_it_is_from(
    tmdb: TmdbSource, server: TmdbServer, movie: Movie
) -> None:
    image = tmdb.fetch(movie(tmdb_id=949))
    assert image.content == poster(949)
    assert image.origin == f"{server.image_url}/w342/poster949.jpg"
    assert (image.source, image.generated, image.media_type) == ("tmdb", False, "image/jpeg")
    assert image.attribution == ATTRIBUTION
    assert image.lifetime_s == 180 * 86_400
    assert server.count("find") == 0


def test_the_notice_is_word_by_word_what_tmdb_demands() -> None:
    assert ATTRIBUTION == "This product uses the TMDB API but is not endorsed or certified by TMDB."


def test_without_a_tmdb_id_the_imdb_id_finds_it(tmdb: TmdbSource, server: TmdbServer, movie: Movie) -> None:
    assert tmdb.fetch(movie(tmdb_id=None, imdb_id="tt0113277")).content == poster(113277)
    assert server.count("movie") == 0


def test_a_tmdb_id_that_is_gone_is_made_up_for_by_the_imdb_id(
    tmdb: TmdbSource, server: TmdbServer, movie: Movie
) -> None:
    server.unknown = {949}
    assert tmdb.fetch(movie(tmdb_id=949, imdb_id="tt0113277")).content == poster(113277)


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        ({"tmdb_id": None, "imdb_id": None}, "id is not known"),
        ({"tmdb_id": None, "imdb_id": "0113277"}, "id is not known"),
        ({"tmdb_id": None, "imdb_id": "tt0113277/../../account"}, "id is not known"),
        ({"tmdb_id": 13, "imdb_id": None}, "TMDB knows no TMDB id 13$"),
        ({"tmdb_id": None, "imdb_id": "tt0000013"}, "TMDB knows no IMDb id tt0000013$"),
        ({"tmdb_id": 13, "imdb_id": "tt0000013"}, "no TMDB id 13 and no IMDb id tt0000013$"),
        ({"tmdb_id": 14}, "TMDB has no poster of it"),
        ({"tmdb_id": None, "imdb_id": "tt0000014"}, "TMDB has no poster of it"),
        ({"tmdb_id": 15}, "the picture that TMDB names is not there"),
    ],
)
def test_what_tmdb_does_not_have_is_missing_and_no_trouble(
    ids: dict[str, Any], why: str, tmdb: TmdbSource, server: TmdbServer, guard: RecordingGuard, movie: Movie
) -> None:
    server.unknown, server.without_poster, server.without_picture = {13}, {14}, {15}
    with pytest.raises(PosterMissing, match=why) as caught:
        tmdb.fetch(movie(**ids))
    assert str(caught.value).startswith("tmdb: movie 6: ")
    assert guard.troubles == guard.refusals == []
    assert guard.answers == guard.admitted == server.count()


def test_leave_is_asked_before_every_request_and_its_end_is_told(
    tmdb: TmdbSource, server: TmdbServer, guard: RecordingGuard, movie: Movie
) -> None:
    server.unknown = {7}
    for tmdb_id in range(1, 11):
        tmdb.fetch(movie(tmdb_id=tmdb_id, imdb_id="tt0000020"))
    assert guard.admitted == guard.told == server.count() == 21


def test_while_the_guard_says_no_nothing_is_asked(tmdb: TmdbSource, server: TmdbServer, movie: Movie) -> None:
    class Closed(RecordingGuard):
        def admit(self) -> None:
            raise SourceWaiting(self.name, "has an outage", 12.0)

    closed = TmdbSource(server.token, server.api_url, server.image_url, Closed(), SHORT)
    with pytest.raises(SourceWaiting) as caught:
        closed.fetch(movie())
    assert (caught.value.source, caught.value.until) == ("tmdb", 12.0)
    assert server.count() == 0


class _WaitsForASecond(TmdbServer):
    """Holds an answer about its configuration back until somebody else asks too, or for a moment."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._asked, self._changed = 0, threading.Condition()

    def answer(self, path: str, authorization: str | None) -> Any:
        if path == "/3/configuration":
            with self._changed:
                self._asked += 1
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._asked > 1, timeout=0.3)
        return super().answer(path, authorization)


def test_configuration_is_asked_for_once_whatever_the_number_of_threads(guard: RecordingGuard, movie: Movie) -> None:
    with _WaitsForASecond() as server, ThreadPoolExecutor(8) as pool:
        tmdb = TmdbSource(server.token, server.api_url, "", guard)
        images = list(pool.map(lambda number: tmdb.fetch(movie(tmdb_id=number)), range(1, 41)))
    assert [image.content for image in images] == [poster(number) for number in range(1, 41)]
    assert images[0].origin == f"http://127.0.0.1:{server.port}/t/p/w342/poster1.jpg"
    assert server.count("configuration") == 1


def test_configuration_is_asked_for_again_after_a_day(
    server: TmdbServer, guard: RecordingGuard, movie: Movie, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmdb, clock = TmdbSource(server.token, server.api_url, "", guard), time.monotonic()
    tmdb.fetch(movie())
    monkeypatch.setattr("posters.tmdb.time.monotonic", lambda: clock + 86_300.0)
    tmdb.fetch(movie())
    assert server.count("configuration") == 1
    monkeypatch.undo()
    monkeypatch.setattr("posters.tmdb.time.monotonic", lambda: clock + 86_500.0)
    tmdb.fetch(movie())
    assert server.count("configuration") == 2


def test_with_an_address_for_pictures_configuration_is_not_asked(
    tmdb: TmdbSource, server: TmdbServer, movie: Movie
) -> None:
    tmdb.fetch(movie())
    assert server.count("configuration") == 0


def test_without_a_poster_configuration_is_not_asked(server: TmdbServer, guard: RecordingGuard, movie: Movie) -> None:
    server.without_poster = {949}
    with pytest.raises(PosterMissing):
        TmdbSource(server.token, server.api_url, "", guard).fetch(movie())
    assert server.count("configuration") == 0


def test_a_wrong_token_is_a_refusal_of_the_source_and_no_fault_of_the_movie(
    server: TmdbServer, guard: RecordingGuard, movie: Movie
) -> None:
    with pytest.raises(SourceWaiting) as caught:
        TmdbSource("not-the-token", server.api_url, server.image_url, guard).fetch(movie())
    (refusal,) = guard.refusals
    assert refusal.startswith("TMDB refused the token (401: Invalid API key: You must be granted a valid key.)")
    assert "POSTERITY_TMDB_TOKEN" in refusal
    assert refusal in str(caught.value)
    assert caught.value.until > time.time()
    assert guard.answers == 0


def test_a_refusal_without_words_is_clear_too(guard: RecordingGuard, movie: Movie) -> None:
    with RawServer(speaking(http(b"<html>", "403 Forbidden"))) as server, pytest.raises(SourceWaiting):
        TmdbSource(TOKEN, f"http://127.0.0.1:{server.port}/3", "", guard).fetch(movie())
    assert guard.refusals[0].startswith("TMDB refused the token (403); check POSTERITY_TMDB_TOKEN")


@pytest.mark.parametrize(
    ("faults", "why"),
    [
        (Faults(too_many=1.0), "TMDB answered 429"),
        (Faults(errors=1.0), "TMDB answered 500"),
        (Faults(drops=1.0), "the connection ended without an answer"),
        (Faults(stalls=1.0), "no answer within 0.3 s"),
    ],
    ids=["429", "500", "drop", "stall"],
)
def test_trouble_of_the_source_is_told_to_the_guard_and_is_no_trouble_of_the_movie(
    faults: Faults, why: str, tmdb: TmdbSource, server: TmdbServer, guard: RecordingGuard, movie: Movie
) -> None:
    server.faults = faults
    with pytest.raises(SourceTroubled, match=why):
        tmdb.fetch(movie())
    assert [trouble for trouble, _ in guard.troubles] == [f"{_told(why)} (/movie/949)"]
    assert guard.admitted == guard.told == server.count() == 1


def _told(why: str) -> str:
    return why if why.startswith("TMDB") else f"TMDB: {why}"


@pytest.mark.parametrize("kind", ["503", "drop"])
def test_an_outage_is_trouble_and_its_end_an_answer(
    kind: Any, tmdb: TmdbSource, server: TmdbServer, guard: RecordingGuard, movie: Movie
) -> None:
    with server.outage(kind):
        for _ in range(3):
            with pytest.raises(SourceTroubled):
                tmdb.fetch(movie())
    assert (len(guard.troubles), guard.answers) == (3, 0)
    assert tmdb.fetch(movie()).content == poster(949)
    assert (len(guard.troubles), guard.answers) == (3, 2)


def test_nobody_at_the_address_is_trouble_of_the_source(guard: RecordingGuard, movie: Movie) -> None:
    with TmdbServer() as server:
        pass
    with pytest.raises(SourceTroubled, match="takes no connection"):
        TmdbSource(TOKEN, server.api_url, server.image_url, guard).fetch(movie())
    assert len(guard.troubles) == 1


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("Retry-After: 7", 7.0),
        ("Retry-After:  120 ", 120.0),
        ("Retry-After: 0", 0.0),
        ("Retry-After: soon", None),
        ("Retry-After: -5", None),
        ("Retry-After: 1e9", None),
        ("Retry-After: \u0661\u0662", None),
        ("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("X-Other: 7", None),
    ],
)
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_how_long_the_source_wants_to_be_left_alone_is_heard(
    header: str, wanted: float | None, status: str, guard: RecordingGuard, movie: Movie
) -> None:
    with RawServer(speaking(http({}, status, header))) as server, pytest.raises(SourceTroubled) as caught:
        TmdbSource(TOKEN, f"http://127.0.0.1:{server.port}/3", "", guard).fetch(movie())
    assert caught.value.retry_after_s == guard.troubles[0][1] == wanted


def test_a_date_to_come_back_at_is_understood(guard: RecordingGuard, movie: Movie) -> None:
    header = f"Retry-After: {format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)}"
    with RawServer(speaking(http({}, "503 Down", header))) as server, pytest.raises(SourceTroubled) as caught:
        TmdbSource(TOKEN, f"http://127.0.0.1:{server.port}/3", "", guard).fetch(movie())
    assert caught.value.retry_after_s is not None
    assert 60 < caught.value.retry_after_s <= 90


FOREIGN = [
    b"",
    b"<html>Please log in</html>",
    b"{",
    b"null",
    b"[]",
    b'"movie"',
    b"[" * 100_000,
    b"\xff\xfe",
    b"{}",
    b'{"id": 949}',
    b'{"id": "949", "poster_path": null}',
    b'{"id": true, "poster_path": null}',
    b'{"id": 949, "poster_path": 5}',
    b'{"id": 949, "poster_path": ["/a.jpg"]}',
]


@pytest.mark.parametrize("body", FOREIGN, ids=[body[:20].decode("latin-1") or "empty" for body in FOREIGN])
def test_an_answer_that_is_not_tmdbs_is_trouble_of_the_source(body: bytes, guard: RecordingGuard, movie: Movie) -> None:
    with RawServer(speaking(http(body))) as server, pytest.raises(SourceTroubled, match="POSTERITY_TMDB_API_URL"):
        TmdbSource(TOKEN, f"http://127.0.0.1:{server.port}/3", "", guard).fetch(movie())
    assert guard.told == guard.admitted == len(guard.troubles) == 1


@pytest.mark.parametrize("body", [b"{}", b"null", b'{"movie_results": {}}', b'{"movie_results": [7]}'])
def test_findings_that_are_not_tmdbs_are_trouble_of_the_source(
    body: bytes, guard: RecordingGuard, movie: Movie
) -> None:
    with RawServer(speaking(http(body))) as server, pytest.raises(SourceTroubled):
        TmdbSource(TOKEN, f"http://127.0.0.1:{server.port}/3", "", guard).fetch(movie(tmdb_id=None))
    assert len(guard.troubles) == 1


def test_an_answer_of_the_api_above_one_mebibyte_is_trouble(guard: RecordingGuard, movie: Movie) -> None:
    long = {"id": 949, "poster_path": "/a.jpg", "overview": "x" * 1_100_000}
    with RawServer(speaking(http(long))) as server, pytest.raises(SourceTroubled, match="1,048,576 are accepted"):
        TmdbSource(TOKEN, f"http://127.0.0.1:{server.port}/3", "", guard).fetch(movie())


def test_an_answer_of_the_api_that_ends_early_is_trouble(guard: RecordingGuard, movie: Movie) -> None:
    half = http({"id": 949, "poster_path": "/a.jpg"})[:-5]
    with RawServer(speaking(half)) as server, pytest.raises(SourceTroubled):
        TmdbSource(TOKEN, f"http://127.0.0.1:{server.port}/3", "", guard).fetch(movie())
    assert len(guard.troubles) == 1


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "204 No Content"])
def test_the_api_is_not_followed_elsewhere(status: str, guard: RecordingGuard, movie: Movie) -> None:
    with TmdbServer() as elsewhere:
        moved = http(b"", status, f"Location: {elsewhere.api_url}/movie/949")
        with RawServer(speaking(moved)) as server, pytest.raises(SourceTroubled, match=status[:3]):
            TmdbSource(TOKEN, f"http://127.0.0.1:{server.port}/3", "", guard).fetch(movie())
        assert elsewhere.count() == 0


def test_a_status_nobody_expects_is_trouble_of_this_poster(guard: RecordingGuard, movie: Movie) -> None:
    unprocessable = http({"status_code": 20, "status_message": "Invalid \n date"}, "422 Unprocessable Entity")
    with (
        RawServer(speaking(unprocessable)) as server,
        pytest.raises(PosterUnavailable, match="422: Invalid date") as caught,
    ):
        TmdbSource(TOKEN, f"http://127.0.0.1:{server.port}/3", "", guard).fetch(movie())
    assert not isinstance(caught.value, SourceTroubled)
    assert (guard.answers, guard.troubles) == (1, [])


@pytest.mark.parametrize(
    "path",
    ["", "poster.jpg", "/../../etc/passwd.jpg", "/a/b.jpg", "/a.gif", "/a.jpg?x", "//evil.example/a.jpg",
     "/a.jpg\n", "@evil.example/a.jpg", "/" + "a" * 65 + ".jpg", "/\u00e4.jpg", "/a.jpg.exe", "/%2e%2e.jpg"],
)  # fmt: skip
def test_a_path_that_is_no_picture_of_tmdb_is_never_asked_for(
    path: str, server: TmdbServer, guard: RecordingGuard, movie: Movie
) -> None:
    with RawServer(speaking(http({"id": 949, "poster_path": path}))) as api, pytest.raises(PosterMissing) as caught:
        TmdbSource(TOKEN, f"http://127.0.0.1:{api.port}/3", server.image_url, guard).fetch(movie())
    assert "names a picture that is none" in str(caught.value) or "has no poster" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert server.count() == 0


def _movie_and(picture: bytes) -> Callable[[Visit], None]:
    """A server whose API is well and whose pictures are what a test wants."""

    def play(visit: Visit) -> None:
        image = b"GET /t/p/" in visit.request
        visit.say(picture if image else http({"id": 949, "poster_path": "/a.jpg"}))

    return play


def _from(server: RawServer, guard: RecordingGuard) -> TmdbSource:
    return TmdbSource(TOKEN, f"http://127.0.0.1:{server.port}/3", f"http://127.0.0.1:{server.port}/t/p", guard, SHORT)


def test_a_picture_that_is_cut_short_is_trouble_of_this_poster_only(guard: RecordingGuard, movie: Movie) -> None:
    half = http(poster(949))[:-100]
    with RawServer(_movie_and(half)) as server, pytest.raises(PosterUnavailable, match="ended before") as caught:
        _from(server, guard).fetch(movie())
    assert not isinstance(caught.value, SourceTroubled)
    assert (guard.answers, guard.troubles) == (2, [])


@pytest.mark.parametrize("status", ["429 Slow Down", "500 Oops", "503 Down", "403 Forbidden", "302 Found"])
def test_pictures_that_are_not_served_are_trouble_of_the_source(
    status: str, guard: RecordingGuard, movie: Movie
) -> None:
    with RawServer(_movie_and(http(b"", status))) as server, pytest.raises(SourceTroubled, match=status[:3]):
        _from(server, guard).fetch(movie())
    assert (guard.answers, len(guard.troubles), guard.refusals) == (1, PICTURE_TRIES, [])


def test_a_picture_that_stumbles_once_is_asked_for_again_without_a_second_look_up(
    guard: RecordingGuard, movie: Movie
) -> None:
    pictures = iter([http(b"", "500 Oops"), http(poster(949))])

    def play(visit: Visit) -> None:
        _movie_and(next(pictures) if b"GET /t/p/" in visit.request else b"")(visit)

    with RawServer(play) as server:
        assert _from(server, guard).fetch(movie()).source == "tmdb"
    assert (guard.answers, len(guard.troubles)) == (2, 1)


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (http(b"<html>a page</html>"), "image_invalid"),
        (http(b"GIF89a"), "image_invalid"),
        (http(poster(949)[:-200]), "image_truncated"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10485761\r\n\r\n", "image_too_large"),
    ],
)
def test_a_picture_that_is_none_is_rejected(picture: bytes, reason: str, guard: RecordingGuard, movie: Movie) -> None:
    with RawServer(_movie_and(picture)) as server, pytest.raises(PosterRejected) as caught:
        _from(server, guard).fetch(movie())
    assert caught.value.reason == reason
    assert caught.value.where.startswith("tmdb:http://127.0.0.1:")
    assert guard.troubles == []


def test_the_token_goes_to_the_api_only_and_into_a_header_only(guard: RecordingGuard, movie: Movie) -> None:
    with RawServer(_movie_and(http(poster(949)))) as server:
        _from(server, guard).fetch(movie())
        api, picture = (visit.request for visit in server.visits)
    assert f"\r\nAuthorization: Bearer {TOKEN}\r\n".encode() in api
    assert TOKEN.encode() not in api.splitlines()[0]
    assert TOKEN.encode() not in picture
    assert b"Authorization" not in picture


def test_the_token_is_in_no_error_log_or_description(
    guard: RecordingGuard, movie: Movie, caplog: pytest.LogCaptureFixture
) -> None:
    """Even a server that sends it back does not get it into them."""
    caplog.set_level(logging.DEBUG)
    echo = {"status_message": f"no such key: {TOKEN}"}
    told: list[str] = []
    for answer in (http(echo, "401 No"), http(echo, "422 No"), http(echo, "500 No"), http(echo), b"nonsense"):
        with RawServer(speaking(answer)) as server:
            tmdb = TmdbSource(TOKEN, f"http://127.0.0.1:{server.port}/3", "", guard)
            with pytest.raises(PosterError) as caught:
                tmdb.fetch(movie())
        told += [repr(tmdb), repr(vars(tmdb)), repr(caught.value), str(caught.value)]
    told += [*guard.refusals, *(why for why, _ in guard.troubles), caplog.text]
    assert not [text for text in told if TOKEN in text]


def test_a_tenth_of_everything_going_wrong_spoils_no_poster(
    tmdb: TmdbSource, server: TmdbServer, guard: RecordingGuard, movie: Movie
) -> None:
    server.faults = Faults(too_many=0.05, errors=0.03, drops=0.02)
    wanted, got = set(range(1, 101)), {}
    for _ in range(20):
        for number in sorted(wanted - got.keys()):
            try:
                got[number] = tmdb.fetch(movie(number, tmdb_id=number)).content
            except SourceTroubled:
                continue
    assert got == {number: poster(number) for number in wanted}
    assert guard.troubles
    assert guard.admitted == guard.told == server.count()
