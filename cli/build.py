"""`posterity train` and `posterity rebuild`: run here and now, as jobs of the catalog."""

import json
from typing import Any

import click

from catalog.entries import Job
from catalog.errors import CatalogError
from cli.interrupts import heard_interrupts
from cli.progress import Bar
from cli.session import Session, session
from workers.building import run_job
from workers.priority import step_behind
from workers.runtime import works


class JobFailed(CatalogError):
    """The job ended with a reason; the message is that reason."""


@click.command("train")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def train_command(as_json: bool) -> None:
    """Learn vectors for movies that are liked alike from all ratings.

    The new model is used from the next `posterity rebuild` on. Ctrl-C keeps the best so far. POSTERITY_RATING_VECTORS
    names the kind of vectors; by default the best that free memory allows.

    Example: posterity train && posterity rebuild
    """
    step_behind()
    with session() as opened, heard_interrupts():
        job = run_here(opened, "train")
    click.echo(json.dumps(job.result) if as_json else f"{train_summary(job.result)}\nnext: posterity rebuild")


@click.command("rebuild")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def rebuild_command(as_json: bool) -> None:
    """Pack the newest model and all embedded posters into a snapshot and publish it.

    Example: posterity rebuild
    """
    step_behind()
    with session() as opened:
        job = run_here(opened, "rebuild")
    click.echo(json.dumps(job.result) if as_json else rebuild_summary(job.result))


def run_here(opened: Session, kind: str) -> Job:
    """Runs a train or rebuild in this process with a progress bar.

    Raises:
        JobRunning: one waits or runs already. JobFailed: it ended with a reason.
    """
    settings, catalog = opened.settings, opened.catalog
    job = catalog.jobs.open(kind, settings.lease_s)
    with Bar(kind) as bar:
        ended = run_job(catalog, job, works(settings, catalog)[kind], settings.lease_s, bar.update)
    if ended.reason is not None:
        raise JobFailed(f"{kind} failed: {ended.detail}")
    return ended


def train_summary(result: Any) -> str:
    """One line about a trained model, one about its vectors, and one where it was stopped by hand."""
    error = result["validation_rmse"]
    stars = "stars without a validation error" if error is None else f"stars with validation RMSE {error:.4f}"
    lines = [
        f"trained {result['model']}: {result['movies']:,} movies, {result['ratings']:,} ratings, {stars} "
        f"after {result['epochs']} epochs, {result['seconds']:.1f} s",
        f"vectors of {result['dimensions']} numbers: {result['why']}",
    ]
    if result["interrupted"]:
        lines.append("stopped by hand: the best so far is kept; posterity train again for a whole one")
    return "\n".join(lines)


def rebuild_summary(result: Any) -> str:
    """One line about a published snapshot, and one for what was left out."""
    line = (
        f"published snapshot {result['generation']}: {result['posters']:,} posters, "
        f"{result['rated']:,} rated movies, {result['seconds']:.1f} s"
    )
    return line if not result["left_out"] else f"{line}; left out: {result['left_out']}"
