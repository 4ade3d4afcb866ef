"""Fetching: keeps a few dozen claimed posters on their way, and records what came.

One slow answer must not hold up the others, nor the encoder: `Fetcher` keeps posters under way between two calls.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from catalog.catalog import Catalog
from catalog.entries import Claim, Kind, Movie, PosterFile
from catalog.errors import CatalogError
from catalog.given import GivenPoster
from faults.points import reached
from posters.poster import PosterImage, PosterRequest, Provenance, poster_image
from posters.sources import Found
from workers.outcomes import Outcomes, Stored

log = logging.getLogger(__name__)

RECORD_EVERY_S = 0.5  # between two tasks
GATHER_S = 0.2  # what came within this time is recorded in one transaction
CLAIMED_AT_ONCE = 16  # less room than this is not worth a transaction while other posters are under way
UPLOAD = "upload"  # name of the source of posters that were handed in

Fetch = Callable[[PosterRequest, Mapping[str, str]], Found]


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How much one process takes on; times in seconds."""

    batch: int = 64  # posters under way
    lease_s: float = 180.0
    deadline_s: float = 30.0  # reliability.md section 4.3: whatever is left of a claim then goes back
    at_once: int = 8


@dataclass(frozen=True, slots=True)
class _Underway:
    claim: Claim
    movie_id: int
    deadline: float  # on the monotonic clock


class Fetcher:
    """Posters under way in the threads of one process.

    What comes is recorded by whoever calls `settle`, and by a thread of its own while nobody does: between two tasks of
    the child that holds it.

    Args:
        fetch: gets the poster of one movie from its sources, given what they are known not to have; called from
            several threads.
    """

    def __init__(self, catalog: Catalog, fetch: Fetch, limits: FetchLimits) -> None:
        self._catalog, self._fetch, self._limits = catalog, fetch, limits
        self._pool = ThreadPoolExecutor(limits.at_once, thread_name_prefix="fetch")
        self._underway: dict[Future[Stored], _Underway] = {}
        self._lock = threading.RLock()  # of what is under way
        self._closed = threading.Event()
        threading.Thread(target=self._record_meanwhile, name="fetched", daemon=True).start()

    @property
    def busy(self) -> bool:
        """True while posters are under way."""
        return bool(self._underway)

    def claim(self) -> int:
        """Fills up with due posters; returns how many were claimed.

        A row that was lost by its worker is claimed alone, so it waits until nothing else is under way.
        """
        with self._lock:
            room = self._limits.batch - len(self._underway)
            if self._underway and (room < min(CLAIMED_AT_ONCE, self._limits.batch) or self._one_is_alone()):
                return 0
            claim = self._catalog.work.claim(Kind.FETCH, room, self._limits.lease_s, in_company=self.busy)
            if claim.movie_ids:
                reached("fetch.claimed")
                self._start(claim)
            return len(claim.movie_ids)

    def settle(self, within_s: float) -> None:
        """Waits up to `within_s` for posters under way and records those that came, or that hang."""
        with self._lock:
            underway = list(self._underway)
        wait(underway, timeout=within_s, return_when=FIRST_COMPLETED)
        wait(underway, timeout=min(GATHER_S, within_s))
        with self._lock:
            self._record([future for future in self._underway if future.done()])
            self._give_back_late()

    def drain(self) -> None:
        """Waits until nothing is under way; the deadline of every poster bounds it."""
        while self._underway:
            self.settle(self._limits.deadline_s)

    def close(self) -> None:
        """Gives back what has not begun, waits for the rest."""
        with self._lock:
            self._release([future for future in self._underway if future.cancel()])
        self.drain()
        self._closed.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, claim: Claim) -> None:
        movies = self._catalog.movies.many(claim.movie_ids)
        known, given = self._catalog.misses.of(claim.movie_ids), self._catalog.given.of(claim.movie_ids)
        deadline = time.monotonic() + self._limits.deadline_s
        for movie in movies:
            work = (movie, given.get(movie.movie_id), known.get(movie.movie_id, {}))
            future = self._pool.submit(_stored, self._catalog, self._fetch, *work)
            self._underway[future] = _Underway(claim, movie.movie_id, deadline)

    def _one_is_alone(self) -> bool:
        return any(one.claim.alone for one in self._underway.values())

    def _record_meanwhile(self) -> None:
        while not self._closed.wait(RECORD_EVERY_S):
            try:
                self.settle(0.0)
            except CatalogError as err:
                log.warning("recording what was fetched is put off: %s", err)

    def _record(self, done: list["Future[Stored]"]) -> None:
        """Writes down what came; what the catalog does not take now stays in hand and is told again."""
        by_claim: dict[Claim, list[Future[Stored]]] = defaultdict(list)
        for future in done:
            by_claim[self._underway[future].claim].append(future)
        for claim, futures in by_claim.items():
            outcomes = Outcomes()
            for future in futures:
                outcomes.add(self._underway[future].movie_id, future.exception() or future.result())
            outcomes.record(self._catalog, claim)
            for future in futures:
                del self._underway[future]

    def _give_back_late(self) -> None:
        """What never got its turn loses no attempt; what was under way and hung does."""
        now = time.monotonic()
        late = [future for future, one in self._underway.items() if one.deadline <= now and not future.done()]
        self._release([future for future in late if future.cancel()])
        why = f"no answer within {self._limits.deadline_s:g} s"
        for future in late:
            if one := self._underway.pop(future, None):
                outcomes = Outcomes()
                outcomes.add(one.movie_id, TimeoutError(why))
                outcomes.record(self._catalog, one.claim)

    def _release(self, unstarted: list["Future[Stored]"]) -> None:
        by_claim: dict[Claim, list[int]] = defaultdict(list)
        for future in unstarted:
            one = self._underway.pop(future)
            by_claim[one.claim].append(one.movie_id)
        for claim, movie_ids in by_claim.items():
            self._catalog.work.released(claim, movie_ids)


