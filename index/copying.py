"""The version being served as files to copy, and a copy made the version that is served."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from index.apart import verify_apart
from index.durable import FileDigest, fsync_folder
from index.errors import SnapshotCorrupt
from index.layout import Current, move_current, read_current, version_folder
from index.manifest import MANIFEST, Manifest, read_manifest

TRIES = 5  # a version is pruned while another one is served: it is looked up again


@dataclass(frozen=True, slots=True)
class OpenVersion:
    """A version whose files are open, so that pruning it takes nothing away.

    Attributes:
        generation: its number. files: by name, its manifest among them. stated: what each must be but the manifest.
    """

    generation: int
    files: dict[str, BinaryIO]
    stated: Mapping[str, FileDigest]


@contextmanager
def served_version(root: Path) -> Iterator[OpenVersion | None]:
    """The files of the version that CURRENT names, open; None before the first one.

    Raises:
        SnapshotCorrupt: CURRENT or a file is damaged or missing.
    """
    with ExitStack() as stack:
        yield _opened(root, stack)


def _opened(root: Path, stack: ExitStack) -> OpenVersion | None:
    """Opens it; tried again when it was pruned meanwhile, because another one is served now."""
    for left in reversed(range(TRIES)):
        current = read_current(root)
        if current is None:
            return None
        try:
            return _open(version_folder(root, current.generation), current, stack)
        except SnapshotCorrupt:
            if not left or read_current(root) == current:
                raise
    raise AssertionError("unreachable")


def _open(folder: Path, current: Current, stack: ExitStack) -> OpenVersion:
    manifest, content = read_manifest(folder)
    if hashlib.sha256(content).hexdigest() != current.manifest_sha256:
        raise SnapshotCorrupt(folder / MANIFEST, "it is not the one that CURRENT names")
    files: dict[str, BinaryIO] = {}
    for name in (*manifest.files, MANIFEST):
        try:
            files[name] = stack.enter_context((folder / name).open("rb"))
        except OSError as err:
            raise SnapshotCorrupt(folder / name, f"it cannot be read ({err.strerror})") from err
    return OpenVersion(current.generation, files, manifest.files)


def serve_copy(root: Path, generation: int) -> Manifest:
    """Verifies a version that was copied into an index folder, in a process of its own, and makes it the served one.

    Raises:
        SnapshotCorrupt, SnapshotVersion: it is not usable. OSError: the disk failed.
    """
    folder = version_folder(root, generation)
    manifest, content = read_manifest(folder)
    if manifest.generation != generation or {path.name for path in folder.iterdir()} != {*manifest.files, MANIFEST}:
        raise SnapshotCorrupt(folder, "its files are not those of its manifest")
    verify_apart(folder, manifest)
    for path in folder.iterdir():
        path.chmod(0o444)  # overwriting a mapped file would kill its readers
    fsync_folder(folder)
    fsync_folder(root)
    move_current(root, Current(generation, hashlib.sha256(content).hexdigest()))
    return manifest
