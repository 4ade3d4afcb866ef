"""Publishing: vectors become a snapshot, made aside, verified, renamed, and only then served."""

import errno
import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faults.points import reached
from index.apart import Verifier
from index.attachments import Arrays, array_info, attached_file
from index.contents import PackedContents, SnapshotContents, SpaceContents, checked_contents, npy_bytes
from index.durable import (
    FileDigest,
    free_bytes,
    fsync_folder,
    make_folder,
    make_folders,
    remove_folder,
    rename_durably,
    write_durably,
)
from index.errors import NoSpace, NothingToPublish, SnapshotCorrupt
from index.flat_files import write_flat
from index.layout import Current, generations, move_current, temporary_folder, version_folder
from index.locking import publish_lock
from index.manifest import MANIFEST, Manifest, generated_file, ids_file, index_file, new_manifest, with_attached
from index.packed_layout import PackedInfo
from index.packing import write_packed
from index.pruning import prune, remove_leftovers, remove_version
from index.reporting import Progress
from index.spaces import SpaceInfo, SpaceName
from index.trust import vouch
from index.versions import served_generation, served_space

ROOM = 2.2  # times the snapshot's size that must be free: the snapshot itself, and as much again for everything else

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A version being made."""

    root: Path
    generation: int
    folder: Path


def publish(root: Path, contents: SnapshotContents, progress: Progress | None = None) -> Manifest:
    """Publishes a snapshot, which is served from the moment this returns; returns its manifest.

    One at a time. Needs memory for one block of vectors and for what `index.arranging` says of packed ones, and on the
    disk 2.2 times the snapshot. Whatever fails or is killed, CURRENT names the old or the new version, whole; what
    fails also leaves nothing behind.

    Args:
        root: the index folder, made if missing. contents: its blocks are read once.
        progress: told the phase (`poster`, `ratings`: rows written; those of `index.arranging`; `verify`, `publish`),
            how much is done, of what.

    Raises:
        NothingToPublish: no space has a movie. InvalidVector: a vector that must not get in, named by its movie.
        InvalidAttachment: an array that must not get in, named.
        PublishBusy: another rebuild or a rollback is running. NoSpace: the disk is too full.
        SnapshotCorrupt: what was read back is not what was written. OSError: the disk failed.
    """
    report = progress or _say_nothing
    spaces = checked_contents(contents)
    make_folders(root)
    with publish_lock(root):
        remove_leftovers(root)
        needed = int(ROOM * contents.size_bytes)
        if free_bytes(root) < needed:
            _prune(root)
        if free_bytes(root) < needed:
            raise NoSpace(root, needed, free_bytes(root))
        generation = next_generation(root)
        draft = _Draft(root, generation, temporary_folder(root, generation, os.getpid()))
        try:
            with Verifier(draft.folder) as verifier:
                manifest = _make(draft, spaces, contents, verifier, report)
        except BaseException as err:
            _undo(draft)
            if isinstance(err, OSError) and err.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoSpace(root, needed, free_bytes(root)) from err
            raise
        _prune(root)
    return manifest


def next_generation(root: Path) -> int:
    """One more than every version there is and than CURRENT says."""
    return max([0, served_generation(root) or 0, *generations(root)]) + 1


def _make(
    draft: _Draft,
    spaces: list[SpaceContents | PackedContents],
    contents: SnapshotContents,
    verifier: Verifier,
    report: Progress,
) -> Manifest:
    make_folder(draft.folder)
    files: dict[str, FileDigest] = {}
    infos: dict[SpaceName, SpaceInfo] = {}
    packed: dict[SpaceName, PackedInfo] = {}
    for space in spaces:
        if isinstance(space, SpaceContents):
            files |= _write_space(draft.folder, space, report)
            infos[space.name] = space.info
            continue
        before = served_space(draft.root, space.name)
        if written := write_packed(draft.folder, space, before.space if before else None, report):
            files |= written.files
            infos[space.name], packed[space.name] = written.info, written.packed
    if not infos:
        raise NothingToPublish
    manifest = new_manifest(draft.generation, datetime.now(UTC), infos, files, contents.source, packed)
    manifest = _attach(draft.folder, manifest, contents.attached)
    report("verify", 0, 1)
    manifest = manifest.model_copy(update={"recall": verifier.verify(manifest)})
    report("publish", 0, 1)
    content = manifest.to_bytes()
    write_durably(draft.folder / MANIFEST, [content])
    fsync_folder(draft.folder)
    rename_durably(draft.folder, version_folder(draft.root, draft.generation))
    reached("publish.renamed")
    vouch(version_folder(draft.root, draft.generation), manifest)
    move_current(draft.root, Current(draft.generation, hashlib.sha256(content).hexdigest()))
    reached("publish.moved")
    report("publish", 1, 1)
    return manifest


def _write_space(folder: Path, space: SpaceContents, report: Progress) -> dict[str, FileDigest]:
    name = space.name
    files = {index_file(name): write_flat(folder / index_file(name), space.info, _told(space, report))}
    arrays: dict[str, NDArray[np.int64] | NDArray[np.uint8]] = {ids_file(name): space.movie_ids}
    if space.generated is not None:
        arrays[generated_file(name)] = space.generated
    for file, array in arrays.items():
        files[file] = write_durably(folder / file, [npy_bytes(array)])
    return files


def _attach(folder: Path, manifest: Manifest, attached: Mapping[str, Arrays]) -> Manifest:
    files: dict[str, FileDigest] = {}
    for name, arrays in attached.items():
        for key, array in arrays.items():
            file = attached_file(name, key)
            files[file] = write_durably(folder / file, [npy_bytes(np.ascontiguousarray(array))])
    infos = {name: {key: array_info(array) for key, array in arrays.items()} for name, arrays in attached.items()}
    return with_attached(manifest, infos, files)


def _told(space: SpaceContents, report: Progress) -> Iterator[NDArray[np.float32]]:
    done = 0
    for block in space.stored_blocks():
        yield block
        done += len(block)
        report(space.name, done, len(space.movie_ids))


def _undo(draft: _Draft) -> None:
    """Removes a version that did not come to be; one that CURRENT names already did."""
    made = version_folder(draft.root, draft.generation)
    try:
        if draft.folder.exists():
            remove_folder(draft.folder)
        if made.exists() and served_generation(draft.root) != draft.generation:
            remove_version(draft.root, draft.generation)
    except OSError as err:
        log.warning("%s could not be cleared away (%s): the next rebuild does it", draft.folder, err)


def _prune(root: Path) -> None:
    try:
        for generation in prune(root):
            log.info("version %d is removed: newer ones are kept", generation)
    except (OSError, SnapshotCorrupt) as err:
        log.warning("old versions in %s are not removed: %s", root, err)


def _say_nothing(phase: str, done: int, of: int) -> None:
    """The progress of nobody who watches."""
