"""Fetching: claims posters that wait, gets several at once under one deadline, records what came."""

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from catalog.catalog import Catalog
from catalog.entries import Claim, Kind, Movie, PosterFile, Reason
from catalog.work import Failure
from posters.errors import PosterMissing, PosterRejected, PosterUnavailable
from posters.poster import PosterImage, PosterRequest

log = logging.getLogger(__name__)

GATHER_S = 0.2  # what came within this time is recorded in one transaction

Fetch = Callable[[PosterRequest], PosterImage]


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How much one fetch task takes on; times in seconds."""

    batch: int = 64
    lease_s: float = 180.0
    deadline_s: float = 30.0  # reliability.md section 4.3: the batch ends then, whatever is left goes back
    at_once: int = 8


@dataclass(slots=True)
class _Outcome:
    files: list[PosterFile] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    postponed: list[Failure] = field(default_factory=list)


def fetch_due(catalog: Catalog, fetch: Fetch, limits: FetchLimits) -> int:
    """Fetches one batch of posters that wait; returns how many rows were claimed.

    Args:
        fetch: gets the poster of one movie from its sources; called from several threads.
    """
    claim = catalog.work.claim(Kind.FETCH, limits.batch, limits.lease_s)
    if not claim.movie_ids:
        return 0
    movies = catalog.movies.many(claim.movie_ids)
    pool = ThreadPoolExecutor(limits.at_once, thread_name_prefix="fetch")
    try:
        waiting = {pool.submit(_stored, catalog, fetch, movie): movie.movie_id for movie in movies}
        late = _record_as_they_come(catalog, claim, waiting, time.monotonic() + limits.deadline_s)
        _give_back(catalog, claim, late, limits.deadline_s)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return len(claim.movie_ids)


def _stored(catalog: Catalog, fetch: Fetch, movie: Movie) -> PosterFile:
    image = fetch(PosterRequest(movie.movie_id, movie.title, movie.year, movie.genres, movie.imdb_id, movie.tmdb_id))
    sha256 = catalog.posters.content.put(image.content, image.media_type)
    return PosterFile(
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
        fetched_at=time.time(),
    )


def _record_as_they_come(
    catalog: Catalog, claim: Claim, waiting: dict["Future[PosterFile]", int], deadline: float
) -> dict["Future[PosterFile]", int]:
    """Records finished posters in small transactions; returns what was not finished by the deadline."""
    while waiting and time.monotonic() < deadline:
        wait(waiting, timeout=deadline - time.monotonic(), return_when=FIRST_COMPLETED)
        wait(waiting, timeout=min(GATHER_S, max(0.0, deadline - time.monotonic())))
        done = [future for future in waiting if future.done()]
        _record(catalog, claim, ((waiting.pop(future), future) for future in done))
    return waiting


def _record(catalog: Catalog, claim: Claim, done: Iterable[tuple[int, "Future[PosterFile]"]]) -> None:
    outcome = _Outcome()
    for movie_id, future in done:
        _sort(outcome, movie_id, future)
    if outcome.files:
        catalog.work.fetched(claim, outcome.files)
    if outcome.failed:
        catalog.work.failed(claim, outcome.failed)
    if outcome.postponed:
        catalog.work.postponed(claim, outcome.postponed)


def _sort(outcome: _Outcome, movie_id: int, future: "Future[PosterFile]") -> None:
    """Puts one finished poster where its result or its error belongs."""
    error = future.exception()
    if error is None:
        outcome.files.append(future.result())
    elif isinstance(error, PosterMissing):
        outcome.failed.append(Failure(movie_id, Reason.NO_POSTER, str(error)))
    elif isinstance(error, PosterRejected):
        outcome.failed.append(Failure(movie_id, Reason(error.reason), str(error)))
    elif isinstance(error, (PosterUnavailable, OSError)):
        outcome.postponed.append(Failure(movie_id, Reason.SOURCE_UNAVAILABLE, str(error)))
    else:
        log.error("fetching the poster of movie %d failed in a way nobody foresaw", movie_id, exc_info=error)
        detail = f"unforeseen {type(error).__name__}: see the worker's log"
        outcome.postponed.append(Failure(movie_id, Reason.INTERNAL_ERROR, detail))


def _give_back(catalog: Catalog, claim: Claim, late: dict["Future[PosterFile]", int], deadline_s: float) -> None:
    """What never got its turn loses no attempt; what was under way and hung does."""
    unstarted = [movie_id for future, movie_id in late.items() if future.cancel()]
    hung = [movie_id for movie_id in late.values() if movie_id not in set(unstarted)]
    catalog.work.released(claim, unstarted)
    why = f"no answer within the {deadline_s:g} s of its batch"
    catalog.work.postponed(claim, [Failure(movie_id, Reason.SOURCE_UNAVAILABLE, why) for movie_id in hung])
