"""`posterity posters purge`: throws posters away that must not, or need not, be kept."""

import json
from dataclasses import asdict

import click

from cli.session import session


@click.group("posters")
def posters_command() -> None:
    """Look after the stored posters.

    Example: posterity posters purge --dry-run
    """


@posters_command.command("purge")
@click.option("--source", metavar="NAME", help="Throw away every poster of this source, such as tmdb.")
@click.option("--dry-run", is_flag=True, help="Only say what would be thrown away.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
def purge_command(source: str | None, dry_run: bool, as_json: bool) -> None:
    """Throw away posters whose time is over, and files that no movie uses any more.

    Posters from TMDB may be kept for 180 days; workers fetch them again before anything is thrown away, so this finds
    only what could not be fetched. Their movies are queued again and get what the poster sources have now.

    Example: posterity posters purge --source tmdb --dry-run
    """
    with session() as opened:
        known = opened.catalog.purging.sources()
        if source is not None and source not in known:
            names = ", ".join(f"{name} ({count:,})" for name, count in sorted(known.items())) or "none at all"
            raise click.BadParameter(f"no posters are from {source!r}; there are {names}", param_hint="--source")
        done = opened.catalog.purging.purge(source, dry_run)
        if as_json:
            click.echo(json.dumps({**asdict(done), "dry_run": dry_run}))
            return
        would = "would be " if dry_run else ""
        size = f"{done.bytes / 1e6:,.1f} MB"
        click.echo(f"{done.posters:,} posters {would}forgotten, {done.files:,} files {would}removed ({size})")
