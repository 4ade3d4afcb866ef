"""Keeps up with what is published and what changes: one thread of each process, one reference for all requests."""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from api.newcomers import Newcomers
from api.shelf import Shelf
from api.shelf_view import Titles
from catalog.catalog import Catalog
from catalog.changes import Changed, Mark
from catalog.errors import CatalogError
from index.live import LiveSnapshot
from index.snapshot import Snapshot

EVERY_S = 1.0  # so that a movie is found, or gone, within 2 s
JITTER = 0.2  # many processes must not all look at the same moment
REST = 4.0  # times as long as looking took, at least: a flood of changes takes a fifth of one processor, no more
# Movies are read again whole after so long: somebody may have changed them past this program, by SQL or by an older
# version of it that runs beside this one for the time of an update.
REREAD_S = 3600.0
# Seconds that this thread may keep those waiting that answer, while it takes a snapshot or movies up: Python's own 5 ms
# are more than ten answers take. Between whiles they stay: threads that answer would take the lock from each other all
# the time, at half the requests a second (waitress, `benchmarks.serve`).
GIVE_WAY_S, USUAL_S = 0.0005, 0.005
MOST_WAITED_FOR = 50_000  # movies that a first request waits for, half a second; more are read beside the requests

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """What a request sees from its start to its end.

    Attributes:
        snapshot: with the posters embedded and without the movies deleted since; None before the first one.
        shelf: the movies. revision: goes up whenever one of them is another; a number of this process.
    """

    snapshot: Snapshot | None
    shelf: Titles
    revision: int


class Follower:
    """Always the newest view; think of a reference that changes by itself.

    A database that does not answer leaves the view as it is. Safe for threads; `watch` once more in a forked child.
    """

    def __init__(self, catalog: Catalog, live: LiveSnapshot) -> None:
        self._catalog, self._live = catalog, live
        self._shelf = Shelf(catalog)
        self._view = View(None, self._shelf.view(), 0)
        self._base: Snapshot | None = None
        self._newcomers: Newcomers | None = None
        self._mark: Mark | None = None
        self._reread_at = 0.0
        self._silent = False
        self._outdated = False  # the view, by a snapshot or its newcomers
        self._looking = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._process = 0

    def view(self) -> View:
        """The view of now; another snapshot that somebody else loaded is taken up first.

        While the thread looks, nobody waits for it: the view before is as good as it was a moment ago.
        """
        if self._live.current is not self._base and not self._looking.locked():
            self.refresh()
        return self._view

    def watch(self) -> None:
        """Looks once, then every second in a daemon thread; does nothing where this process does so already."""
        if self._process == os.getpid():
            return
        with self._looking:
            if self._process == os.getpid():
                return
            self._look()
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._follow, args=(self._stop,), name="follow", daemon=True)
            self._thread.start()
            self._process = os.getpid()

    def refresh(self) -> None:
        """Looks now."""
        with self._looking, giving_way():
            self._look()

    def notice(self) -> None:
        """Looks now, for somebody whose own work is done: what goes wrong is in the log, and the thread tries again."""
        try:
            self.refresh()
        except Exception:
            log.exception("what changed could not be followed")

    def close(self) -> None:
        """Ends the thread; the view stays usable."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _follow(self, stop: threading.Event) -> None:
        draw, took_s = np.random.default_rng(), 0.0
        while not stop.wait(max(EVERY_S * draw.uniform(1 - JITTER, 1 + JITTER), REST * took_s)):
            began = time.monotonic()
            self.notice()  # a follower that died would serve old answers for ever, and nobody would know
            if self._mark is None and not self._silent:
                self._read_all()
            took_s = time.monotonic() - began

    def _read_all(self) -> None:
        """Fills the shelf beside the lock: requests that look meanwhile do not wait for a million movies."""
        try:
            with giving_way():
                self._fill()
        except CatalogError as err:
            self._silence(str(err))
        except Exception:
            log.exception("the movies could not be read into memory")
        self.notice()

    def _look(self) -> None:
        self._refresh_live()
        if self._live.current is not self._base:
            self._base, self._outdated = self._live.current, True
            gone = self._newcomers.gone if self._newcomers else frozenset[int]()
            self._newcomers = Newcomers(self._catalog, self._base, gone) if self._base else None
        try:
            changed = self._catch_up()
            self._outdated |= self._newcomers is not None and self._newcomers.follow(changed)
            if changed is not None and self._mark is not None:
                self._mark = changed.mark
            self._silence(None)
        except CatalogError as err:
            self._silence(str(err))
        self._publish()

    def _refresh_live(self) -> None:
        try:
            self._live.refresh()
        except Exception:
            log.exception("the snapshot could not be refreshed")

    def _catch_up(self) -> Changed | None:
        """Has the shelf follow the catalog; what changed, or None where that is not known."""
        if self._mark is None and self._catalog.movies.count() <= MOST_WAITED_FOR:
            self._fill()
        if self._mark is None:
            return None
        changed = self._catalog.changes.since(self._mark)
        if not changed.everything and time.monotonic() < self._reread_at:
            self._shelf.take(changed)
            return changed
        self._mark = None
        if self._catalog.movies.count() <= MOST_WAITED_FOR:
            self._fill()
        return None

    def _fill(self) -> None:
        mark = self._catalog.changes.mark()
        self._shelf.load()
        self._mark, self._reread_at = mark, time.monotonic() + REREAD_S

    def _silence(self, why: str | None) -> None:
        """Says once that the catalog does not answer, and once that it does again."""
        if why is not None and not self._silent:
            log.warning("%s; what was known before is served", why)
        if why is None and self._silent:
            log.info("the database answers again")
        self._silent = why is not None

    def _publish(self) -> None:
        before, shelf = self._view, self._shelf.view()
        if not self._outdated and shelf is before.shelf:
            return
        snapshot = before.snapshot
        if self._outdated:
            side = self._newcomers.beside() if self._newcomers else None
            snapshot = self._base if self._base is None or side is None else self._base.with_side(side)
        self._view = View(snapshot, shelf, before.revision + 1)
        self._outdated = False


@contextmanager
def giving_way() -> Iterator[None]:
    """Lets other threads of this process take their turn soon, whatever is computed within.

    Where two do so at once, the one that ends first ends it for both: the interval is one for the whole process.
    """
    sys.setswitchinterval(GIVE_WAY_S)
    try:
        yield
    finally:
        sys.setswitchinterval(USUAL_S)
