"""Runs waitress, and ends it without dropping what it has accepted.

Left to itself waitress ends its loop at once when it is told to: what its threads answer after that is never sent, and
whoever waits for it sees his connection closed (measured: 4 requests at each SIGTERM, all that were in hand).
"""

import signal
import time
from typing import Any

from waitress import wasyncore
from waitress.server import BaseWSGIServer

LOOK_EVERY_S = 0.25  # for a signal; it does not wake a loop that waits for requests
DRAIN_WITHIN_S = 10.0  # below the 12 s that `posterity serve` gives its children
SPEAKS_WITHIN_S = 0.5  # who has connected may need a moment until his request is here


def run_until_told(server: Any) -> None:
    """Serves until SIGTERM or SIGINT; then lets nobody in any more, and answers who is in.

    Args:
        server: what `waitress.server.create_server` returns.
    """
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: told.append(number))
    sockets: dict[int, Any] = server.map if hasattr(server, "map") else server._map
    while not told:
        wasyncore.loop(timeout=LOOK_EVERY_S, map=sockets, count=1)
    _shut_the_door(sockets)
    end = time.monotonic() + DRAIN_WITHIN_S
    wasyncore.loop(timeout=0, map=sockets, count=1)  # a request may have come on a connection that was idle
    while any(_in_hand(socket) for socket in sockets.values()) and time.monotonic() < end:
        wasyncore.loop(timeout=0.05, map=sockets, count=1)
    server.task_dispatcher.shutdown()


def _shut_the_door(sockets: dict[int, Any]) -> None:
    """Lets in who has connected already, and closes the sockets that listen."""
    for door in [socket for socket in sockets.values() if isinstance(socket, BaseWSGIServer)]:
        inside = -1
        while len(sockets) != inside:
            inside = len(sockets)
            door.handle_accept()
        wasyncore.dispatcher.close(door)  # not its own `close`, which ends the trigger that threads wake the loop with


def _in_hand(socket: Any) -> bool:
    """True of a connection with a request that has begun to come, or an answer that has not left."""
    if not hasattr(socket, "requests"):
        return False
    silent_s = time.time() - socket.creation_time if socket.last_activity == socket.creation_time else SPEAKS_WITHIN_S
    busy = socket.requests or socket.request is not None or socket.total_outbufs_len
    return bool(socket.connected and (busy or silent_s < SPEAKS_WITHIN_S))
