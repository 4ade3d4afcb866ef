"""`posterity retry`: sends failed movies back to the start."""

import click

from catalog.entries import Reason
from cli.session import session


@click.command("retry")
@click.option(
    "--reason", type=click.Choice([str(reason) for reason in Reason]), help="Only movies that failed for this."
)
def retry_command(reason: str | None) -> None:
    """Queue failed movies again, for instance after posters were added to the folder.

    Example: posterity retry --reason no_poster && posterity embed --wait
    """
    with session() as opened:
        again = opened.catalog.work.retry(Reason(reason) if reason else None)
    click.echo(f"{again:,} movies queued again")
