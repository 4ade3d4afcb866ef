"""The server that stands in for TMDB fails as often as it is told, in the same order every time."""

import http.client
from collections import Counter

import pytest

from tests.posters.tmdb_server import TOKEN, Faults, TmdbServer, poster


def statuses(server: TmdbServer, count: int) -> list[int]:
    """Answers to requests one after the other; 0 for none."""
    got = []
    for number in range(1, count + 1):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        try:
            connection.request("GET", f"/3/movie/{number}", headers={"Authorization": f"Bearer {TOKEN}"})
            answer = connection.getresponse()
            answer.read()
            got.append(answer.status)
        except OSError:
            got.append(0)
        finally:
            connection.close()
    return got


def test_faults_come_as_often_as_wanted_and_again_in_the_same_order() -> None:
    runs = []
    for _ in range(2):
        with TmdbServer(faults=Faults(too_many=0.2, errors=0.1, drops=0.1, stalls=0.01, stall_s=0.01)) as server:
            runs.append(statuses(server, 200))
            assert server.by_status() == Counter(runs[-1])
    assert runs[0] == runs[1]
    counted = Counter(runs[0])
    assert 25 <= counted[429] <= 55
    assert counted[500] and counted[0] and counted[200] > 100


def test_an_outage_lasts_while_it_is_switched_on() -> None:
    with TmdbServer() as server:
        with server.outage():
            assert statuses(server, 2) == [503, 503]
        server.begin_outage("drop")
        assert statuses(server, 2) == [0, 0]
        server.end_outage()
        assert statuses(server, 1) == [200]
        assert server.count() == 5
        assert server.count("movie", 503) == 2


def test_every_movie_has_a_poster_like_no_other() -> None:
    assert len({poster(number) for number in range(1, 2001)}) == 2000
    assert poster(1) is poster(1)


def test_the_busiest_second_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([100.0, 100.5, 101.2, 101.3, 101.4, 103.0])
    with TmdbServer() as server:
        monkeypatch.setattr("tests.posters.tmdb_server.time.time", lambda: next(times))
        for _ in range(6):
            server.answer("/3/configuration", f"Bearer {TOKEN}")
        assert server.busiest_second() == 4
