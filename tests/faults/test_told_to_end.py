"""T18: API and worker are told to end while requests and posters are in hand: none is dropped."""

import http.client
import json
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from catalog.catalog import Catalog
from catalog.entries import State
from tests.acceptance.installation import wait_until
from tests.faults.harness import WORK, Kept, draw_poster, folder_of, installation, reference
from tests.faults.work_oracles import audit, broken_rows
from tests.plan import Judge

ASKERS = 12
OUT_WITHIN_S = 90.0  # reliability.md section 11
MOST_MOVIES = 3_000
SHORT_TIMES, NIGHTLY_TIMES = 3, 20


@dataclass
class Asked:
    """What came of requests, each on a connection of its own: when it was sent, and what went wrong."""

    accepted: list[int] = field(default_factory=list)
    answered: int = 0
    broken: list[tuple[float, str]] = field(default_factory=list)


class Askers:
    """Take movies in, and look at them, as fast as the API answers, while their `with` block lasts."""

    def __init__(self, port: int, first_id: int) -> None:
        self.asked = Asked()
        self._port, self.next_id = port, first_id
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(ASKERS)]

    def __enter__(self) -> "Askers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                movie_id, self.next_id = self.next_id, self.next_id + 1
            if not self._ask(movie_id):
                return

    def _ask(self, movie_id: int) -> bool:
        """One movie, and a look at the list; False when the door is shut."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.connect()
        except ConnectionRefusedError:
            return False
        sent_at, body = time.monotonic(), json.dumps({"movie_id": movie_id, "title": f"Movie {movie_id}", "year": 2000})
        try:
            connection.request("POST", "/movies", body, {"Content-Type": "application/json", "Connection": "close"})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as err:
            status = 0
            self.asked.broken.append((sent_at, f"movie {movie_id}: {type(err).__name__} {err}"))
        finally:
            connection.close()
        if status == 202:
            self.asked.accepted.append(movie_id)
        elif status:
            self.asked.broken.append((sent_at, f"movie {movie_id}: status {status}"))
        self.asked.answered += status > 0
        return True


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    installed = installation(tmp_path / "home", RATE_LIMIT_POSTS_PER_MIN="0", RATE_LIMIT_MOVIES_PER_H="0", LEASE_S="60")
    made = Kept(installed)
    yield made
    made.end()


@pytest.fixture
def catalog(kept: Kept) -> Iterator[Catalog]:
    opened = kept.installed.catalog()
    audit(opened)
    for movie_id in range(1, MOST_MOVIES):
        draw_poster(folder_of(kept.installed), movie_id)
    yield opened
    opened.close()


def test_what_is_in_hand_when_they_are_told_to_end_is_answered_and_embedded(
    kept: Kept, catalog: Catalog, nightly: bool, judge: Judge
) -> None:
    installed, times = kept.installed, NIGHTLY_TIMES if nightly else SHORT_TIMES
    accepted: list[int] = []
    dropped, slowest_s, answered, first_id = [], 0.0, 0, 1
    for _ in range(times):
        worker, api = kept.start(*WORK), kept.start("api")
        wait_until(installed.up, 60, "the API answers")
        with Askers(installed.port, first_id) as askers:
            wait_until(lambda: catalog.work.leased_until(), 60, "posters are in hand")
            told_at = time.monotonic()
            for process in (api, worker):
                process.send_signal(signal.SIGTERM)
            assert api.wait(OUT_WITHIN_S) == 0, installed.log(len(installed.started) - 1)
            assert worker.wait(OUT_WITHIN_S) == 0
            slowest_s = max(slowest_s, time.monotonic() - told_at)
        dropped += [what for sent_at, what in askers.asked.broken if sent_at < told_at or "status" in what]
        answered, first_id = answered + askers.asked.answered, askers.next_id
        accepted = sorted({*accepted, *askers.asked.accepted})
    wrong = dropped + _rows_that_paid(catalog) + _unfinished(kept, catalog, accepted)
    told = (
        f"{answered:,} answered, {len(dropped)} dropped, out after {slowest_s:.1f} s at most; {wrong[:5] or 'O1 holds'}"
    )
    judge(
        "T18",
        "SIGTERM to API and worker under load",
        times,
        f"0 dropped, out within {OUT_WITHIN_S:g} s",
        told,
        not wrong,
    )


def _rows_that_paid(catalog: Catalog) -> list[str]:
    """Rows that a worker which was told to end kept, or that it charged an attempt."""
    with catalog.database.read() as connection:
        query = "SELECT movie_id FROM poster_work WHERE token IS NOT NULL OR attempt > 0 OR lost > 0"
        return [f"movie {movie_id} paid for the end" for movie_id in connection.exec_driver_sql(query).scalars()]


def _unfinished(kept: Kept, catalog: Catalog, accepted: list[int]) -> list[str]:
    """Another worker finishes what is left; what is wrong then. A request that was cut off may have been accepted."""
    kept.start(*WORK)

    def done() -> bool:
        counts = catalog.work.counts()
        return counts[State.PENDING] + counts[State.FETCHED] == 0

    wait_until(done, 60, "the next worker ends what is left")
    with catalog.database.read() as connection:
        there = set(connection.exec_driver_sql("SELECT movie_id FROM poster_work").scalars())
    lost = [f"movie {movie_id} was accepted and is gone" for movie_id in set(accepted) - there]
    expected: dict[int, bytes | None] = {i: reference(folder_of(kept.installed), i) for i in there}
    return lost + broken_rows(catalog, expected)
