"""The log line of each request."""

import logging
import os
import time

from config.logs import ACCESS

PROBES = ("/livez", "/readyz", "/metrics")
MAX_SHOWN = 200  # characters of an address in a log line
MS_DIGITS = 2  # of the milliseconds in a line: most answers take less than one

log = logging.getLogger(ACCESS)

# What all these lines have in common. `Logger.log` would look for the calling line and the names of thread and task
# each time, which takes as long as to look ten neighbours up.
_SAME = vars(logging.LogRecord(ACCESS, logging.INFO, __file__, 0, "%s %s %d", (), None))


def note(path: str, route: str, method: str, status: int, seconds: float) -> None:
    """Writes one line; of machines that look in every few seconds only where one looks closely."""
    level = logging.DEBUG if path in PROBES else logging.INFO
    if log.isEnabledFor(level):
        log.handle(_record(level, path, route, method, status, seconds))


def _record(level: int, path: str, route: str, method: str, status: int, seconds: float) -> logging.LogRecord:
    record = logging.LogRecord.__new__(logging.LogRecord)
    now = time.time()
    vars(record).update(
        _SAME,
        levelno=level,
        levelname=logging.getLevelName(level),
        args=(method, path[:MAX_SHOWN], status),
        created=now,
        process=os.getpid(),
        msecs=now % 1 * 1000,
        method=method,
        route=route,
        status=status,
        ms=round(seconds * 1000, MS_DIGITS),
    )
    return record