def fetch_due(catalog: Catalog, fetch: Fetch, limits: FetchLimits) -> int:
    """Fetches one batch of posters that wait, to its end; returns how many rows were claimed."""
    fetcher = Fetcher(catalog, fetch, limits)
    try:
        claimed = fetcher.claim()
        fetcher.drain()
    finally:
        fetcher.close()
    return claimed


def _stored(
    catalog: Catalog, fetch: Fetch, movie: Movie, given: GivenPoster | None, known: Mapping[str, str]
) -> Stored:
    uploaded = _uploaded(catalog, given)
    found = Found(uploaded, {}) if uploaded else fetch(_request(movie, given), known)
    image, now = found.image, time.time()
    reached("fetch.arrived")
    sha256 = catalog.posters.content.put(image.content, image.media_type)
    reached("fetch.kept")
    file = PosterFile(
        movie_id=movie.movie_id,
        sha256=sha256,
        media_type=image.media_type,
        width=image.width,
        height=image.height,
        size_bytes=len(image.content),
        source=image.source,
        origin=image.origin,
        generated=image.generated,
        attribution=image.attribution,
        fetched_at=now,
        expires_at=None if image.lifetime_s is None else now + image.lifetime_s,
    )
    return Stored(file, found.misses)


def _uploaded(catalog: Catalog, given: GivenPoster | None) -> PosterImage | None:
    """The poster that was handed in for this movie, looked into now; None without one, or when its file is gone."""
    if given is None or given.sha256 is None or given.media_type is None:
        return None
    content = catalog.posters.content.get(given.sha256, given.media_type)
    return poster_image(content, Provenance(UPLOAD, given.sha256[:16])) if content else None


def _request(movie: Movie, given: GivenPoster | None) -> PosterRequest:
    return PosterRequest(
        movie_id=movie.movie_id,
        title=movie.title,
        year=movie.year,
        genres=movie.genres,
        imdb_id=movie.imdb_id,
        tmdb_id=movie.tmdb_id,
        poster_url=given.url if given else None,
    )
