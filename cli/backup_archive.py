"""The file of a backup: a plain tar with members of known names, written whole or not at all, read without trust.

Its last members are `manifest.json` and its digest; then come the two empty blocks that end a tar, and nothing more.
The headers are read here and not by `tarfile`, which follows links, extensions and sparse maps that ours never have.
"""

import fcntl
import hashlib
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from catalog.errors import CatalogError
from index.durable import FileDigest, fsync_folder

BLOCK = tarfile.BLOCKSIZE
CHUNK = 1 << 20
END = bytes(2 * BLOCK)
OWNER_ONLY = 0o600  # it holds what people rated
MANIFEST, DIGEST = "manifest.json", "manifest.sha256"
# Each part begins with a letter or a digit: no path of these leaves the folder it is unpacked into.
NAMES = re.compile(
    r"tables/[a-z_]{1,40}\.parquet"
    r"|posters/[0-9a-f]{2}/[0-9a-f]{64}\.(?:jpg|png|webp)"
    r"|ratings/[A-Za-z0-9][A-Za-z0-9_.-]{0,80}\.parquet"
    r"|models/[A-Za-z0-9][A-Za-z0-9_.-]{0,60}/(?:arrays\.npz|model\.json)"
    r"|index/v[0-9]{8,12}/[A-Za-z0-9][A-Za-z0-9_.-]{0,70}"
    r"|manifest\.json|manifest\.sha256"
)
LONGEST = 100  # characters of a name in a tar header without extensions

Told = Callable[[int], None]  # bytes more


class BackupError(CatalogError):
    """A backup cannot be made, or is not usable; the message names the file and the next step."""


class BadBackup(BackupError):
    """A file that is no whole, undamaged backup of ours."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"{path}: {why}; nothing was changed: take another backup file")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a backup; `content` must be read to its end before the next one is asked for."""

    name: str
    size: int
    content: Iterator[bytes]


class ArchiveWriter:
    """Appends members to an open file."""

    def __init__(self, file: BinaryIO, told: Told) -> None:
        self._file, self._told = file, told

    def add(self, name: str, source: BinaryIO, size: int) -> FileDigest:
        """Adds the `size` bytes that a file holds now; returns what the member must be.

        Raises:
            BackupError: the name is none of ours, or the file became shorter while it was read. OSError: the disk.
        """
        if not NAMES.fullmatch(name) or len(name) > LONGEST:
            raise BackupError(f"{name}: a file of this name cannot be backed up; rename it, or import it again")
        self._header(name, size)
        sha256, left = hashlib.sha256(), size
        while left:
            chunk = source.read(min(CHUNK, left))
            if not chunk:
                raise BackupError(f"{name}: it changed while it was read; run posterity backup again")
            self._write(chunk)
            sha256.update(chunk)
            left -= len(chunk)
        self._write(_padding(size))
        return FileDigest(sha256.hexdigest(), size)

    def finish(self, manifest: bytes) -> None:
        """Adds the manifest and its digest, and ends the archive."""
        digest = f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()
        for name, content in ((MANIFEST, manifest), (DIGEST, digest)):
            self._header(name, len(content))
            self._write(content + _padding(len(content)))
        self._write(END)

    def _header(self, name: str, size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, OWNER_ONLY
        self._write(info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict"))

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        self._told(len(content))


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when the body ends well, synced to the disk; else nothing is left.

    Raises:
        BackupError: another backup into the same file is running. OSError: the disk is full or failing.
    """
    beside = path.with_name(f"{path.name}.tmp")
    handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, OWNER_ONLY)
    with os.fdopen(handle, "wb") as file:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise BackupError(f"{beside}: another backup writes to it; wait until it is done") from err
        try:
            os.fchmod(handle, OWNER_ONLY)
            file.truncate(0)  # what a backup left that was killed
            yield file
            file.flush()
            os.fsync(handle)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    fsync_folder(path.parent)


def members(path: Path, file: BinaryIO) -> Iterator[Member]:
    """The members in order, up to the end of the file.

    Raises:
        BadBackup: at the first byte that is not as this program writes it.
    """
    while (header := _exactly(path, file, BLOCK)) != bytes(BLOCK):
        name, size = _parsed(path, header)
        left = [size]
        yield Member(name, size, _content(path, file, left))
        if left[0]:
            raise AssertionError(f"{name} was not read to its end")
        if _exactly(path, file, len(_padding(size))).strip(b"\0"):
            raise BadBackup(path, f"it is damaged after {name}")
    if _exactly(path, file, BLOCK).strip(b"\0") or file.read(1):
        raise BadBackup(path, "something stands behind its end")


def _parsed(path: Path, header: bytes) -> tuple[str, int]:
    try:
        info = tarfile.TarInfo.frombuf(header, "ascii", "strict")
    except (tarfile.HeaderError, ValueError) as err:
        raise BadBackup(path, "it is no backup of this program, or damaged") from err
    if info.type != tarfile.REGTYPE or not NAMES.fullmatch(info.name) or info.size < 0:
        raise BadBackup(path, f"it has a member {info.name[:LONGEST]!r}, which no backup has")
    if header != info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict"):  # the checksum does not cover its own field
        raise BadBackup(path, f"the header of {info.name} is damaged")
    return info.name, info.size


def _content(path: Path, file: BinaryIO, left: list[int]) -> Iterator[bytes]:
    while left[0]:
        chunk = _exactly(path, file, min(CHUNK, left[0]))
        left[0] -= len(chunk)
        yield chunk


def _exactly(path: Path, file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise BadBackup(path, "it is cut short")
    return content


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK)
