"""A task's acknowledgement is asked for until the broker takes it: one that is lost leaves its worker deaf.

Celery logs an acknowledgement that fails ("Couldn't ack") and goes on. With a prefetch of one message it then waits for
ever before it takes the next: seen with Redis 7, when its password changed and it cut the connections that obey, but
not those that listen.
"""

import logging
from typing import Any

from celery.worker.request import Request

AGAIN_S = 2.0  # between two tries

log = logging.getLogger(__name__)

# The worker of this process. kombu's own `get_event_loop` knows none any more once a connection was lost.
_workers: list[Any] = []


def look_after(worker: Any) -> None:
    """From now on acknowledgements of this worker, which runs in this process, are seen to."""
    _workers[:] = [worker]


class Insistent(Request):  # type: ignore[misc]  # Celery has no types
    """One message in a worker's hands."""

    def acknowledge(self) -> None:
        """Tells the broker that the task has ended, as soon as it listens; Celery's own try comes in a moment."""
        super().acknowledge()
        see_later(self.message)


def see_later(message: Any) -> None:
    """Looks after a while whether the broker knows."""
    loop = getattr(_workers[0], "hub", None) if _workers else None  # memory:// has none
    if loop is not None:
        loop.call_later(AGAIN_S, _insist, message)


def _insist(message: Any) -> None:
    """Tries again, as long as the connection is the one that the message came by: a new one begins anew."""
    if message.acknowledged or message.channel is None or message.channel.closed:
        return
    log.warning("the broker did not take the end of a task: it is told again")
    try:
        message.ack()
    except Exception as err:  # noqa: BLE001 - whatever the broker says, the next try may go through
        log.warning("the broker does not take the end of a task: %s", err)
    see_later(message)
