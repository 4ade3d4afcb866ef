"""`posterity retry`: sends failed movies back to the start."""

import json

import click

from catalog.entries import Reason
from cli.session import session


@click.command("retry")
@click.option(
    "--reason", type=click.Choice([str(reason) for reason in Reason]), help="Only movies that failed for this."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def retry_command(reason: str | None, as_json: bool) -> None:
    """Queue failed movies again, for instance after posters were added to the folder.

    Example: posterity retry --reason no_poster && posterity embed --wait
    """
    with session() as opened:
        again = opened.catalog.work.retry(Reason(reason) if reason else None)
    click.echo(json.dumps({"queued": again}) if as_json else f"{again:,} movies queued again")
