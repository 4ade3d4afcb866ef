"""A real file system of some megabytes that can be filled to the last page, grown, and emptied again."""

import contextlib
import ctypes
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = 4096


class TinyDisk:
    """A mounted tmpfs.

    Attributes:
        root: where it is mounted.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._filler = root / ".filler"

    def free_pages(self) -> int:
        return os.statvfs(self.root).f_bavail * os.statvfs(self.root).f_frsize // PAGE

    def fill(self, leave_pages: int = 0) -> None:
        """Takes all room but so many pages."""
        self.empty()
        handle = os.open(self._filler, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            size = (self.free_pages() - leave_pages) * PAGE
            if size > 0:
                os.posix_fallocate(handle, 0, size)
        finally:
            os.close(handle)

    def empty(self) -> None:
        """Gives the room back that `fill` took."""
        self._filler.unlink(missing_ok=True)


@contextlib.contextmanager
def mounted(root: Path, megabytes: int) -> Iterator[TinyDisk]:
    """A tmpfs at this folder; a test is left out where nothing may be mounted, and fails in CI."""
    root.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "posterity-test", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"CI must be allowed to mount a tmpfs: {done.stderr.strip()}")
        pytest.skip(f"needs the right to mount a tmpfs, as root has: {done.stderr.strip()}")
    try:
        yield TinyDisk(root)
    finally:
        detach = 2  # MNT_DETACH: whatever a failed test still has open there
        ctypes.CDLL(None, use_errno=True).umount2(str(root).encode(), detach)


@contextlib.contextmanager
def in_memory() -> Iterator[Path]:
    """An empty folder on which a sync costs nothing, where the machine has one: these tests sync ten thousand times."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as made:
        yield Path(made)
