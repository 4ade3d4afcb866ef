"""Hostile and broken servers: every download ends in time and within its size, whatever comes."""

import gzip
import json
import resource
import socket
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from posters.decoding import MAX_BYTES
from posters.errors import CutShort, NoAnswer, TooLong, TransferFailed
from posters.fetching import FRAMING, Limits, ask, user_agent
from posters.timed_http import Allowance, Deadline, timed_pools
from tests.posters.raw_server import RawServer, Visit

# A tenth of the real times and more: what is tested is that they hold.
SHORT = Limits(connect_s=0.5, read_s=0.3, deadline_s=0.8, floor_bytes_per_s=4096, floor_after_s=0.4, max_bytes=100_000)
SLACK_S = 0.6  # for two busy cores
Play = Callable[[Visit], None]


def download(server: RawServer, limits: Limits = SHORT, path: str = "/") -> tuple[int, bytes]:
    with ask(timed_pools(1), f"http://127.0.0.1:{server.port}{path}", {}, limits) as answer:
        return answer.status, answer.read()


def whole(body: bytes, *more: bytes, status: bytes = b"200 OK") -> Play:
    head = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *more]
    return lambda visit: visit.say(b"\r\n".join([*head, b"", b""]) + body)


def drip(visit: Visit, what: bytes, every_s: float) -> None:
    while True:
        visit.say(what)
        visit.pause(every_s)


