"""The one door for the API and the commands: writes the row, then rings the bell by name."""

import logging
import time
from collections.abc import Sequence

from celery import Celery
from kombu.exceptions import OperationalError

from catalog.catalog import Catalog
from catalog.entries import Job, Kind, NewMovie
from workers.app import TASK_OF, create_celery

SILENT_S = 5.0  # not rung after a failure: each try costs whoever asks up to a second, and sweepers ring anyway

log = logging.getLogger(__name__)


class Bell:
    """Tells workers in other processes that a kind of work waits; silent where each worker rings its own bell.

    Safe for threads. Never waits longer than about a second for a broker, and after that not again for some.
    """

    def __init__(self, broker_url: str) -> None:
        here = broker_url.startswith("memory://")
        self._app: Celery | None = None if here else create_celery(broker_url, ringing=True)
        self._silent_until = 0.0

    def ring(self, kind: Kind) -> None:
        """Rings once. A broker out of reach is only logged: the row is stored and a sweeper will find it."""
        if self._app is None or time.monotonic() < self._silent_until:
            return
        try:
            self._app.send_task(TASK_OF[kind], retry=False)
        except (OperationalError, OSError) as err:
            self._silent_until = time.monotonic() + SILENT_S
            log.warning("bell for %s not heard, the sweeper will ring again: %s", kind, err)


def add_movies(
    catalog: Catalog, bell: Bell, new: Sequence[NewMovie], request_id: str | None = None
) -> tuple[str, list[int]]:
    """Takes movies in and rings for their posters; job id and movie ids.

    Raises:
        ConflictingMovie: nothing was stored.
    """
    job_id, movie_ids = catalog.add(new, request_id)
    log.info("movies taken in: %d", len(movie_ids), extra={"job_id": job_id})
    bell.ring(Kind.FETCH)
    return job_id, movie_ids


def retry_movie(catalog: Catalog, bell: Bell, movie_id: int) -> bool:
    """Sends a failed movie back to the start and rings; False when it has not failed."""
    again = catalog.work.retry_movies([movie_id]) > 0
    if again:
        bell.ring(Kind.FETCH)
    return again


def renew_poster(catalog: Catalog, bell: Bell, movie_id: int, request_id: str | None = None) -> str:
    """Has a movie's poster found anew and rings; the id of the job that follows it.

    Raises:
        UnknownMovie: there is no such movie.
    """
    catalog.work.renew([movie_id])
    job_id = catalog.follow([movie_id], request_id)
    log.info("a new poster of movie %d asked for", movie_id, extra={"job_id": job_id})
    bell.ring(Kind.FETCH)
    return job_id


def start_job(catalog: Catalog, bell: Bell, kind: str, request_id: str | None = None) -> Job:
    """Opens a `train` or `rebuild` and rings for it.

    Raises:
        JobRunning: one of this kind waits or runs.
    """
    job = catalog.jobs.open(kind, request_id=request_id)
    log.info("%s asked for", kind, extra={"job_id": job.job_id})
    bell.ring(Kind.BUILD)
    return job
