"""`posterity restore FILE`: what `posterity backup` wrote, verified and put in place."""

import json
from pathlib import Path

import click

from cli.backup_manifest import described
from cli.progress import Bar
from cli.restoring import Restored, restore
from config import logs
from config.loading import load_settings


@click.command("restore")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Move a catalog that is not empty aside; nothing of it is deleted.")
@click.option("--force", is_flag=True, help="Restore although workers say that they are alive.")
@click.option("--json", "as_json", is_flag=True, help="Print what was restored as JSON.")
def restore_command(source: Path, replace: bool, force: bool, as_json: bool) -> None:
    """Put a backup into the database and the data folder of the settings.

    Every byte is verified beside them before anything is replaced. A backup from SQLite may go into PostgreSQL and the
    other way; an older schema is brought up to date. Stop the API and the workers before, start them after.

    Example: posterity restore /backups/posterity-2026-11-24.tar
    """
    settings = load_settings()
    logs.configure(settings, quiet=True)
    with Bar("restore") as bar:
        restored = restore(settings, source.absolute(), replace, force, bar.update)
    click.echo(json.dumps(_facts(restored)) if as_json else _summary(restored))


def _facts(restored: Restored) -> dict[str, object]:
    manifest = restored.manifest
    return {
        "created_at": manifest.created_at.isoformat(),
        "tables": manifest.tables,
        "posters": manifest.posters.count,
        "snapshot": manifest.snapshot,
        "model": manifest.model,
        "before": list(restored.aside),
    }


def _summary(restored: Restored) -> str:
    manifest = restored.manifest
    served = f"snapshot {manifest.snapshot}" if manifest.snapshot else "no snapshot"
    lines = [
        f"restored the state of {described(manifest.created_at)}: {manifest.tables.get('movies', 0):,} movies, "
        f"{manifest.posters.count:,} posters, {served}"
    ]
    lines += [f"what was there before: {path}" for path in restored.aside]
    return "\n".join([*lines, "next: start the API and the workers, or posterity serve"])
