"""The one door for the API and the commands: writes the row, then rings the bell by name."""

import logging
from collections.abc import Sequence

from celery import Celery
from kombu.exceptions import OperationalError

from catalog.catalog import Catalog
from catalog.entries import Job, Kind, NewMovie
from workers.app import TASK_OF, create_celery

log = logging.getLogger(__name__)


class Bell:
    """Tells workers in other processes that a kind of work waits; silent where each worker rings its own bell."""

    def __init__(self, broker_url: str) -> None:
        self._app: Celery | None = None if broker_url.startswith("memory://") else create_celery(broker_url)

    def ring(self, kind: Kind) -> None:
        """Rings once. A broker out of reach is only logged: the row is stored and a sweeper will find it."""
        if self._app is None:
            return
        try:
            self._app.send_task(TASK_OF[kind])
        except (OperationalError, OSError) as err:
            log.warning("bell for %s not heard, the sweeper will ring again: %s", kind, err)


def add_movies(catalog: Catalog, bell: Bell, new: Sequence[NewMovie]) -> tuple[str, list[int]]:
    """Takes movies in and rings for their posters; job id and movie ids.

    Raises:
        ConflictingMovie: nothing was stored.
    """
    job_id, movie_ids = catalog.add(new)
    bell.ring(Kind.FETCH)
    return job_id, movie_ids


def start_job(catalog: Catalog, bell: Bell, kind: str) -> Job:
    """Opens a `train` or `rebuild` and rings for it.

    Raises:
        JobRunning: one of this kind waits or runs.
    """
    job = catalog.jobs.open(kind)
    bell.ring(Kind.BUILD)
    return job
