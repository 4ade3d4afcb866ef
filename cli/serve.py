"""`posterity serve`: the API and the workers of one machine, supervised."""

import socket
import sys
import time
from collections.abc import Callable

import click

from catalog.catalog import Catalog
from catalog.entries import State
from cli.outages import outages
from cli.session import Session, session
from cli.supervisor import Child, Supervisor
from config.settings import Settings
from index.versions import served_generation

FIRST_LINE_S, LINE_EVERY_S = 5.0, 15.0


@click.command("serve")
def serve_command() -> None:
    """Serve the API and run the workers of this machine, until Ctrl-C.

    Three processes: the API (waitress), one worker that fetches and embeds, one that trains and rebuilds.

    Example: POSTERITY_PORT=8080 posterity serve
    """
    with session() as opened:
        sys.exit(serve(opened))


def serve(opened: Session) -> int:
    """Supervises the three processes until it is told to stop; returns the exit code.

    Raises:
        OSError: the address is taken or not ours.
    """
    _demand_free(opened.settings)
    children = [
        Child("api", ("api", "--supervised")),
        Child("worker for fetch and embed", ("worker", "--kinds", "fetch,embed", "--supervised")),
        Child("worker for train and rebuild", ("worker", "--kinds", "build", "--supervised")),
    ]
    return Supervisor(children, embedding_lines(opened.catalog, opened.settings)).run()


def embedding_lines(catalog: Catalog, settings: Settings) -> Callable[[], None]:
    """A function to be called often: prints how far the embedding is, every 15 s while it moves."""
    next_at, seen, seen_at = time.monotonic() + FIRST_LINE_S, -1, time.monotonic()

    def tick() -> None:
        nonlocal next_at, seen, seen_at
        now = time.monotonic()
        if now < next_at:
            return
        next_at = now + LINE_EVERY_S
        counts = catalog.work.counts()
        embedded, waiting = counts[State.EMBEDDED], counts[State.PENDING] + counts[State.FETCHED]
        if embedded != seen:
            rate = (embedded - seen) / (now - seen_at) if seen >= 0 else 0.0
            line = _line(embedded, counts[State.FAILED], waiting, rate, served_generation(settings.index_dir))
            click.echo(line + outages(catalog), err=True)
        seen, seen_at = embedded, now

    return tick


def _line(embedded: int, failed: int, waiting: int, rate: float, generation: int | None) -> str:
    left = f", about {waiting / rate / 60:.0f} min left" if rate > 0 and waiting else ""
    pace = f" at {rate:.1f}/s{left}" if rate > 0 else ""
    done = f"posters: {embedded:,} of {embedded + waiting + failed:,} embedded{pace}"
    return f"{done}{f', {failed:,} failed' if failed else ''}; snapshot {generation or 'none yet'}"


def _demand_free(settings: Settings) -> None:
    """Better one line now than a child that dies again and again."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as err:
            where = f"{settings.host}:{settings.port}"
            raise OSError(f"cannot listen on {where}: {err.strerror}; choose another with POSTERITY_PORT") from err
