"""What goes into a backup, in its order: tables, pictures, ratings, the newest model, the served snapshot."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from catalog.backing_up import Moment, Named, one_moment
from catalog.catalog import Catalog
from cli.backup_archive import ArchiveWriter, BackupError, new_file
from cli.backup_manifest import BackupManifest, PosterSum, program_version
from cli.session import Session
from index.copying import OpenVersion, served_version
from index.durable import FileDigest
from index.errors import SnapshotCorrupt
from index.layout import version_folder
from ratings.locking import import_lock
from ratings.model import ARRAYS, DESCRIPTION, FactorModel

MODEL_FILES = (ARRAYS, DESCRIPTION)

Report = Callable[[str, int, int], None]  # what is done, bytes so far, bytes in all or 0 where that is not known


@dataclass
class _Written:
    """What was written so far, for the manifest."""

    tables: dict[str, int] = field(default_factory=dict)
    files: dict[str, FileDigest] = field(default_factory=dict)
    poster_names: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    posters: int = 0
    poster_bytes: int = 0
    missing: int = 0


class _Told:
    """Counts bytes for whoever watches; think of the label as the chapter."""

    def __init__(self, report: Report) -> None:
        self._report, self.label, self._done = report, "", 0

    def __call__(self, more: int) -> None:
        self._done += more
        self._report(self.label, self._done, 0)


def write_backup(opened: Session, target: Path, report: Report) -> BackupManifest:
    """Writes all that cannot be computed again, and what is served, into one file; returns what it says of itself.

    Nothing of the installation is changed, and nobody waits but SQLite's writers (`catalog.backing_up`). Whatever
    fails, there is no file or the old one.

    Raises:
        BackupError, CatalogBusy, SnapshotCorrupt, ModelCorrupt, ImportRunning: nothing was written.
        OSError: the disk is full or failing.
    """
    scratch = target.with_name(f"{target.name}.tmp.d")
    told = _Told(report)
    try:
        with new_file(target) as file:
            shutil.rmtree(scratch, ignore_errors=True)  # of a backup that was killed: no other one is running
            scratch.mkdir(mode=0o700)
            archive = ArchiveWriter(file, told)
            manifest = _fill(opened, scratch, archive, told)
            archive.finish(manifest.to_bytes())
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return manifest


def _fill(opened: Session, scratch: Path, archive: ArchiveWriter, told: _Told) -> BackupManifest:
    catalog, settings, written = opened.catalog, opened.settings, _Written()
    created_at = datetime.now(UTC)
    # The snapshot is opened before the rows are read: no movie is in it that the rows do not know, or know as deleted.
    with served_version(settings.index_dir) as version, ExitStack() as stack:
        told.label = "database"
        told(0)
        with ExitStack() as reading:
            with _no_import(catalog.data_dir / "ratings"):
                moment = reading.enter_context(one_moment(catalog.database, scratch))
                named = moment.named()
                files = {name: stack.enter_context(_there(catalog.data_dir / name)) for name in named.ratings}
            files |= _model(settings.models_dir, named, stack)
            _tables(moment, scratch, archive, told, written)
        _posters(catalog, named, archive, told, written)
        for name, source in (files | _of_version(version)).items():
            told.label = name
            written.files[name] = archive.add(name, source, _size(source))
        _demand_undamaged(settings.index_dir, version, written.files)
    return BackupManifest(
        program=program_version(),
        schema_revision=named.revision,
        created_at=created_at,
        database="sqlite" if catalog.database.is_sqlite else "postgresql",
        tables=written.tables,
        files=written.files,
        posters=PosterSum(
            count=written.posters, bytes=written.poster_bytes, names_sha256=written.poster_names.hexdigest()
        ),
        missing=written.missing,
        snapshot=version.generation if version else None,
        model=named.model,
    )


@contextmanager
def _no_import(folder: Path) -> Iterator[None]:
    """While the rows and the files they name are opened, no import replaces these."""
    if not folder.is_dir():
        yield
        return
    with import_lock(folder):
        yield


def _there(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as err:
        raise BackupError(f"{path}: cannot be read ({err.strerror}): import the ratings again, then back up") from err


def _model(models_dir: Path, named: Named, stack: ExitStack) -> dict[str, BinaryIO]:
    """The files of the newest model, which is read once to know that it is whole."""
    if named.model is None:
        return {}
    folder = models_dir / named.model
    FactorModel.load(folder)
    return {f"models/{named.model}/{name}": stack.enter_context((folder / name).open("rb")) for name in MODEL_FILES}


def _of_version(version: OpenVersion | None) -> dict[str, BinaryIO]:
    if version is None:
        return {}
    folder = version_folder(Path("index"), version.generation).as_posix()
    return {f"{folder}/{name}": file for name, file in version.files.items()}


def _demand_undamaged(index_dir: Path, version: OpenVersion | None, files: Mapping[str, FileDigest]) -> None:
    """What was copied is what was published: a backup that restore would refuse is none."""
    if version is None:
        return
    folder = version_folder(index_dir, version.generation)
    for name, stated in version.stated.items():
        if files[f"index/{folder.name}/{name}"] != stated:
            raise SnapshotCorrupt(folder / name, "its content is not what was published (sha256 differs)")


def _size(source: BinaryIO) -> int:
    return os.fstat(source.fileno()).st_size


def _tables(moment: Moment, scratch: Path, archive: ArchiveWriter, told: _Told, written: _Written) -> None:
    for table in moment.tables:
        told.label = f"table {table}"
        told(0)
        path = scratch / f"{table}.parquet"
        written.tables[table] = moment.write_table(table, path)
        with path.open("rb") as source:
            name = f"tables/{path.name}"
            written.files[name] = archive.add(name, source, _size(source))
        path.unlink()


def _posters(catalog: Catalog, named: Named, archive: ArchiveWriter, told: _Told, written: _Written) -> None:
    told.label = "posters"
    store = catalog.posters.content
    for sha256, media_type in named.posters:
        content = store.get(sha256, media_type)
        if content is None:  # gone or damaged: doctor names it, and its movie can be fetched again
            written.missing += 1
            continue
        name = store.path(sha256, media_type).relative_to(catalog.data_dir).as_posix()
        archive.add(name, BytesIO(content), len(content))
        written.posters += 1
        written.poster_bytes += len(content)
        written.poster_names.update(f"{name}\n".encode())
