"""Posters at addresses that were handed in, from a server on this machine that a dialler of the test leads to."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import urllib3

from posters.addresses import GivenAddress
from posters.errors import PosterMissing, PosterRejected, PosterUnavailable, SourceTroubled
from posters.fetching import Limits
from posters.given import GivenSource, dial
from posters.poster import PosterRequest
from posters.timed_http import TimedPool
from tests.posters.raw_server import RawServer, Visit
from tests.posters.tmdb_server import poster

Movie = Callable[..., PosterRequest]
URL = "http://posters.example/heat.jpg"
PUBLIC = "93.184.216.34"
SHORT = Limits(connect_s=0.5, read_s=0.3, deadline_s=0.8, floor_after_s=0.4)
SLACK_S = 0.6


def source(server: RawServer, hosts: frozenset[str] = frozenset({"posters.example", "other.example"})) -> GivenSource:
    """Everything is as in earnest, but that the last step leads to the test's server."""

    def to_the_server(place: GivenAddress, address: str) -> urllib3.HTTPConnectionPool:
        assert address == PUBLIC
        return TimedPool("127.0.0.1", server.port)

    return GivenSource(hosts, SHORT, lambda host, port: [PUBLIC], to_the_server)


def http(body: bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def speaking(answer: bytes) -> Callable[[Visit], None]:
    return lambda visit: visit.say(answer)


def test_a_given_poster_is_fetched_and_says_where_it_is_from(movie: Movie) -> None:
    with RawServer(speaking(http(poster(1)))) as server:
        image = source(server).fetch(movie(poster_url=URL + "?size=3"))
        request = server.visits[0].request
    assert image.content == poster(1)
    assert (image.source, image.origin, image.generated) == ("poster_url", URL + "?size=3", False)
    assert (image.attribution, image.lifetime_s) == (None, None)
    assert request.startswith(b"GET /heat.jpg?size=3 HTTP/1.1\r\n")
    assert request.lower().count(b"\r\nhost:") == 1
    assert b"\r\nHost: posters.example\r\n" in request


def test_a_movie_without_an_address_misses_in_silence(movie: Movie) -> None:
    with RawServer(speaking(b"")) as server, pytest.raises(PosterMissing) as caught:
        source(server).fetch(movie())
    assert caught.value.why == ""


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
def test_nothing_there_is_missing(status: str, movie: Movie) -> None:
    with RawServer(speaking(http(b"", status))) as server, pytest.raises(PosterMissing, match="nothing is at"):
        source(server).fetch(movie(poster_url=URL))


@pytest.mark.parametrize(
    "status", ["429 Slow Down", "500 Oops", "503 Down", "403 Forbidden", "204 Nothing", "304 Same"]
)
def test_a_host_that_does_not_serve_is_trouble_of_this_poster(status: str, movie: Movie) -> None:
    with RawServer(speaking(http(b"", status))) as server, pytest.raises(PosterUnavailable, match=status[:3]) as caught:
        source(server).fetch(movie(poster_url=URL))
    assert not isinstance(caught.value, SourceTroubled)


def _reset(visit: Visit) -> None:
    visit.reset()


def _half(visit: Visit) -> None:
    visit.say(http(poster(1))[:-50])


def _silent(visit: Visit) -> None:
    visit.pause(30)


def _drip(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
    while True:
        visit.say(b"x")
        visit.pause(0.05)


@pytest.mark.parametrize("play", [_reset, _half, _silent, _drip])
def test_a_hostile_host_is_trouble_of_this_poster_and_ends_in_time(play: Callable[[Visit], None], movie: Movie) -> None:
    with RawServer(play) as server:
        began = time.monotonic()
        with pytest.raises(PosterUnavailable):
            source(server).fetch(movie(poster_url=URL))
        assert time.monotonic() - began < SHORT.deadline_s + SLACK_S


def test_the_deadline_is_for_the_whole_download_redirects_included(movie: Movie) -> None:
    def slow_redirect(visit: Visit) -> None:
        visit.pause(0.25)
        visit.say(http(b"", "302 Found", f"Location: {URL}"))

    with RawServer(slow_redirect) as server:
        began = time.monotonic()
        with pytest.raises(PosterUnavailable):
            source(server).fetch(movie(poster_url=URL))
        assert time.monotonic() - began < SHORT.deadline_s + SLACK_S
        assert len(server.visits) == 4


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http(b"<html>"), "image_invalid"),
        (http(poster(1)[:-300]), "image_truncated"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "image_too_large"),
    ],
)
def test_a_picture_that_is_none_is_rejected(answer: bytes, reason: str, movie: Movie) -> None:
    with RawServer(speaking(answer)) as server, pytest.raises(PosterRejected) as caught:
        source(server).fetch(movie(poster_url=URL))
    assert caught.value.reason == reason


def _redirecting(times: int, target: str) -> Callable[[Visit], None]:
    lock, left = threading.Lock(), [times]

    def play(visit: Visit) -> None:
        with lock:
            left[0] -= 1
            over = left[0] < 0
        visit.say(http(poster(1)) if over else http(b"", "302 Found", f"Location: {target}"))

    return play


