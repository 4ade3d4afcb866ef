"""T12: whatever a poster's server does, a download ends in time and size, with its reason, and others go on."""

import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from catalog.catalog import Catalog
from catalog.entries import Claim, Kind, NewMovie, Reason
from posters import timed_http
from posters.addresses import GivenAddress
from posters.decoding import MAX_BYTES
from posters.errors import SourceTroubled
from posters.fetching import FRAMING, Limits
from posters.given import GivenSource
from posters.poster import PosterRequest
from posters.sources import Found
from posters.timed_http import TimedPool, TimedTlsPool
from tests.hostile.origins import HOST, OTHER, REFUSED, UNAVAILABLE, Origin, origins
from tests.plan import Judge
from tests.posters.raw_server import RawServer, Visit
from tests.posters.tmdb_server import poster
from workers.fetch import FetchLimits, fetch_due
from workers.guard import LONGEST_WANTED_S
from workers.outcomes import Outcomes

PUBLIC = "93.184.216.34"
DEADLINE_S = 16.0  # reliability.md, T12: 15 s and one for what is around it
ROUNDS, AT_ONCE = 20, 4  # of the long form
SCALED = Limits(connect_s=0.5, read_s=0.5, deadline_s=1.5, floor_after_s=0.5)  # a tenth of the real times


@dataclass(frozen=True)
class Ending:
    """What came of one download: the reason a movie then has ("" for a poster), what it took, and how long."""

    name: str
    reason: str
    wanted: frozenset[str]
    seconds: float
    taken: int


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Bytes that each thread of this process took from its sockets."""
    counted: dict[int, int] = defaultdict(int)
    real = timed_http._TimedReads.readinto

    def readinto(self: timed_http._TimedReads, buffer: bytearray) -> int | None:
        count = real(self, buffer)
        counted[threading.get_ident()] += count or 0
        return count

    monkeypatch.setattr(timed_http._TimedReads, "readinto", readinto)
    return counted


def leading_to(port: int) -> Callable[[GivenAddress, str], urllib3.HTTPConnectionPool]:
    """A dialler as the real one, but that its last step leads to this port."""

    def dialled(place: GivenAddress, address: str) -> urllib3.HTTPConnectionPool:
        assert address == PUBLIC
        if place.scheme == "https":
            return TimedTlsPool("127.0.0.1", port, server_hostname=place.host, assert_hostname=place.host)
        return TimedPool("127.0.0.1", port)

    return dialled


def request(movie_id: int, scheme: str = "http") -> PosterRequest:
    return PosterRequest(movie_id, "Heat", 1995, (), None, None, f"{scheme}://{HOST}/{movie_id}.jpg")


def source(port: int, limits: Limits | None = None) -> GivenSource:
    return GivenSource([HOST, OTHER], limits, lambda *_: [PUBLIC], leading_to(port))


def reason_of(error: Exception) -> str:
    """What the catalog would store: told by the worker's own rules."""
    outcomes = Outcomes()
    outcomes.add(1, error)
    (failure,) = (*outcomes.failed, *outcomes.postponed, *outcomes.troubled)
    assert "\n" not in failure.detail
    assert "127.0.0.1" not in failure.detail.replace("http://127.0.0.1/", "")
    return str(failure.reason)


def ending(origin: Origin, port: int, taken: Mapping[int, int]) -> Ending:
    before, began, found = taken.get(threading.get_ident(), 0), time.monotonic(), ""
    try:
        source(port).fetch(request(1, origin.scheme))
    except Exception as err:  # noqa: BLE001 (an error nobody foresaw is a reason, too: internal_error)
        found = reason_of(err)
    seconds, size = time.monotonic() - began, taken.get(threading.get_ident(), 0) - before
    return Ending(origin.name, found, origin.wanted, seconds, size)


