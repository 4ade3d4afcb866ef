"""`posterity rollback`: serves an older snapshot again."""

import json

import click
from rich.console import Console
from rich.table import Table

from config import logs
from config.loading import load_settings
from index.versions import list_versions, rollback


@click.command("rollback")
@click.option("--to", "generation", type=click.IntRange(min=1), help="Snapshot to serve; the one before by default.")
@click.option("--list", "only_list", is_flag=True, help="Show the snapshots and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def rollback_command(generation: int | None, only_list: bool, as_json: bool) -> None:
    """Serve the previous snapshot again, or the one named with --to.

    Example: posterity rollback --list
    """
    settings = load_settings()
    logs.configure(settings, quiet=True)
    if not only_list:
        manifest = rollback(settings.index_dir, generation)
        click.echo(
            json.dumps({"generation": manifest.generation}) if as_json else f"serving snapshot {manifest.generation}"
        )
        return
    versions = list_versions(settings.index_dir)
    if as_json:
        rows = [{"generation": v.generation, "created_at": str(v.created_at), "current": v.current} for v in versions]
        click.echo(json.dumps(rows))
        return
    table = Table("snapshot", "made", "spaces", "size", "", box=None, header_style="bold")
    for version in versions:
        spaces = ", ".join(f"{space.name} {space.count:,}" for space in version.spaces)
        made = f"{version.created_at:%Y-%m-%d %H:%M} UTC" if version.created_at else "?"
        size = f"{version.size_bytes / 1e6:,.0f} MB"
        table.add_row(str(version.generation), made, spaces, size, "served" if version.current else "")
    Console().print(table)
