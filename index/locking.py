"""The lock of the one who changes which snapshot is served; the kernel frees it when its holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.errors import PublishBusy
from index.layout import LOCK


@contextmanager
def publish_lock(root: Path) -> Iterator[None]:
    """Holds the lock of an index folder, which exists, while the body runs.

    Raises:
        PublishBusy: somebody else holds it; does not wait.
    """
    path = root / LOCK
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise PublishBusy(path) from err
        yield
    finally:
        os.close(handle)
