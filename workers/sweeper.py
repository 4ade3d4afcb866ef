"""The sweeper: a thread in the worker's parent that rings for waiting work and ends what was lost too often."""

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from celery import Celery
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from catalog.catalog import Catalog
from catalog.entries import Kind
from catalog.errors import CatalogError
from catalog.presence import SEEN_EVERY_S
from catalog.sources import Health
from workers.app import TASK_OF
from workers.publication import request_publication

log = logging.getLogger(__name__)

REFRESH_EVERY_S = 60.0  # posters grow old over months
BUSY_PAUSE_S = 0.2  # between two looks while work waits and this worker is its own bell

# A child forked while this thread is inside SQLite would inherit a locked mutex: forks wait for the sweep to end.
_between_forks = threading.Lock()
os.register_at_fork(
    before=_between_forks.acquire, after_in_parent=_between_forks.release, after_in_child=_between_forks.release
)


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """What one worker sweeps for; times in seconds."""

    worker_id: str
    kinds: tuple[Kind, ...]
    hands: int  # tasks that this worker can run at once
    interval_s: float
    publish_every_s: float
    embedded: bool
    outside: tuple[str, ...] = ()  # sources that may replace title cards


class Sweeper:
    """Rings the bells of one worker's kinds; `start` runs it until `stop`."""

    def __init__(self, app: Celery, catalog: Catalog, options: SweepOptions) -> None:
        self._app, self._catalog, self._options = app, catalog, options
        self._stop = threading.Event()
        self._refreshed_at = -math.inf
        self._next_attempt = math.inf
        self._threads = [
            threading.Thread(target=self._run, args=(self.sweep, self._pause_s), name="sweeper", daemon=True),
            threading.Thread(
                target=self._run, args=(self.say_alive, lambda _: SEEN_EVERY_S), name="alive", daemon=True
            ),
        ]

    def start(self) -> None:
        """Starts sweeping in the background."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stops after the sweep under way and says that this worker is gone."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._catalog.presence.gone(self._options.worker_id)

    def say_alive(self) -> bool:
        """Tells the catalog that this worker is there."""
        self._catalog.presence.seen(self._options.worker_id, self._options.kinds)
        return False

    def sweep(self) -> bool:
        """One look at the catalog; True when work waits."""
        ended = self._catalog.work.sweep() + self._catalog.jobs.sweep()
        if ended:
            log.warning("%d rows ended as worker_lost: their worker died at every attempt", ended)
        if Kind.BUILD in self._options.kinds:
            job_id = request_publication(self._catalog, self._options.publish_every_s)
            if job_id:
                log.info("publishing what was embedded since the last snapshot: job %s", job_id)
        if Kind.FETCH in self._options.kinds:
            self._refresh()
        due = [kind for kind in self._options.kinds if self._due(kind)]
        for kind in due:
            self._ring(kind)
        self._next_attempt = self._catalog.work.next_attempt() or math.inf
        return bool(due)

    def _refresh(self) -> None:
        """Now and then queues what is too old, or stands in for a poster that a source may have."""
        if time.monotonic() - self._refreshed_at < REFRESH_EVERY_S:
            return
        self._refreshed_at = time.monotonic()
        if all(self._catalog.sources.get(name).state == Health.WORKING for name in self._options.outside):
            again = self._catalog.work.refresh(self._options.outside)
            if again:
                log.info("%d posters are fetched anew: out of date, or title cards that stood in", again)

    def _due(self, kind: Kind) -> bool:
        return self._catalog.jobs.due() if kind == Kind.BUILD else self._catalog.work.due(kind)

    def _ring(self, kind: Kind) -> None:
        """Rings unless as many bells of this kind wait as there are hands to hear them."""
        with self._app.connection_for_write() as connection:
            queue = connection.SimpleQueue(self._app.amqp.queues[kind])
            try:
                waiting = queue.qsize()
            except connection.channel_errors:
                waiting = 0  # Redis forgets a queue that is empty
            finally:
                queue.close()
            for _ in range(self._hands(kind) - waiting):
                self._app.send_task(TASK_OF[kind], connection=connection)

    def _hands(self, kind: Kind) -> int:
        if self._options.embedded:
            return self._options.hands
        alive = self._catalog.presence.alive()
        return max(1, self._options.hands * sum(kind in worker.kinds for worker in alive))

    def _pause_s(self, rang: bool) -> float:
        """Until the next look; a row that was put off for a moment must not wait for a whole interval."""
        interval_s = self._options.interval_s
        if rang and self._options.embedded:
            return min(interval_s, BUSY_PAUSE_S)
        return min(interval_s, max(self._next_attempt - time.time(), BUSY_PAUSE_S))

    def _run(self, step: Callable[[], bool], pause_s: Callable[[bool], float]) -> None:
        rang = False
        while True:
            try:
                with _between_forks:
                    rang = step()
            except (CatalogError, OSError, KombuError, RedisError) as err:
                log.warning("sweep put off: %s", err)
            except Exception:  # without its sweeper a worker would wait for ever, and nobody would know why
                log.exception("a sweep failed in a way nobody foresaw; the next one comes as usual")
            if self._stop.wait(pause_s(rang)):
                return
