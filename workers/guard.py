"""How this process's workers behave towards one outside source: one budget and one breaker for all workers."""

import logging
import math
import threading
import time
from collections import deque

from catalog.sources import Health, Sources
from posters.errors import SourceWaiting

log = logging.getLogger(__name__)

# So many troubles in a row, in one process, are an outage: with one request in eight going wrong by itself it happens
# about twice in 100,000 requests.
TROUBLES_IN_A_ROW = 5
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 3.0  # one request every 3 s is no burden for a source that is down
LONGEST_WANTED_S = 3600.0  # a Retry-After above this is taken for a mistake
REFUSED_S = 900.0  # a source that refused us is asked again after this: accounts are mended on the other side, too
LOOK_EVERY_S = 1.0  # how old this process's knowledge of the shared state may be
RESERVED_S = 0.25  # of the budget taken in one transaction
# Slots are handed out a little slower than the budget, and one that a busy machine misses by more than LATE_S is void:
# the requests that begin within any second are then those of the slots of 1.03 s, at .97 of the budget.
SLACK, LATE_S = 0.97, 0.03


class SharedGuard:
    """Implements `posters.guard.SourceGuard` over the catalog; safe for threads.

    Args:
        per_s: requests a second that all workers together may make.
    """

    def __init__(self, sources: Sources, name: str, per_s: float) -> None:
        self.name = name
        self._sources, self._per_s = sources, per_s * SLACK
        self._lock = threading.Lock()
        self._slots: deque[float] = deque()
        self._troubles, self._looked_at = 0, -math.inf
        self._state = sources.get(name)
        self._prober: int | None = None  # the thread whose request finds out whether an outage is over

    def admit(self) -> None:
        """Waits for the turn of one request.

        Raises:
            SourceWaiting: the source has an outage, or refuses us; the error says until when.
        """
        self._demand_open()
        late_s = math.inf
        while late_s > LATE_S:  # a request that starts late would meet those of the next slots
            with self._lock:
                slot = self._next_slot()
            time.sleep(max(0.0, slot - time.time()))
            late_s = time.time() - slot
        if not self._is_prober():
            self._demand_open()

    def answered(self) -> None:
        """The source gave a proper answer: if it had an outage, that is over."""
        self._troubles = 0
        if self._state.state != Health.WORKING:
            self._prober = None
            if self._sources.working(self.name):
                log.info("%s answers again", self.name)
            self._look(at_once=True)

    def troubled(self, why: str, retry_after_s: float | None) -> None:
        """No proper answer: several in a row are an outage, and so is one to the request that probes for its end."""
        self._troubles += 1
        if not self._is_prober():
            if self._troubles < TROUBLES_IN_A_ROW:
                return
            self._look(at_once=True)
            if self._state.state != Health.WORKING:
                return  # known already: requests that were under way when it began do not make it longer
        self._prober = None
        pause = min(FIRST_PAUSE_S * 2**self._state.failures, LONGEST_PAUSE_S)
        pause = max(pause, min(retry_after_s or 0.0, LONGEST_WANTED_S))
        self._sources.waiting(self.name, why, time.time() + pause)
        log.warning("%s; asked again in %.0f s, no movie loses an attempt meanwhile", why, pause)
        self._look(at_once=True)

    def refused(self, why: str) -> None:
        """The source will not serve us: nobody asks it until a person has done something, or after a long time."""
        if self._sources.stopped(self.name, why, time.time() + REFUSED_S):
            log.error("%s", why)
        self._look(at_once=True)

    def _demand_open(self) -> None:
        self._look()
        state = self._state
        if state.state == Health.WORKING:
            return
        now = time.time()
        if state.until is not None and state.until <= now and self._sources.take_probe(self.name):
            self._prober = threading.get_ident()
            return
        self._look(at_once=True)
        if self._state.state != Health.WORKING:
            raise SourceWaiting(self.name, self._state.why or "does not answer", self._state.until or now)

    def _is_prober(self) -> bool:
        return self._prober == threading.get_ident()

    def _look(self, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self._looked_at >= LOOK_EVERY_S:
            self._state, self._looked_at = self._sources.get(self.name), now

    def _next_slot(self) -> float:
        """When the next request may start; slots that nobody used in time are void, or they would make a burst."""
        width = 1.0 / self._per_s
        while self._slots and self._slots[0] < time.time() - LATE_S:
            self._slots.popleft()
        if not self._slots:
            count = max(1, int(self._per_s * RESERVED_S))
            first = self._sources.reserve(self.name, count, self._per_s)
            self._slots.extend(first + number * width for number in range(count))
        return self._slots.popleft()
