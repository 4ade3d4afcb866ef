"""An installation on a broker that goes wrong: API, worker and snapshot are real, and people go on asking meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from catalog.catalog import Catalog
from catalog.entries import State
from index.records import encode_record
from tests.acceptance.installation import Installation, free_port, wait_until
from tests.api.place import Place
from tests.workers.toy_encoder import ToyEncoder
from workers.rebuild import rebuild

PUBLISHED = range(1, 13)  # movies of the snapshot that is served all along
SWEEP_S, LEASE_S = 1, 5
ASKED_EVERY_S, POSTED_EVERY_S = 0.1, 0.4
STARTED_WITHIN_S = 60.0
QUESTION = f"/similar?movie_id={PUBLISHED[0]}&by=poster"


@dataclass
class People:
    """Ask /similar ten times and post movies about twice a second while their `with` block lasts."""

    installed: Installation
    unlike_200: list[str] = field(default_factory=list)
    unlike_202: list[str] = field(default_factory=list)
    put_off: int = 0  # 503 with Retry-After: declared, and asked again later
    asked: int = 0
    posted: list[int] = field(default_factory=list)
    post_s: list[float] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._go_on, args=args)
            for args in ((self._ask, ASKED_EVERY_S), (self._post, POSTED_EVERY_S))
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _go_on(self, step: Callable[[], None], every_s: float) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            step()
            self._stop.wait(max(0.0, began + every_s - time.monotonic()))

    def _ask(self) -> None:
        self.asked += 1
        try:
            status = self.installed.ask(QUESTION).status
        except OSError as err:
            self.unlike_200.append(str(err))
            return
        if status != 200:
            self.unlike_200.append(str(status))

    def _post(self) -> None:
        began = time.monotonic()
        try:
            answer = self.installed.ask("/movies", {"title": f"Movie {time.time():.3f}"})
        except OSError as err:
            self.unlike_202.append(str(err))
            return
        finally:
            self.post_s.append(time.monotonic() - began)
        if answer.status == 202:
            self.posted += [one["movie_id"] for one in answer.body["accepted"]]
        elif answer.status == 503 and "Retry-After" in answer.headers:
            self.put_off += 1
        else:
            self.unlike_202.append(f"{answer.status} {answer.body}")


def open_catalog(installed: Installation) -> Catalog:
    """The catalog of an installation, whichever database it is in."""
    url = installed.settings.get("DATABASE_URL", f"sqlite:///{installed.data_dir / 'catalog.db'}")
    return Catalog.open(url, installed.data_dir)


def publish_first(installed: Installation) -> None:
    """Movies, vectors and a first snapshot, made here and not by workers."""
    catalog = open_catalog(installed)
    place = Place(catalog, installed.data_dir / "index", packed=True)
    place.add(*PUBLISHED)
    draw = np.random.default_rng(6)
    pictures = {i: draw.integers(255, size=(2, 2, 3), dtype=np.uint8) for i in PUBLISHED}
    place.embed_records({i: encode_record(ToyEncoder.vector(picture)) for i, picture in pictures.items()})
    rebuild(catalog, installed.data_dir / "models", installed.data_dir / "index", lambda *_: None)
    catalog.close()


@contextmanager
def running(folder: Path, settings: dict[str, str]) -> Iterator[Installation]:
    """API and worker on these servers, of which the broker need not be there yet; they end with the block."""
    ours = {"POSTER_SOURCES": "titlecard", "SWEEP_S": str(SWEEP_S), "LEASE_S": str(LEASE_S)}
    ours |= {"RATE_LIMIT_POSTS_PER_MIN": "100000"}  # counted, and never reached: counting asks the broker, too
    made = Installation(folder, free_port(), ours | settings)
    publish_first(made)
    try:
        made.start("api")
        made.start("worker", "--kinds", "fetch,embed", module="tests.faults.toy_worker")
        wait_until(lambda: made.up(QUESTION), STARTED_WITHIN_S, "the API answers questions")
        yield made
    finally:
        made.stop()


def states(installed: Installation, movie_ids: Sequence[int]) -> dict[int, State]:
    """What became of these movies."""
    catalog = open_catalog(installed)
    try:
        return {movie.movie_id: movie.state for movie in catalog.movies.many(movie_ids)}
    finally:
        catalog.close()


def embedded_within(installed: Installation, movie_ids: Sequence[int], deadline_s: float) -> float:
    """Seconds until all of these are embedded; fails at the deadline, or when one has failed."""
    began = time.monotonic()

    def all_there() -> bool:
        found = states(installed, movie_ids)
        lost = {i: state for i, state in found.items() if state == State.FAILED}
        assert not lost, f"these failed: {lost}"
        return len(found) == len(movie_ids) and set(found.values()) <= {State.EMBEDDED}

    wait_until(all_there, deadline_s, f"{len(movie_ids)} movies are embedded")
    return time.monotonic() - began
