"""Log lines that may come a moment later: those of requests, of which there are thousands a second."""

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol

PAUSE_S = 0.05  # lines gather so long: a process that is killed loses them
END_WITHIN_S = 1.0


class Target(Protocol):
    """Formats and writes lines, many at once."""

    def emit_all(self, records: Iterable[logging.LogRecord]) -> None:
        """Writes these lines."""


class Later(logging.Handler):
    """Hands lines to another handler from a thread of its own, many at once.

    Writing one lets the interpreter's lock go, and seven other threads that answer requests go first: 100 us a request
    under load, where answering takes 30. The thread is started by the first line of a process, once more after a fork;
    what waits is written when the process ends.

    Args:
        target: formats and writes; its formatter must not ask for what only the thread that logs knows, or find it in
            the record (`keep` sees to that).
    """

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target
        self._waiting: deque[logging.LogRecord] = deque()
        self._some = threading.Event()
        self._process = 0
        self._writing = threading.Lock()
        atexit.register(self.flush)

    def createLock(self) -> None:  # noqa: N802 - the name is logging's
        """None is needed: a deque may be added to by many threads."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a line in."""
        self._waiting.append(record)
        if self._process != os.getpid():
            self._start()
        if not self._some.is_set():
            self._some.set()

    def flush(self) -> None:
        """Writes what waits; at the end of a process once the thread has written what it has in hand."""
        ours = self._writing.acquire(
            timeout=END_WITHIN_S
        )  # a fork may have left it taken, by a thread that is not here
        try:
            self._target.emit_all(self._all())
        finally:
            if ours:
                self._writing.release()

    def _all(self) -> Iterator[logging.LogRecord]:
        while self._waiting:
            try:
                yield self._waiting.popleft()
            except IndexError:
                return  # another thread wrote it

    def _start(self) -> None:
        self._process, self._some, self._writing = os.getpid(), threading.Event(), threading.Lock()
        self._some.set()
        threading.Thread(target=self._write, args=(self._some,), name="access-log", daemon=True).start()

    def _write(self, some: threading.Event) -> None:
        while True:
            some.wait()
            some.clear()
            time.sleep(PAUSE_S)
            self.flush()