@pytest.fixture
def full_backlog() -> Iterator[int]:
    """A port whose queue of connections is full: a connection to it is neither taken nor refused."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = int(listener.getsockname()[1])
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


def test_every_hostile_origin_ends_in_time_and_size_with_its_reason(
    judge: Judge, nightly: bool, taken: dict[int, int], full_backlog: int
) -> None:
    """All at the same time, with the real limits: the slow ones take 15 seconds together."""
    cases = [*origins(), Origin("full backlog", lambda visit: None, frozenset({UNAVAILABLE}))]
    rounds, endings = ROUNDS if nightly else 1, []
    for _ in range(0, rounds, AT_ONCE):
        with ExitStack() as stack:
            plays = [(case, stack.enter_context(RawServer(case.play, case.asked_first)).port) for case in cases[:-1]]
            plays.append((cases[-1], full_backlog))
            at_once = plays * min(AT_ONCE, rounds)
            with ThreadPoolExecutor(len(at_once)) as pool:
                endings += list(pool.map(lambda play: ending(*play, taken), at_once))
    slowest, most = max(endings, key=lambda one: one.seconds), max(endings, key=lambda one: one.taken)
    wrong = sorted({f"{one.name}: {one.reason}" for one in endings if one.reason not in one.wanted})
    what, times = f"{len(cases)} hostile origins", len(endings)
    judge("T12", f"{what}: reason", times, "the right one", f"{len(wrong)} wrong {wrong}", not wrong)
    measured = f"{slowest.seconds:.1f} s ({slowest.name})"
    judge("T12", f"{what}: time", times, f"{DEADLINE_S:g} s", measured, slowest.seconds <= DEADLINE_S)
    measured = f"{most.taken:,} bytes ({most.name})"
    judge("T12", f"{what}: bytes", times, f"{MAX_BYTES + FRAMING:,}", measured, most.taken <= MAX_BYTES + FRAMING)


def test_posters_of_other_hosts_are_fetched_meanwhile(judge: Judge, tmp_path: Path) -> None:
    """One fetching process, its threads and its catalog; every fourth movie names a hostile host."""
    cases, good = origins(), {}
    with ExitStack() as stack:
        catalog = stack.enter_context(opened(tmp_path))
        kind = stack.enter_context(RawServer(speaking_pictures))
        ports = {}
        for number, case in enumerate(cases):
            ports[4 * number] = stack.enter_context(RawServer(case.play, case.asked_first)).port
        numbers = range(1, 4 * len(cases) + 1)
        catalog.add([NewMovie(f"Movie {number}", number) for number in numbers])
        good = {number for number in numbers if number not in ports}

        def fetch(movie: PosterRequest, _: Mapping[str, str]) -> Found:
            number = movie.movie_id
            return Found(source(ports.get(number, kind.port), SCALED).fetch(request(number)), {})

        limits, began = FetchLimits(batch=len(numbers), deadline_s=30.0), time.monotonic()
        fetch_due(catalog, fetch, limits)
        seconds = time.monotonic() - began
        states = {movie.movie_id: movie.state for movie in catalog.movies.many(list(numbers))}
    fetched = sum(states[number] == "fetched" for number in good)
    measured = f"{fetched} of {len(good)} in {seconds:.1f} s"
    judge("T12", "posters of other hosts meanwhile", len(good), ">= 90 %", measured, fetched >= 0.9 * len(good))


def speaking_pictures(visit: Visit) -> None:
    number = int(visit.request.split(b" ")[1].strip(b"/").partition(b".")[0])
    content = poster(number)
    visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(content) + content)


class opened:  # noqa: N801 (used as a function)
    """A catalog of its own for the time of a `with` block."""

    def __init__(self, folder: Path) -> None:
        self._catalog = Catalog.open(f"sqlite:///{folder / 'catalog.db'}", folder)

    def __enter__(self) -> Catalog:
        return self._catalog

    def __exit__(self, *_: object) -> None:
        self._catalog.close()


@pytest.mark.parametrize("wanted_s", [1e9, 2.5e11, float("inf")])
def test_a_source_that_wants_to_be_left_alone_for_years_puts_no_movie_off_for_longer_than_an_hour(
    wanted_s: float, tmp_path: Path
) -> None:
    with opened(tmp_path) as catalog:
        catalog.add([NewMovie("Heat", 6)])
        claim: Claim = catalog.work.claim(Kind.FETCH, 1, 60)
        outcomes = Outcomes()
        outcomes.add(6, SourceTroubled("tmdb", "TMDB answered 429", wanted_s))
        outcomes.record(catalog, claim)
        with catalog.database.read() as connection:
            (row,) = connection.exec_driver_sql("SELECT state, reason, next_attempt_at FROM poster_work").all()
    assert (row.state, row.reason) == ("pending", Reason.SOURCE_UNAVAILABLE)
    assert 0 < row.next_attempt_at - time.time() <= LONGEST_WANTED_S


def test_what_is_refused_is_never_asked_again_and_what_is_troubled_is() -> None:
    """The reasons of the cases are those of the catalog, and the permanent ones end a movie at once."""
    reasons = {reason for origin in origins() for reason in origin.wanted} - {""}
    assert reasons <= {str(reason) for reason in Reason}
    assert {REFUSED, UNAVAILABLE} <= reasons
