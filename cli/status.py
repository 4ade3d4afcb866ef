"""`posterity status`: how everything is, as a table that follows what happens."""

import json
import sys
import time

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from catalog.errors import CatalogError
from cli.overview import as_dict, read
from cli.session import Session, session
from cli.status_table import picture

REFRESH_S = 2.0


@click.command("status")
@click.option("--once", is_flag=True, help="Print once, on a terminal too.")
@click.option("--json", "as_json", is_flag=True, help="Print once, as JSON.")
def status_command(once: bool, as_json: bool) -> None:
    """Show movies, work, failures, poster sources, workers, jobs and the snapshot, and follow them until Ctrl-C.

    Where the output is no terminal it is printed once.

    Example: posterity status --once
    """
    with session() as opened:
        if as_json:
            click.echo(json.dumps(as_dict(read(opened)), indent=1))
        elif once or not sys.stdout.isatty():
            Console(width=None if sys.stdout.isatty() else 100).print(picture(read(opened)))
        else:
            follow(opened, Console())


def follow(opened: Session, screen: Console) -> None:
    """Until Ctrl-C; a database that is away for a while ends nothing, and the last numbers stay."""
    shown = picture(read(opened))
    with Live(shown, console=screen, auto_refresh=False) as live:
        while True:
            time.sleep(REFRESH_S)
            try:
                shown = now = picture(read(opened))
            except CatalogError as err:
                at = time.strftime("%H:%M:%S")
                now = Group(shown, Text(f"{at} the numbers above are old: {err}", "red"))
            live.update(now, refresh=True)
