"""Which versions were compared with their sha256 already, so that opening one is a memory map and not a read.

Beside a version lies a note of what the kernel says of its files: size, number, times of the last change of content and
of attributes. As long as that is the same, nobody has written to them since they were verified; when anything differs,
or the note is missing, every byte is read again. What a disk loses by itself is found by `posterity doctor`.
"""

import contextlib
import hashlib
import json
from pathlib import Path

from index.durable import FileDigest, digest_of
from index.errors import SnapshotCorrupt
from index.manifest import Manifest
from index.threads import side_by_side

_NOTE = ".verified-"


def demand_files(folder: Path, manifest: Manifest, thorough: bool = False) -> None:
    """Compares every file of a version with its manifest, by its bytes where that was not done before.

    Args:
        folder: of the version. manifest: what the files must be. thorough: read every byte in any case.

    Raises:
        SnapshotCorrupt: a file is missing, foreign or damaged; the message names it.

    Cost: 0.8 s per GB and core from a warm disk cache, or some microseconds for each file.
    """
    if folder.is_symlink():
        raise SnapshotCorrupt(folder, "it is a link and not a folder")
    for name, stated in manifest.files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise SnapshotCorrupt(path, "it is missing or not a plain file")
        size = path.stat().st_size
        if size != stated.size:
            raise SnapshotCorrupt(path, f"it has {size} bytes and should have {stated.size}")
    if not thorough and _known(folder, manifest):
        return
    found = side_by_side(lambda file: _is(folder / file[0], file[1]), manifest.files.items())
    for name, same in zip(manifest.files, found, strict=True):
        if not same:
            raise SnapshotCorrupt(folder / name, "its content is not what was published (sha256 differs)")


def _is(path: Path, stated: FileDigest) -> bool:
    try:
        return digest_of(path) == stated
    except OSError as err:
        raise SnapshotCorrupt(path, f"it cannot be read ({err.strerror})") from err


def look(folder: Path, manifest: Manifest) -> str:
    """What the kernel says of the files now, for `vouch` once they were read; empty where one cannot be looked at."""
    try:
        return _state(folder, manifest)
    except OSError:
        return ""


def vouch(folder: Path, manifest: Manifest, seen: str | None = None) -> None:
    """Notes that the files of a version are what they must be; without the right to write there, nothing is noted.

    Args:
        seen: what `look` said before they were read: who writes to one meanwhile is not vouched for. None says that
            they were read by somebody who is trusted to be the last who writes.
    """
    with contextlib.suppress(OSError):
        _note(folder).write_text(_state(folder, manifest) if seen is None else seen)


def forget(folder: Path) -> None:
    """Removes the note of a version that is removed."""
    with contextlib.suppress(OSError):
        _note(folder).unlink(missing_ok=True)


def _known(folder: Path, manifest: Manifest) -> bool:
    try:
        return _note(folder).read_text() == _state(folder, manifest)
    except (OSError, UnicodeDecodeError):
        return False


def _state(folder: Path, manifest: Manifest) -> str:
    files = {}
    for name in sorted(manifest.files):
        state = (folder / name).stat()
        files[name] = [state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns]
    return json.dumps({"manifest": hashlib.sha256(manifest.to_bytes()).hexdigest(), "files": files})


def _note(folder: Path) -> Path:
    return folder.with_name(_NOTE + folder.name)
