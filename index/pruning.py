"""Which versions are kept, and clearing away what killed publishers left."""

import logging
import os
import time
from pathlib import Path

from index.durable import free_bytes, remove_folder, rename_durably
from index.layout import TEMPORARY, temporary_folder, version_folder
from index.trust import forget
from index.versions import VersionInfo, list_versions

KEPT = 3
YOUNG_S = 600.0
SPARE = 4  # youth protects while so many times the newest version fits on the disk besides

log = logging.getLogger(__name__)


def remove_leftovers(root: Path) -> None:
    """Removes what publishers that died left half made; only for who holds the lock, so no living one is among them.

    Raises:
        OSError: something could not be removed.
    """
    for path in sorted(root.glob(f"{TEMPORARY}*")):
        log.warning("%s was left by a rebuild that did not end: removed", path)
        remove_folder(path)


def prune(root: Path, now: float | None = None) -> list[int]:
    """Removes the versions nobody needs and returns their numbers; only for who holds the lock.

    Kept are the version CURRENT names, the newest three usable ones, anything newer than those, and what is younger
    than ten minutes, unless the disk has less room than four times the newest. A reader keeps what it has open.

    Args:
        root: the index folder. now: seconds since 1970, by default the clock.

    Raises:
        OSError: something could not be removed.
    """
    versions = list_versions(root)
    now = time.time() if now is None else now
    removed = []
    for version in _unneeded(versions):
        if _young(version, now) and free_bytes(root) > SPARE * versions[0].size_bytes:
            continue
        remove_version(root, version.generation)
        removed.append(version.generation)
    return removed


def remove_version(root: Path, generation: int) -> None:
    """Removes a version, of which no half is ever to be seen; only for who holds the lock.

    Raises:
        OSError: something could not be removed.
    """
    aside = temporary_folder(root, generation, os.getpid())
    forget(version_folder(root, generation))
    rename_durably(version_folder(root, generation), aside)
    remove_folder(aside)


def _unneeded(versions: list[VersionInfo]) -> list[VersionInfo]:
    """Oldest first: the oldest goes first when the disk is short."""
    usable = [version.generation for version in versions if version.valid]
    oldest_kept = usable[:KEPT][-1] if usable else 0
    return [v for v in reversed(versions) if v.generation < oldest_kept and not v.current]


def _young(version: VersionInfo, now: float) -> bool:
    return version.created_at is not None and now - version.created_at.timestamp() < YOUNG_S
