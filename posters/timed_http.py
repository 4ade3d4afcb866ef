"""HTTP connections whose whole answer has a deadline.

urllib3 limits the time of one read only, so that a server that sends a byte now and then, be it in the head of its
answer, could hold a worker for ever.
"""

import http.client
import io
import socket
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import urllib3

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Deadline:
    """A moment by which something must be over, on the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left_s(self) -> float:
        """Seconds left, 0 when it is over."""
        return max(0.0, self._end - time.monotonic())


# Handed past urllib3, which has no place for it, to the answer of the request that this thread makes now.
ANSWER_BY: ContextVar[Deadline] = ContextVar("ANSWER_BY")


class _TimedReads(io.RawIOBase):
    """The bytes of a socket; no read lasts longer than the socket's own limit or what the deadline leaves."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock, self._deadline, self._limit_s = sock, deadline, sock.gettimeout()
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        left_s = self._deadline.left_s()
        if left_s == 0.0:
            raise TimeoutError("the deadline of the whole answer is over")
        self._sock.settimeout(left_s if self._limit_s is None else min(left_s, self._limit_s))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReads(sock, ANSWER_BY.get()))


class _TimedConnection(urllib3.connection.HTTPConnection):
    response_class = _TimedResponse


class _TimedTlsConnection(urllib3.connection.HTTPSConnection):
    response_class = _TimedResponse


class TimedPool(urllib3.HTTPConnectionPool):
    """Connections to one host, in the clear."""

    ConnectionCls = _TimedConnection


class TimedTlsPool(urllib3.HTTPSConnectionPool):
    """Connections to one host, over TLS with certificates checked."""

    ConnectionCls = _TimedTlsConnection


def timed_pools(per_host: int) -> urllib3.PoolManager:
    """Connections to any host, `per_host` of each kept open; no proxy is used, whatever the environment says."""
    manager = urllib3.PoolManager(maxsize=per_host)
    manager.pool_classes_by_scheme = {"http": TimedPool, "https": TimedTlsPool}
    return manager
