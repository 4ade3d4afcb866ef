"""Where things lie below the index folder: the versions, the one that is served, what is being made, the lock."""

import re
from dataclasses import dataclass
from pathlib import Path

from index.durable import replace_durably
from index.errors import SnapshotCorrupt

CURRENT = "CURRENT"
LOCK = ".rebuild.lock"
TEMPORARY = ".tmp-"
_VERSION = re.compile(r"v(\d{8,})")
_CURRENT = re.compile(rb"(v\d{8,}) ([0-9a-f]{64})\n")
_CURRENT_BYTES = 4096  # it has one line of about 75


@dataclass(frozen=True, slots=True)
class Current:
    """What `CURRENT` says: the generation being served, and the sha256 of its manifest."""

    generation: int
    manifest_sha256: str


def version_folder(root: Path, generation: int) -> Path:
    """The folder of a published version."""
    return root / f"v{generation:08d}"


def temporary_folder(root: Path, generation: int, pid: int) -> Path:
    """The folder in which a version is made."""
    return root / f"{TEMPORARY}{generation}-{pid}"


def generations(root: Path) -> list[int]:
    """Numbers of the versions that have a folder, whatever is in it; ascending."""
    if not root.is_dir():
        return []
    names = [_VERSION.fullmatch(entry.name) for entry in root.iterdir()]
    return sorted(int(name[1]) for name in names if name)


def read_current(root: Path) -> Current | None:
    """What `CURRENT` says, or None when nothing was published yet.

    Raises:
        SnapshotCorrupt: it is there, but not what we write.
    """
    path = root / CURRENT
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise SnapshotCorrupt(path, "it is not a plain file")  # reading a pipe would never end
        with path.open("rb") as file:
            content = file.read(_CURRENT_BYTES)
    except FileNotFoundError:
        return None
    except OSError as err:
        raise SnapshotCorrupt(path, f"it cannot be read ({err.strerror})") from err
    match = _CURRENT.fullmatch(content)
    if match is None:
        raise SnapshotCorrupt(path, "it is not a line with a version and its sha256")
    return Current(int(match[1][1:]), match[2].decode())


def move_current(root: Path, current: Current) -> None:
    """Serves another version from now on: the one commit point of publishing and of rolling back.

    Raises:
        OSError: the disk is full or failing.
    """
    line = f"{version_folder(root, current.generation).name} {current.manifest_sha256}\n"
    replace_durably(root / CURRENT, line.encode())
