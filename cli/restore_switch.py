"""Puts what was verified in the place of what is there: renames only, undone where one of them fails."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.durable import fsync_folder

FOLDERS = ("posters", "ratings", "models", "index")
BESIDE_SQLITE = ("-wal", "-shm", "-journal")  # what SQLite keeps next to a database; it belongs to it


class Switch:
    """Renames in order; think of a list that can be walked back.

    Attributes:
        aside: what was there and where it lies now.
    """

    def __init__(self) -> None:
        self._done: list[tuple[Path, Path]] = []
        self.aside: list[Path] = []

    def folders(self, source: Path, data_dir: Path, aside: Path) -> None:
        """Old folders into `aside`, then the new ones from `source` into their place."""
        for name in FOLDERS:
            if (data_dir / name).exists():
                aside.mkdir(exist_ok=True)
                self._move(data_dir / name, aside / name)
        if aside.exists():
            self.aside.append(aside)
        for name in FOLDERS:
            if (source / name).exists():
                self._move(source / name, data_dir / name)
        fsync_folder(data_dir)

    def database_aside(self, database: Path, aside: Path) -> None:
        """An SQLite file, with what belongs to it, out of the way."""
        for end in ("", *BESIDE_SQLITE):
            if (path := database.with_name(database.name + end)).exists():
                self._move(path, aside.with_name(aside.name + end))
                self.aside += [] if end else [aside]

    def database_in(self, source: Path, database: Path) -> None:
        """The new SQLite file into its place: from here on the restore is true."""
        self._move(source, database)
        fsync_folder(database.parent)

    def _move(self, source: Path, target: Path) -> None:
        os.rename(source, target)  # noqa: PTH104 - fails where the target is a folder with something in it
        self._done.append((source, target))

    def undo(self) -> None:
        """Walks back."""
        for source, target in reversed(self._done):
            with contextlib.suppress(OSError):
                target.rename(source)
        for path in self.aside:
            with contextlib.suppress(OSError):
                path.rmdir()


@contextmanager
def switching() -> Iterator[Switch]:
    """A switch that is undone when the body fails."""
    switch = Switch()
    try:
        yield switch
    except BaseException:
        switch.undo()
        raise
