"""A server that says exactly what a test wants, byte by byte and in its time; for answers no decent server gives."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

Play = Callable[["Visit"], None]


class Visit:
    """One connection: what was asked, and the means to answer."""

    def __init__(self, connection: socket.socket, over: threading.Event) -> None:
        self.request, self._connection, self._over = b"", connection, over
        self.sent = 0

    def say(self, content: bytes) -> None:
        self._connection.sendall(content)
        self.sent += len(content)

    def pause(self, seconds: float) -> None:
        """Waits, or less when the test is over."""
        if self._over.wait(seconds):
            raise OSError("the test is over")

    def reset(self) -> None:
        """Ends the connection as a crash does: RST instead of FIN."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def listen(self) -> bytes:
        """What comes next from the other side."""
        self.request += self._connection.recv(65536)
        return self.request


class RawServer:
    """Listens on 127.0.0.1 while its `with` block lasts, and plays the same piece to everybody who has asked.

    Args:
        play: speaks to one visitor whose request has been read; the connection is closed at its end.
        wait_for_request: False to begin without.
    """

    def __init__(self, play: Play, wait_for_request: bool = True) -> None:
        self._play, self._wait = play, wait_for_request
        self.visits: list[Visit] = []
        self._over = threading.Event()

    def __enter__(self) -> "RawServer":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        threads = []
        while not self._over.is_set():
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                threads.append(threading.Thread(target=self._receive, args=(connection,)))
                threads[-1].start()
        for thread in threads:
            thread.join()

    def _receive(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        visit = Visit(connection, self._over)
        self.visits.append(visit)
        with connection, suppress(OSError):
            while self._wait and b"\r\n\r\n" not in visit.request:
                before = len(visit.request)
                if len(visit.listen()) == before:
                    return
            self._play(visit)