@pytest.mark.parametrize("target", ["/other.jpg", "other.jpg", "http://other.example/x", "//other.example/x", "?a=b"])
def test_three_redirects_are_followed(target: str, movie: Movie) -> None:
    with RawServer(_redirecting(3, target)) as server:
        image = source(server).fetch(movie(poster_url=URL))
        assert len(server.visits) == 4
    assert (image.content, image.origin) == (poster(1), URL)


def test_a_fourth_redirect_is_refused(movie: Movie) -> None:
    with RawServer(_redirecting(100, URL)) as server:
        with pytest.raises(PosterRejected, match="address_refused"):
            source(server).fetch(movie(poster_url=URL))
        assert len(server.visits) == 4


@pytest.mark.parametrize(
    "target",
    ["http://evil.example/", "http://127.0.0.1/", "http://[::1]/", "http://[::1", "file:///etc/passwd",
     "//posters.example@127.0.0.1/", "http://posters.example:8080/", "gopher://posters.example/", "data:,x",
     "http://posters.example/#x", "http:\\\\127.0.0.1", "http://other.example/" + "a" * 2048],
)  # fmt: skip
def test_redirects_are_checked_like_first_addresses(target: str, movie: Movie) -> None:
    with RawServer(_redirecting(1, target)) as server:
        with pytest.raises(PosterRejected, match="address_refused"):
            source(server).fetch(movie(poster_url=URL))
        assert len(server.visits) == 1


def test_a_redirect_to_a_listed_name_that_leads_inside_is_refused(movie: Movie) -> None:
    with RawServer(_redirecting(1, "http://other.example/")) as server:
        inner = {"posters.example": [PUBLIC], "other.example": ["10.0.0.1"]}
        given = GivenSource(inner, SHORT, lambda host, _: inner[host], lambda *_: TimedPool("127.0.0.1", server.port))
        with pytest.raises(PosterRejected, match="address_refused"):
            given.fetch(movie(poster_url=URL))
        assert len(server.visits) == 1


def test_a_redirect_without_a_target_is_trouble_of_this_poster(movie: Movie) -> None:
    with RawServer(speaking(http(b"", "302 Found"))) as server, pytest.raises(PosterUnavailable, match="302"):
        source(server).fetch(movie(poster_url=URL))


def test_the_next_address_of_a_host_is_tried_when_the_first_takes_no_connection(movie: Movie) -> None:
    with RawServer(speaking(b"")) as closed:
        pass
    with RawServer(speaking(http(poster(1)))) as server:
        ports = {"93.184.216.34": closed.port, "93.184.216.35": server.port}
        given = GivenSource(
            ["posters.example"], SHORT, lambda *_: list(ports), lambda _, at: TimedPool("127.0.0.1", ports[at])
        )
        assert given.fetch(movie(poster_url=URL)).content == poster(1)


def test_the_name_and_not_the_address_is_shown_to_a_tls_server(movie: Movie) -> None:
    """Read out of the first bytes of the handshake, where the name stands in the clear."""
    with RawServer(lambda visit: visit.listen() and None, wait_for_request=False) as server:
        place = GivenAddress("https", "posters.example", server.port, "/")
        given = GivenSource(["posters.example"], SHORT, lambda *_: [PUBLIC], lambda *_: dial(place, "127.0.0.1"))
        with pytest.raises(PosterUnavailable):
            given.fetch(movie(poster_url="https://posters.example/a.jpg"))
        assert b"posters.example" in server.visits[0].request


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of posters.example, signed by itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        if os.environ.get("CI"):
            pytest.fail("openssl must be installed in CI: .ci/services does it")
        pytest.skip("needs openssl, which is not installed")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    names = ["-subj", "/CN=posters.example", "-addext", "subjectAltName=DNS:posters.example"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(file)]
    made = subprocess.run(
        [openssl, "req", "-x509", *key, *names, "-days", "2", "-out", "-"], capture_output=True, check=True
    )
    with file.open("ab") as both:
        both.write(made.stdout)
    return file


class _TlsServer(RawServer):
    def __init__(self, certificate: Path) -> None:
        super().__init__(speaking(http(poster(1))))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)

    def _receive(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        try:
            secured = self._context.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
            return
        super()._receive(secured)


@pytest.mark.parametrize("host", ["posters.example", "other.example"])
def test_the_certificate_must_be_the_hosts(
    host: str, certificate: Path, movie: Movie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with _TlsServer(certificate) as server:
        place = GivenAddress("https", host, server.port, "/")
        given = GivenSource([host], Limits(), lambda *_: [PUBLIC], lambda *_: dial(place, "127.0.0.1"))
        if host == "posters.example":
            assert given.fetch(movie(poster_url=f"https://{host}/")).content == poster(1)
        else:
            with pytest.raises(PosterUnavailable, match="certificate"):
                given.fetch(movie(poster_url=f"https://{host}/"))


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(certificate: Path, movie: Movie) -> None:
    with _TlsServer(certificate) as server:
        place = GivenAddress("https", "posters.example", server.port, "/")
        given = GivenSource(["posters.example"], Limits(), lambda *_: [PUBLIC], lambda *_: dial(place, "127.0.0.1"))
        with pytest.raises(PosterUnavailable, match="certificate"):
            given.fetch(movie(poster_url="https://posters.example/"))