def drip_body(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n")
    drip(visit, b"x", 0.05)


def drip_body_in_chunks(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    drip(visit, b"1\r\nx\r\n", 0.05)


def drip_head(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nX-Long: ")
    drip(visit, b"x", 0.05)


def drip_chunk_head(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    drip(visit, b"0", 0.05)


def continue_for_ever(visit: Visit) -> None:
    drip(visit, b"HTTP/1.1 100 Continue\r\n\r\n", 0.02)


def silence(visit: Visit) -> None:
    visit.pause(30)


def silence_in_the_middle(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    visit.pause(30)


def endless(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\n\r\n")
    drip(visit, b"x" * 65536, 0.0)


def endless_chunks(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    drip(visit, b"10000\r\n" + b"x" * 65536 + b"\r\n", 0.0)


def endless_head(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\n")
    drip(visit, b"X-More: and more\r\n", 0.0)


def one_huge_chunk(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\n")
    drip(visit, b"x" * 65536, 0.0)


def reset_at_once(visit: Visit) -> None:
    visit.reset()


def reset_in_the_middle(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    visit.reset()


def less_than_announced(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")


def chunks_without_end(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")


def broken_chunks(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n")


def no_http(visit: Visit) -> None:
    visit.say(b"SSH-2.0-OpenSSH_9.9\r\n")


def huge_announcement(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\nx")


def broken_off_in_the_head(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nServer: x\r\n")


def endless_interim_answers(visit: Visit) -> None:
    drip(visit, b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0.0)


def endless_behind_the_last_chunk(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    drip(visit, b"X: y\r\n" * 1000, 0.0)


def endless_tiny_chunks(visit: Visit) -> None:
    visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    drip(visit, b"1\r\nx\r\n" * 1000, 0.0)


ENDINGS = [
    (broken_off_in_the_head, NoAnswer),
    (endless_interim_answers, NoAnswer),
    (endless_behind_the_last_chunk, TooLong),
    (endless_tiny_chunks, TooLong),
    (drip_head, NoAnswer),
    (continue_for_ever, NoAnswer),
    (silence, NoAnswer),
    (endless_head, NoAnswer),
    (reset_at_once, NoAnswer),
    (no_http, NoAnswer),
    (lambda _: None, NoAnswer),
    (drip_body, CutShort),
    (drip_body_in_chunks, CutShort),
    (drip_chunk_head, CutShort),
    (silence_in_the_middle, CutShort),
    (reset_in_the_middle, CutShort),
    (less_than_announced, CutShort),
    (chunks_without_end, CutShort),
    (broken_chunks, CutShort),
    (endless, TooLong),
    (endless_chunks, TooLong),
    (one_huge_chunk, TooLong),
    (huge_announcement, TooLong),
]


@pytest.mark.parametrize(
    ("play", "ending"), ENDINGS, ids=[getattr(play, "__name__", "?").strip("<>") for play, _ in ENDINGS]
)
def test_every_bad_answer_ends_in_time_and_is_named(play: Play, ending: type[TransferFailed]) -> None:
    with RawServer(play) as server:
        began = time.monotonic()
        with pytest.raises(ending) as caught:
            download(server)
        assert time.monotonic() - began < SHORT.deadline_s + SLACK_S
    assert type(caught.value) is ending
    assert "127.0.0.1" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "object at" not in str(caught.value)


def test_nobody_there_is_no_answer() -> None:
    with RawServer(silence) as server:
        pass
    with pytest.raises(NoAnswer, match="takes no connection"):
        download(server)


def test_a_name_that_does_not_exist_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with (
        pytest.raises(NoAnswer, match="cannot be resolved"),
        ask(timed_pools(1), "http://posters.invalid/", {}, SHORT),
    ):
        pass


def test_a_body_slower_than_the_floor_is_cut_before_the_deadline() -> None:
    patient = Limits(connect_s=1, read_s=5, deadline_s=30, floor_bytes_per_s=4096, floor_after_s=0.3)
    with RawServer(drip_body) as server, pytest.raises(CutShort, match="too slow"):
        download(server, patient)


def test_a_body_above_the_floor_may_take_its_time() -> None:
    def steady(visit: Visit) -> None:
        visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n")
        for _ in range(10):
            visit.say(b"x" * 3000)
            visit.pause(0.06)

    with RawServer(steady) as server:
        assert download(server, Limits(read_s=0.5, deadline_s=5, floor_after_s=0.3)) == (200, b"x" * 30_000)


def test_no_more_is_taken_in_than_allowed() -> None:
    """What is read in all: the limit, a chunk, and what lies in the sockets of both sides."""
    with RawServer(endless) as server:
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(TooLong):
            download(server, Limits(max_bytes=MAX_BYTES))
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    assert grown_kib < 3 * MAX_BYTES / 1024
    assert server.visits[0].sent < MAX_BYTES + 16 * 1024 * 1024


def test_a_length_above_the_limit_is_refused_before_the_body() -> None:
    with RawServer(huge_announcement) as server, pytest.raises(TooLong, match="are announced"):
        download(server)


def test_exactly_the_limit_is_accepted() -> None:
    with RawServer(whole(b"x" * SHORT.max_bytes)) as server:
        assert len(download(server)[1]) == SHORT.max_bytes
    with RawServer(whole(b"x" * (SHORT.max_bytes + 1))) as server, pytest.raises(TooLong):
        download(server)


def test_what_is_compressed_all_the_same_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    with RawServer(whole(bomb, b"Content-Encoding: gzip")) as server:
        assert download(server) == (200, bomb)
        assert b"\r\nAccept-Encoding: identity\r\n" in server.visits[0].request


@pytest.mark.parametrize("status", [b"301 Moved Permanently", b"302 Found", b"303 See Other", b"307 T", b"308 P"])
def test_redirects_are_answers_and_not_followed(status: bytes) -> None:
    with RawServer(whole(b"", b"Location: http://127.0.0.1:1/", status=status)) as server:
        assert download(server)[0] == int(status[:3])
        assert len(server.visits) == 1


def test_nothing_is_asked_twice() -> None:
    for play in (reset_at_once, whole(b"", b"Retry-After: 0", status=b"503 Service Unavailable")):
        with RawServer(play) as server:
            with suppress(NoAnswer):
                assert download(server)[0] == 503
            assert len(server.visits) == 1


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(whole(b"proxied")) as proxy, RawServer(whole(b"direct")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert download(server) == (200, b"direct")
        assert not proxy.visits


def test_servers_learn_who_asks() -> None:
    with RawServer(whole(b"")) as server:
        download(server)
        assert f"\r\nUser-Agent: {user_agent()}\r\n".encode() in server.visits[0].request
    assert user_agent().startswith("posterity/")


def test_a_connection_serves_again_and_by_the_next_answers_own_deadline() -> None:
    def three_answers(visit: Visit) -> None:
        for number in range(3):
            visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
            if number < 2:
                visit.listen()

    with RawServer(three_answers) as server:
        pools = timed_pools(1)
        bodies = []
        for _ in range(3):
            with ask(pools, f"http://127.0.0.1:{server.port}/", {}, SHORT, Deadline(5.0)) as answer:
                bodies.append(answer.read())
        assert bodies == [b"0", b"1", b"2"]
        assert len(server.visits) == 1


def test_a_deadline_that_is_over_asks_nobody() -> None:
    with RawServer(whole(b"")) as server:
        with (
            pytest.raises(NoAnswer),
            ask(timed_pools(1), f"http://127.0.0.1:{server.port}/", {}, SHORT, Deadline(0.0)),
        ):
            pass
        assert not server.visits


def test_a_body_that_nobody_reads_leaves_no_connection_behind() -> None:
    with RawServer(whole(json.dumps({"a": 1}).encode())) as server:
        pools = timed_pools(1)
        for _ in range(2):
            with ask(pools, f"http://127.0.0.1:{server.port}/", {}, SHORT) as answer:
                assert answer.status == 200
        assert len(server.visits) == 2


@pytest.mark.parametrize("play", [endless_interim_answers, endless_behind_the_last_chunk, endless_tiny_chunks])
def test_head_and_marks_between_chunks_count_among_the_bytes(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    allowances: list[Allowance] = []

    def allowed(deadline: Deadline, most_bytes: int) -> Allowance:
        allowances.append(Allowance(deadline, most_bytes))
        return allowances[0]

    monkeypatch.setattr("posters.fetching.Allowance", allowed)
    with RawServer(play) as server, suppress(TransferFailed):
        download(server, Limits(max_bytes=100_000, deadline_s=10))
    assert 0 < allowances[0].taken_bytes <= 100_000 + FRAMING


def test_chunks_that_are_mostly_marks_are_cut_long_before_the_limit() -> None:
    """Each costs 8 microseconds: 10 MB of them would keep a core busy until the deadline."""
    with RawServer(endless_tiny_chunks) as server, pytest.raises(TooLong, match=r"than a body of [0-9,]{6} bytes"):
        download(server, Limits())


def test_many_chunks_of_usual_size_are_no_burden() -> None:
    def chunks(visit: Visit) -> None:
        visit.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(400):
            visit.say(b"200\r\n" + b"x" * 512 + b"\r\n")
        visit.say(b"0\r\n\r\n")

    with RawServer(chunks) as server:
        assert download(server, Limits()) == (200, b"x" * 204_800)


@pytest.mark.parametrize("more", [1, FRAMING // 2])
def test_a_body_is_no_longer_than_allowed_though_its_head_would_have_room(more: int) -> None:
    def play(visit: Visit) -> None:
        visit.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * (SHORT.max_bytes + more))

    with RawServer(play) as server, pytest.raises(TooLong, match="100,000 bytes came"):
        download(server)
