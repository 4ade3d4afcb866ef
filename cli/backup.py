"""`posterity backup FILE`: everything that cannot be computed again, and what is served, in one file."""

import errno
import json
from pathlib import Path

import click

from cli.backup_archive import BackupError
from cli.backup_contents import write_backup
from cli.backup_manifest import BackupManifest
from cli.progress import Bar
from cli.session import Session, session

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@click.command("backup")
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace FILE where it exists, once the new one is whole.")
@click.option("--json", "as_json", is_flag=True, help="Print what is in it as JSON.")
def backup_command(target: Path, force: bool, as_json: bool) -> None:
    """Write the catalog, the posters, the ratings, the newest model and the served snapshot into one file.

    The service may run meanwhile: the file holds one moment. It is a plain tar that only its owner may read, without
    settings and secrets. The disk needs room for it, and for the rows of the database once more.

    Example: posterity backup /backups/posterity-2026-11-24.tar
    """
    target = target.absolute()
    if target.exists() and not force:
        raise BackupError(f"{target}: it exists already; choose another name, or add --force to replace it")
    if not target.parent.is_dir():
        raise BackupError(f"{target.parent}: there is no such folder; make it first: mkdir -p {target.parent}")
    with session() as opened, Bar("backup", in_bytes=True) as bar:
        manifest = _written(opened, target, bar)
    click.echo(json.dumps(_facts(target, manifest)) if as_json else _summary(target, manifest))


def _written(opened: Session, target: Path, bar: Bar) -> BackupManifest:
    try:
        return write_backup(opened, target, bar.update)
    except OSError as err:
        if err.errno not in NO_ROOM:
            raise
        raise BackupError(f"{target}: the disk is full; make room, or choose a file on another disk") from err


def _facts(target: Path, manifest: BackupManifest) -> dict[str, object]:
    return {
        "file": str(target),
        "bytes": target.stat().st_size,
        "tables": manifest.tables,
        "posters": manifest.posters.count,
        "posters_missing": manifest.missing,
        "snapshot": manifest.snapshot,
        "model": manifest.model,
        "schema_revision": manifest.schema_revision,
        "created_at": manifest.created_at.isoformat(),
    }


def _summary(target: Path, manifest: BackupManifest) -> str:
    """One line about what is in it, and one for what was not there."""
    served = f"snapshot {manifest.snapshot}" if manifest.snapshot else "no snapshot"
    model = "the newest model" if manifest.model else "no model"
    lines = [
        f"{target}: {target.stat().st_size / 1e6:,.1f} MB with {manifest.tables['movies']:,} movies, "
        f"{manifest.posters.count:,} posters, {served}, {model}"
    ]
    if manifest.missing:
        lines.append(f"{manifest.missing:,} poster files were not there: see posterity doctor")
    return "\n".join(lines)
