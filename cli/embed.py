"""`posterity embed [--wait]`: queues every movie's poster, and waits for the workers if asked to."""

import json
import subprocess
import time
from typing import Any

import click

from catalog.catalog import Catalog
from catalog.entries import Kind, State
from catalog.errors import CatalogError
from catalog.sources import Health
from cli.children import run_child
from cli.outages import outages
from cli.progress import Bar
from cli.session import Session, session

LOOK_EVERY_S = 0.5


class WorkerRefused(CatalogError):
    """The worker that was started does not run; the movies stay queued."""


class SourceRefused(CatalogError):
    """A poster source refuses us; the movies that need it stay queued."""


@click.command("embed")
@click.option(
    "--wait", is_flag=True, help="Wait until every poster is embedded or failed; runs a worker if none is alive."
)
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def embed_command(wait: bool, as_json: bool) -> None:
    """Queue the posters of all movies that are not queued yet, the most-rated first.

    Movies without a poster end as failed with that reason; that is no error of this command.

    Example: posterity embed --wait
    """
    with session() as opened:
        queued = opened.catalog.work.enqueue_all()
        click.echo(f"{queued:,} movies queued", err=True)
        if wait:
            wait_for_all(opened)
        click.echo(json.dumps(counts_of(opened.catalog)) if as_json else summary(opened.catalog))


def wait_for_all(opened: Session) -> None:
    """Shows progress until no poster waits; starts a worker of its own while none is alive."""
    own: subprocess.Popen[bytes] | None = None
    _ask_again(opened.catalog)
    started, before = time.monotonic(), opened.catalog.work.counts()[State.EMBEDDED]
    try:
        with Bar("embedding posters") as bar:
            while (counts := opened.catalog.work.counts())[State.PENDING] + counts[State.FETCHED]:
                if own is None or own.poll() is not None:
                    _demand_no_refusal(own)
                    own = _worker_if_none_is_alive(opened)
                _demand_willing_sources(opened.catalog)
                _show(bar, counts, before, time.monotonic() - started, outages(opened.catalog))
                time.sleep(LOOK_EVERY_S)
    finally:
        if own is not None:
            own.terminate()
            own.wait()


def counts_of(catalog: Catalog) -> dict[str, Any]:
    """Movies by state, and the failed ones by reason."""
    states = {str(state): count for state, count in catalog.work.counts().items()}
    return {**states, "failed_by_reason": dict(catalog.work.failures_by_reason())}


def summary(catalog: Catalog) -> str:
    """How many are embedded and how many failed for which reason, in one line."""
    counts = catalog.work.counts()
    reasons = ", ".join(f"{count:,} {_words(reason)}" for reason, count in catalog.work.failures_by_reason().items())
    failed = f"{counts[State.FAILED]:,} failed" + (f" ({reasons})" if reasons else "")
    waiting = counts[State.PENDING] + counts[State.FETCHED]
    return f"{counts[State.EMBEDDED]:,} embedded, {failed}, {waiting:,} waiting"


def _words(reason: str) -> str:
    return reason.replace("_", " ")


def _demand_no_refusal(own: "subprocess.Popen[bytes] | None") -> None:
    """A worker that was killed is started again; one that refused to start has said why."""
    if own is not None and own.returncode > 0:
        raise WorkerRefused(f"the worker ended with code {own.returncode}: its last line above says why")


def _ask_again(catalog: Catalog) -> None:
    """Whoever runs the command again may have mended why a source refused us."""
    for source in catalog.sources.all():
        if source.state == Health.STOPPED:
            catalog.sources.working(source.name)
            catalog.work.wake()


def _demand_willing_sources(catalog: Catalog) -> None:
    """Waiting for a source that refuses us would never end: once nothing else is left to do, that is said instead."""
    stopped = [source for source in catalog.sources.all() if source.state == Health.STOPPED]
    if not stopped or catalog.work.leased_until() is not None:
        return
    if not (catalog.work.due(Kind.FETCH) or catalog.work.due(Kind.EMBED)):
        raise SourceRefused(f"{stopped[0].why}; {summary(catalog)}. Then run this command again")


def _worker_if_none_is_alive(opened: Session) -> "subprocess.Popen[bytes] | None":
    alive = opened.catalog.presence.alive()
    if any("embed" in worker.kinds for worker in alive) and any("fetch" in worker.kinds for worker in alive):
        return None
    return run_child("worker", "--kinds", "fetch,embed", "--supervised")


def _show(bar: Bar, counts: dict[State, int], before: int, took_s: float, outage: str) -> None:
    done = counts[State.EMBEDDED] + counts[State.FAILED]
    rate = (counts[State.EMBEDDED] - before) / took_s if took_s > 1 else 0.0
    label = f"embedded {counts[State.EMBEDDED]:,}, failed {counts[State.FAILED]:,} ({rate:.1f}/s){outage}"
    bar.update(label, done, done + counts[State.PENDING] + counts[State.FETCHED])
