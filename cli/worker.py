"""`posterity worker`: one worker process."""

import sys

import click

from catalog.entries import Kind
from cli.lifeline import end_with_parent
from config import logs
from config.loading import load_settings


class KindList(click.ParamType[tuple[Kind, ...]]):
    """Kinds of work, comma separated."""

    name = "KINDS"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Kind, ...]:
        """Splits and checks the names."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(dict.fromkeys(Kind(name.strip()) for name in str(value).split(",")))
        except ValueError:
            return self.fail(f"{value!r} is not a list of {', '.join(Kind)}", param, ctx)


@click.command("worker")
@click.option(
    "--kinds", type=KindList(), default=("fetch", "embed"), help="Work to do: fetch, embed, build; comma separated."
)
@click.option(
    "--concurrency", type=click.IntRange(1, 64), default=1, show_default=True, help="Children that work at once."
)
@click.option("--supervised", is_flag=True, hidden=True, help="End when standard input closes.")
def worker_command(kinds: tuple[Kind, ...], concurrency: int, supervised: bool) -> None:
    """Run one worker until it is stopped (Ctrl-C or SIGTERM lets the task in hand end first).

    One child that embeds holds its own VGG16, about 750 MB. Run `build` in a worker of its own.

    Example: posterity worker --kinds fetch,embed
    """
    settings = load_settings()
    if supervised:
        end_with_parent()
    from workers.running import run_worker, worker_name

    logs.configure(settings, worker_id=worker_name(kinds))
    sys.exit(run_worker(settings, [Kind(kind) for kind in kinds], concurrency))
