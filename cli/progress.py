"""Progress of long work on standard error: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 10.0  # where a bar cannot move, a line this often


class Bar:
    """One bar that `update` moves; quiet when standard error is no terminal, except for a line every 10 s."""

    def __init__(self, label: str) -> None:
        self._terminal = sys.stderr.isatty()
        self._label, self._last_line = label, time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), disable=not self._terminal)
        self._task = self._progress.add_task(label, total=None)

    def update(self, label: str, done: int, of: int) -> None:
        """Moves the bar to `done` of `of`."""
        self._progress.update(self._task, description=label, completed=done, total=of or None)
        if not self._terminal and time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._last_line = time.monotonic()
            print(f"{label}: {done:,} of {of:,}" if of else label, file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
