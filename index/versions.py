"""The published versions: listing them, and going back to one."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from index.apart import verify_apart
from index.attachments import Arrays
from index.durable import fsync_folder
from index.errors import NoSuchSnapshot, SnapshotCorrupt, SnapshotError, VectorIndexError
from index.layout import Current, generations, move_current, read_current, version_folder
from index.locking import publish_lock
from index.manifest import Manifest, read_manifest
from index.packed_files import open_packed
from index.packed_space import PackedSpace
from index.snapshot import open_attached
from index.spaces import SpaceInfo, SpaceName
from index.trust import demand_files


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One published version.

    Attributes:
        generation: its number. created_at: in UTC, None when it cannot be told. current: CURRENT names it.
        spaces: what it holds. size_bytes: of its files but the manifest.
        valid: the manifest is readable and every file has its size; the content is only compared when it is opened.
        why: what is wrong with it, else None.
    """

    generation: int
    created_at: datetime | None
    current: bool
    spaces: tuple[SpaceInfo, ...]
    size_bytes: int
    valid: bool
    why: str | None = None


def list_versions(root: Path) -> list[VersionInfo]:
    """The versions below an index folder, newest first; empty when there is none. Reads no vectors."""
    served = served_generation(root)
    return [_info(root, generation, served) for generation in reversed(generations(root))]


def served_generation(root: Path) -> int | None:
    """The number that CURRENT names; None when it is missing or damaged."""
    try:
        current = read_current(root)
    except SnapshotCorrupt:
        return None
    return current.generation if current else None


@dataclass(frozen=True, slots=True)
class ServedSpace:
    """A packed space of a published version, and what is attached to that version: see `Snapshot.attached`."""

    space: PackedSpace
    attached: Mapping[str, Arrays]


def served_space(root: Path, name: SpaceName) -> ServedSpace | None:
    """A packed space of the version that CURRENT names; None when there is none, or none that is whole."""
    generation = served_generation(root)
    if generation is None:
        return None
    folder = version_folder(root, generation)
    try:
        manifest, _ = read_manifest(folder)
        stated = (manifest.packed or {}).get(name)
        if stated is None:
            return None
        demand_files(folder, manifest)
        space = open_packed(folder, manifest.spaces[name], stated)
        return ServedSpace(space, open_attached(folder, manifest))
    except VectorIndexError:
        return None


def rollback(root: Path, generation: int | None = None) -> Manifest:
    """Serves another version again, after verifying it in a process of its own; returns its manifest.

    Args:
        root: the index folder. generation: which; by default the newest usable one below the one being served.

    Raises:
        NoSuchSnapshot: there is no such version; carries those there are.
        SnapshotCorrupt, SnapshotVersion: it is not usable; CURRENT stays as it was.
        PublishBusy: a rebuild or another rollback is running. OSError: the disk failed.
    """
    if not root.is_dir():
        raise NoSuchSnapshot(generation, ())
    with publish_lock(root):
        folder = version_folder(root, _target(root, generation))
        manifest, content = read_manifest(folder)
        verify_apart(folder, manifest)
        fsync_folder(root)
        move_current(root, Current(manifest.generation, hashlib.sha256(content).hexdigest()))
    return manifest


def _target(root: Path, generation: int | None) -> int:
    versions = list_versions(root)
    there = [version.generation for version in versions]
    if generation is not None:
        if generation not in there:
            raise NoSuchSnapshot(generation, there)
        return generation
    served = served_generation(root)
    older = [
        version.generation for version in versions if version.valid and (served is None or version.generation < served)
    ]
    if not older:
        raise NoSuchSnapshot(None, there)
    return older[0]


def _info(root: Path, generation: int, served: int | None) -> VersionInfo:
    folder = version_folder(root, generation)
    try:
        manifest, _ = read_manifest(folder)
    except SnapshotError as err:
        return VersionInfo(generation, None, generation == served, (), 0, False, str(err))
    why = _wrong_size(folder, generation, manifest)
    spaces = tuple(manifest.spaces.values())
    return VersionInfo(
        generation, manifest.created_at, generation == served, spaces, manifest.size_bytes, why is None, why
    )


def _wrong_size(folder: Path, generation: int, manifest: Manifest) -> str | None:
    if manifest.generation != generation:
        return f"{folder}: its manifest is that of version {manifest.generation}"
    for name, stated in manifest.files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != stated.size:
            return f"{path}: it is missing or has not {stated.size} bytes"
    return None
