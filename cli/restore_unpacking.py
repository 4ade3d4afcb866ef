"""A backup unpacked and verified beside what it is to replace: every digest, every count, the snapshot's answers."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from catalog.errors import BadFile
from catalog.restoring import demand_known
from catalog.table_files import columns_of
from cli.backup_archive import DIGEST, MANIFEST, BackupError, BadBackup, Member, members
from cli.backup_manifest import MOST_BYTES, BackupManifest, PosterSum, read_manifest
from index.copying import serve_copy
from index.durable import FileDigest, free_bytes
from index.errors import VectorIndexError
from ratings.errors import RatingsError
from ratings.model import FactorModel
from ratings.parquet import RatingsFile

Report = Callable[[str, int, int], None]
ROOM = 2  # times the file's size: what is unpacked, and the rows once more as a database


class _Unpacked:
    """What came out of a file so far."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path, self._folder = path, folder
        self.files: dict[str, FileDigest] = {}
        self._names, self._count, self._bytes = hashlib.sha256(), 0, 0
        self._seen: set[str] = set()

    def take(self, member: Member) -> None:
        """Writes a member below the folder."""
        if member.name in self._seen:
            raise BadBackup(self._path, f"it has {member.name} twice")
        self._seen.add(member.name)
        target = self._folder / member.name
        target.parent.mkdir(parents=True, exist_ok=True)
        sha256 = hashlib.sha256()
        with target.open("xb") as file:
            for chunk in member.content:
                sha256.update(chunk)
                file.write(chunk)
        if not member.name.startswith("posters/"):
            self.files[member.name] = FileDigest(sha256.hexdigest(), member.size)
            return
        if target.stem != sha256.hexdigest():
            raise BadBackup(self._path, f"{member.name} is damaged")
        self._names.update(f"{member.name}\n".encode())
        self._count, self._bytes = self._count + 1, self._bytes + member.size

    @property
    def posters(self) -> PosterSum:
        """Of all pictures together."""
        return PosterSum(count=self._count, bytes=self._bytes, names_sha256=self._names.hexdigest())


def unpack(path: Path, folder: Path, report: Report) -> BackupManifest:
    """Unpacks a backup into an empty folder and verifies all of it; returns what it says of itself.

    Raises:
        BadBackup: it is no backup, cut short, or damaged anywhere. BackupError: a newer version made it, or there is no
            room. BadSchema: its schema is not known here. OSError: a disk failed.
    """
    of, done = path.stat().st_size, 0
    if free_bytes(folder) < ROOM * of:
        need, free = ROOM * of / 1e6, free_bytes(folder) / 1e6
        raise BackupError(f"{folder}: {need:,.0f} MB are needed and {free:,.0f} MB are free; make room, then restore")
    unpacked = _Unpacked(path, folder)
    with path.open("rb") as file:
        for member in members(path, file):
            if member.name in (MANIFEST, DIGEST) and member.size > MOST_BYTES:
                raise BadBackup(path, f"its {member.name} is {member.size:,} bytes long")
            unpacked.take(member)
            done += member.size
            report("unpacking", done, of)
    manifest = _manifest(path, folder, unpacked)
    demand_known(manifest.schema_revision)
    _demand_stated(path, manifest, unpacked)
    report("verifying", 0, 0)
    _demand_usable(path, folder, manifest)
    return manifest


def _manifest(path: Path, folder: Path, unpacked: _Unpacked) -> BackupManifest:
    for name in (MANIFEST, DIGEST):
        if unpacked.files.pop(name, None) is None:
            raise BadBackup(path, f"it has no {name}: it is not whole")
    content = (folder / MANIFEST).read_bytes()
    if (folder / DIGEST).read_bytes() != f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n".encode():
        raise BadBackup(path, "its manifest is damaged")
    return read_manifest(path, content)


def _demand_stated(path: Path, manifest: BackupManifest, unpacked: _Unpacked) -> None:
    for name in sorted(manifest.files.keys() ^ unpacked.files.keys()):
        raise BadBackup(path, f"{name} is {'missing' if name in manifest.files else 'not in its manifest'}")
    for name, stated in manifest.files.items():
        if unpacked.files[name] != stated:
            raise BadBackup(path, f"{name} is damaged (sha256 differs)")
    if manifest.posters != unpacked.posters:
        raise BadBackup(path, f"it has {unpacked.posters.count:,} posters and should have {manifest.posters.count:,}")


def _demand_usable(path: Path, folder: Path, manifest: BackupManifest) -> None:
    try:
        for table, rows in manifest.tables.items():
            if f"tables/{table}.parquet" not in manifest.files:
                raise BadBackup(path, f"table {table} is missing")
            if columns_of(folder / "tables" / f"{table}.parquet")[1] != rows:
                raise BadBackup(path, f"table {table} has not the {rows:,} rows that are stated")
        for ratings in sorted((folder / "ratings").glob("*.parquet")):
            with RatingsFile(ratings):
                pass
        if manifest.model is not None:
            FactorModel.load(folder / "models" / manifest.model)
        if manifest.snapshot is not None:
            serve_copy(folder / "index", manifest.snapshot)
    except (BadFile, VectorIndexError, RatingsError) as err:
        why = str(err).replace(f"{folder}{os.sep}", "").split(";")[0]
        raise BadBackup(path, why) from err
