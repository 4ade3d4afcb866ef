"""A thread that looks at something again and again while its `with` block lasts."""

import threading
from types import TracebackType
from typing import Self


class Looking:
    """Calls `look` every `every_s` seconds; what goes wrong in it is raised when the block ends, not lost."""

    every_s = 1.0

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__)
        self._broken: BaseException | None = None

    def look(self) -> None:
        """One look."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._broken is not None and err is None:
            raise self._broken

    def _run(self) -> None:
        try:
            while not self._stop.wait(self.every_s):
                self.look()
        except BaseException as err:  # noqa: BLE001 - raised by whoever waits
            self._broken = err
