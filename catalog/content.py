"""Poster bytes on disk, named by their sha256; written whole or not at all."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

SUFFIX = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}


class ContentStore:
    """A folder of immutable files: the same bytes are kept once, whatever movies they belong to."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._durable = set[Path]()  # folders of whose names this process knows that they are on the disk

    def path(self, sha256: str, media_type: str) -> Path:
        """Where these bytes lie or would lie."""
        return self._root / sha256[:2] / f"{sha256}{SUFFIX[media_type]}"

    def put(self, content: bytes, media_type: str) -> str:
        """Stores the bytes durably, their name too, before any row names them; returns their sha256.

        A file of this name that holds something else, as a disk may make of it, is replaced.

        Raises:
            OSError: the disk is full or failing; it carries the file's name, and nothing is left behind.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.path(sha256, media_type)
        try:
            self._store(path, content)
        except OSError as err:
            err.filename = err.filename or str(path)
            raise
        return sha256

    def get(self, sha256: str, media_type: str) -> bytes | None:
        """The bytes, or None when the file is gone or no longer what its name says."""
        try:
            content = self.path(sha256, media_type).read_bytes()
        except FileNotFoundError:
            return None
        return content if hashlib.sha256(content).hexdigest() == sha256 else None

    def files(self) -> Iterator[Path]:
        """Every file of the store that is whole; its stem is the sha256."""
        return self._root.glob("??/[0-9a-f]*.*")

    def _store(self, path: Path, content: bytes) -> None:
        folder = path.parent
        if folder not in self._durable or not folder.is_dir():
            _make_folder(folder)
            self._durable.add(folder)
        if _holds(path, content):
            os.utime(path)  # in use again: no purge may take it for forgotten
        else:
            _write_whole(path, content)
        _sync_folder(folder)  # also where another process wrote it: it may have died before its own sync


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(handle, rest) :]  # a write may take less than it was given
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(temporary, path)  # noqa: PTH105 - fault tests replace this module's `os`
    except OSError:
        with contextlib.suppress(OSError):  # what matters is the first error
            temporary.unlink(missing_ok=True)
        raise


def _make_folder(folder: Path) -> None:
    """Makes a folder with its parents; its name is on the disk when this returns, whoever made it."""
    if not folder.parent.is_dir():
        _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)  # noqa: PTH102
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
