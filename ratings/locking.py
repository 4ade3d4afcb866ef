"""The lock of the one who changes the files of imported ratings; the kernel frees it when its holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ratings.errors import ImportRunning

LOCK = ".import.lock"


@contextmanager
def import_lock(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder of ratings, which exists, while the body runs.

    Raises:
        ImportRunning: somebody else holds it; does not wait.
    """
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise ImportRunning(folder) from err
        yield
    finally:
        os.close(handle)
