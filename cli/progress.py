"""Progress of long work on standard error: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

LINE_EVERY_S = 10.0  # where a bar cannot move, a line this often


class Bar:
    """One bar that `update` moves; quiet when standard error is no terminal, except for a line every 10 s.

    With `in_bytes` what is done are bytes: shown as such, with their rate.
    """

    def __init__(self, label: str, in_bytes: bool = False) -> None:
        self._terminal, self._in_bytes = sys.stderr.isatty(), in_bytes
        self._done, self._last_line = 0, time.monotonic()
        counts = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(),)
        columns = (TextColumn("{task.description}"), BarColumn(), *counts, TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), disable=not self._terminal)
        self._task = self._progress.add_task(label, total=None)
        self._began = self._updated = time.monotonic()

    def update(self, label: str, done: int, of: int) -> None:
        """Moves the bar to `done` of `of`; fewer than before is a new piece of work, with a rate of its own."""
        if done < self._done:
            self._began = self._updated
            self._progress.reset(self._task)
        self._done, self._updated = done, time.monotonic()
        self._progress.update(self._task, description=label, completed=done, total=of or None)
        if not self._terminal and time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._last_line = time.monotonic()
            print(f"{label}: {self._words(done, of)}" if of else label, file=sys.stderr, flush=True)

    def _words(self, done: int, of: int) -> str:
        if not self._in_bytes:
            return f"{done:,} of {of:,}"
        seconds = max(time.monotonic() - self._began, 1e-3)
        return f"{decimal(done)} of {decimal(of)}, {decimal(int(done / seconds))}/s"

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
