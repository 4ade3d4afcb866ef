"""HTTP connections whose whole answer has a deadline and a size.

urllib3 limits the time of one read only, so that a server that sends a byte now and then, be it in the head of its
answer, could hold a worker for ever. And it limits no bytes but those of the body: interim answers, the marks between
chunks and what comes behind the last one may go on without end.
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


class Allowance:
    """What one answer may take: time until a deadline, and bytes, those of its head and between its chunks included."""

    def __init__(self, deadline: Deadline, most_bytes: int) -> None:
        self.deadline, self.left_bytes, self.taken_bytes = deadline, most_bytes, 0


# Handed past urllib3, which has no place for it, to the answer of the request that this thread makes now.
ALLOWANCE: ContextVar[Allowance] = ContextVar("ALLOWANCE")


class _TimedReads(io.RawIOBase):
    """The bytes of a socket; no read lasts longer than the socket's own limit or what the allowance leaves."""

    def __init__(self, sock: socket.socket, allowance: Allowance) -> None:
        self._sock, self._allowance, self._limit_s = sock, allowance, sock.gettimeout()
        self._raw = sock.makefile("rb", buffering=0)
        self.ended = False  # nothing more comes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        left_s, left_bytes = self._allowance.deadline.left_s(), self._allowance.left_bytes
        if left_s == 0.0:
            raise TimeoutError("the deadline of the whole answer is over")
        if left_bytes <= 0:
            raise OSError("the answer takes more bytes than are allowed")
        self._sock.settimeout(left_s if self._limit_s is None else min(left_s, self._limit_s))
        count = self._raw.readinto(memoryview(buffer)[:left_bytes])
        self._allowance.left_bytes -= count or 0
        self._allowance.taken_bytes += count or 0
        self.ended = count == 0
        return count

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self._reads = _TimedReads(sock, ALLOWANCE.get())
        self.fp = io.BufferedReader(self._reads)

    def begin(self) -> None:
        """Reads the head. One that breaks off would else be a whole one with an empty body: a picture that is none."""
        super().begin()
        if self._reads.ended:
            self.close()
            raise http.client.RemoteDisconnected("the connection ended in the head of the answer")


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
