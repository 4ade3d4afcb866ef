"""Restores a verified backup into the database and the data folder of the settings."""

import fcntl
import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from catalog.database import Database
from catalog.errors import BadFile
from catalog.restoring import drop_ours, held_by, move_aside, put_in
from cli.backup_archive import BackupError, BadBackup
from cli.backup_manifest import BackupManifest
from cli.restore_switch import switching
from cli.restore_unpacking import unpack
from config.settings import Settings

Report = Callable[[str, int, int], None]
STAGING, LOCK = ".restore", ".restore.lock"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and where what was there before lies now."""

    manifest: BackupManifest
    aside: tuple[str, ...]


def restore(settings: Settings, source: Path, replace: bool, force: bool, report: Report) -> Restored:
    """Unpacks and verifies the file beside the data, then puts it in place; before that nothing is changed.

    Args:
        replace: a catalog that holds something is moved aside. force: even while workers say that they are alive.

    Raises:
        BackupError: refused; the message says why and what to do. BadBackup, BadSchema: the file is not usable.
        CatalogBusy: the database does not answer. OSError: a disk failed.
    """
    if not source.is_file():
        raise BackupError(f"{source}: there is no such file; name one that posterity backup wrote")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with _alone(settings.data_dir) as staging:
        _demand_free(settings, replace, force)
        manifest = unpack(source, staging, report)
        report("syncing", 0, 0)
        os.sync()
        _demand_free(settings, replace, force)
        put = _into_sqlite if Database(settings.catalog_url).is_sqlite else _into_postgresql
        try:
            return Restored(manifest, tuple(put(settings, staging, manifest, _aside(settings.data_dir), report)))
        except BadFile as err:
            raise BadBackup(source, str(err).replace(f"{staging}{os.sep}", "")) from err


def _aside(data_dir: Path) -> str:
    """A name that is not taken, for what was there before."""
    now = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    names = (f"before-restore-{now}-{number:02}" for number in itertools.count(1))
    return next(name for name in names if not any(data_dir.glob(f"*{name}")))


@contextmanager
def _alone(data_dir: Path) -> Iterator[Path]:
    """An empty folder for what is unpacked, on the disk where it is needed; gone at the end."""
    staging = data_dir / STAGING
    handle = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise BackupError(f"{data_dir}: another restore is running; wait until it is done") from err
        shutil.rmtree(staging, ignore_errors=True)  # of a restore that was killed
        staging.mkdir(mode=0o700)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    finally:
        os.close(handle)


def _demand_free(settings: Settings, replace: bool, force: bool) -> None:
    opened = Database(settings.catalog_url)
    if opened.is_sqlite and not Path(opened.url.database or "").exists():
        return
    try:
        held = held_by(opened)
    finally:
        opened.close()
    if held.workers and not force:
        raise BackupError(
            f"{opened.where}: {len(held.workers)} workers are alive ({held.workers[0]}); stop them and the API, wait "
            "15 s and restore again, or add --force"
        )
    if held.anything and not replace:
        raise BackupError(f"{opened.where}: the catalog is not empty; add --replace to move it aside")


def _into_sqlite(settings: Settings, staging: Path, manifest: BackupManifest, aside: str, report: Report) -> list[str]:
    database = Path(Database(settings.catalog_url).url.database or "").absolute()
    fresh = database.with_name(f".{database.name}.restore")
    for path in (fresh, fresh.with_name(f"{fresh.name}-journal"), fresh.with_name(f"{fresh.name}-wal")):
        path.unlink(missing_ok=True)
    try:
        _fill(Database(f"sqlite:///{fresh}"), staging, manifest, report)
        with switching() as switch:
            switch.database_aside(database, database.with_name(f"{database.name}.{aside}"))
            switch.folders(staging, settings.data_dir, settings.data_dir / f".{aside}")
            switch.database_in(fresh, database)
        return [str(path) for path in switch.aside]
    finally:
        fresh.unlink(missing_ok=True)


def _fill(database: Database, staging: Path, manifest: BackupManifest, report: Report) -> None:
    try:
        with database.write() as connection:
            put_in(connection, staging / "tables", manifest.tables, manifest.schema_revision, _rows(report, manifest))
    finally:
        database.close()


def _into_postgresql(
    settings: Settings, staging: Path, manifest: BackupManifest, aside: str, report: Report
) -> list[str]:
    database = Database(settings.catalog_url)
    schema = aside.replace("-", "_").lower()
    try:
        anything = held_by(database).anything
        # The commit makes it true; where it fails the folders go back.
        with switching() as switch, database.write() as connection:
            if anything:
                move_aside(connection, schema)
            else:
                drop_ours(connection)
            put_in(connection, staging / "tables", manifest.tables, manifest.schema_revision, _rows(report, manifest))
            switch.folders(staging, settings.data_dir, settings.data_dir / f".{aside}")
    finally:
        database.close()
    return [str(path) for path in switch.aside] + ([f"schema {schema} of the database"] if anything else [])


def _rows(report: Report, manifest: BackupManifest) -> Callable[[str, int], None]:
    return lambda table, done: report(f"table {table}", done, manifest.tables[table])
