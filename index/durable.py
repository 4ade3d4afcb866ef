"""Every step by which this room changes the disk. Fault tests replace this module's `os` by one that fails."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict

Buffer = bytes | memoryview


@dataclass(frozen=True, slots=True)
class FileDigest:
    """What a file must be: its sha256 in hex and its size in bytes."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    sha256: str
    size: int


def write_durably(path: Path, chunks: Iterable[Buffer]) -> FileDigest:
    """Writes a new read-only file, synced to the disk, and returns what it must be from now on.

    Its name is only durable once `fsync_folder` was called.

    Raises:
        OSError: the disk is full or failing, or the file exists already; carries the file's name.
    """
    sha256, size = hashlib.sha256(), 0
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            for chunk in chunks:
                _write_all(handle, chunk)
                sha256.update(chunk)
                size += memoryview(chunk).nbytes
            os.fchmod(handle, 0o444)  # overwriting a mapped file would kill its readers
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as err:
        err.filename = err.filename or str(path)
        raise
    return FileDigest(sha256.hexdigest(), size)


class GrowingFile:
    """A new file whose first bytes are only known at its end; read-only and synced once it is finished.

    Args:
        path: must not exist. head: bytes left free at the beginning.

    Raises:
        OSError: as `write_durably`, from every method.
    """

    def __init__(self, path: Path, head: int) -> None:
        self.path = path
        self._head = head
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            self.write(bytes(head))
        except OSError:
            self.close()
            raise

    def write(self, chunk: Buffer) -> None:
        """Adds bytes at the end."""
        try:
            _write_all(self._handle, chunk)
        except OSError as err:
            err.filename = err.filename or str(self.path)
            raise

    def finish(self, head: bytes) -> FileDigest:
        """Fills the beginning in, syncs and closes; returns what the file must be from now on."""
        if len(head) != self._head:
            raise ValueError(f"{self.path}: {self._head} bytes were left free, not {len(head)}")
        try:
            os.lseek(self._handle, 0, os.SEEK_SET)
            _write_all(self._handle, head)
            os.fchmod(self._handle, 0o444)
            os.fsync(self._handle)
        except OSError as err:
            err.filename = err.filename or str(self.path)
            raise
        finally:
            self.close()
        return digest_of(self.path)

    def close(self) -> None:
        """Gives the file up where it stands; nothing after `finish`."""
        handle, self._handle = self._handle, -1  # once, whatever `close` says: the number may soon be another file's
        if handle >= 0:
            os.close(handle)


def digest_of(path: Path) -> FileDigest:
    """The digest of a file as it is on the disk now.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return FileDigest(sha256, file.tell())


def make_folder(path: Path) -> None:
    """Makes a folder; its parents exist.

    Raises:
        OSError: as FileExistsError when it is there already.
    """
    os.mkdir(path)  # noqa: PTH102 - pathlib would go round the `os` that fault tests replace


def make_folders(path: Path) -> None:
    """Makes a folder with those above it, where they are missing, each durable by its name.

    Raises:
        OSError: the disk is full or failing, or a file is in the way.
    """
    if path.is_dir():
        return
    make_folders(path.parent)
    with contextlib.suppress(FileExistsError):  # another process was faster
        make_folder(path)
    fsync_folder(path.parent)


def fsync_folder(path: Path) -> None:
    """Makes the names inside a folder survive a power cut.

    Raises:
        OSError: the disk failed.
    """
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def rename_durably(source: Path, target: Path) -> None:
    """Gives a folder its final name, in the same parent.

    Raises:
        OSError: the target exists, or the disk failed.
    """
    os.rename(source, target)  # noqa: PTH104
    fsync_folder(target.parent)


def replace_durably(path: Path, content: bytes) -> None:
    """Replaces a small file as a whole: a reader, or a restart after a power cut, sees the old or the new content.

    Raises:
        OSError: the disk is full or failing; before the replacement itself, nothing has changed.
    """
    beside = path.with_name(path.name + ".tmp")
    if beside.exists():
        os.unlink(beside)  # noqa: PTH108 - left by a writer that was killed
    try:
        write_durably(beside, [content])
        os.replace(beside, path)  # noqa: PTH105
    except OSError:
        with contextlib.suppress(OSError):  # what matters is the first error
            beside.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Removes a folder with everything in it.

    Raises:
        OSError: something could not be removed.
    """
    os.stat(path)  # noqa: PTH116 - the one call that a fault test sees of this step
    shutil.rmtree(path)


def free_bytes(path: Path) -> int:
    """Bytes that a user without special rights may still write at this place."""
    state = os.statvfs(path)
    return state.f_bavail * state.f_frsize


def _write_all(handle: int, chunk: Buffer) -> None:
    rest = memoryview(chunk).cast("B")
    while rest:
        rest = rest[os.write(handle, rest) :]  # a write may take less than it was given
