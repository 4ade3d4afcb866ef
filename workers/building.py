"""Runs trainings and rebuilds as jobs: claimed, kept alive while they run, ended with a result or a reason."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from catalog.catalog import Catalog
from catalog.entries import Job, Reason
from catalog.errors import CatalogError, LeaseLost
from config.logs import log_context
from faults.points import reached
from index.errors import VectorIndexError
from ratings.errors import RatingsError
from workers.reporting import Report

log = logging.getLogger(__name__)

Work = Callable[[Report], dict[str, Any]]
NAMED_ERRORS = (CatalogError, RatingsError, VectorIndexError, OSError)


@dataclass(slots=True)
class _Progress:
    """The last thing the work said; written by the work, read by the thread that keeps the lease."""

    phase: str = "starting"
    done: int = 0
    of: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {"phase": self.phase, "done": self.done, "of": self.of}


def build_due(catalog: Catalog, works: dict[str, Work], lease_s: float) -> bool:
    """Runs the oldest waiting job; False when there is none."""
    job = catalog.jobs.claim(lease_s)
    if job is None:
        return False
    reached("build.claimed")
    with log_context(job_id=job.job_id, request_id=job.request_id):
        log.info("%s begins, attempt %d", job.kind, job.attempt)
        done = run_job(catalog, job, works[job.kind], lease_s)
        log.info("%s ended: %s", job.kind, done.state)
    return True


def run_job(catalog: Catalog, job: Job, work: Work, lease_s: float, watch: Report | None = None) -> Job:
    """Runs one claimed job to its end and returns it as it ended.

    A named error ends the job as failed with that error's line; an unforeseen one does too, and is raised again.
    """
    progress = _Progress()

    def report(phase: str, done: int, of: int) -> None:
        progress.phase, progress.done, progress.of = phase, done, of
        if watch is not None:
            watch(phase, done, of)

    started = time.monotonic()
    try:
        with _kept(catalog, job, progress, lease_s):
            result = work(report)
        catalog.jobs.finish(job, {**result, "seconds": round(time.monotonic() - started, 2)})
    except LeaseLost as err:
        log.warning("%s: what it computed is dropped", err)
    except NAMED_ERRORS as err:
        catalog.jobs.fail(job, Reason.JOB_ERROR, str(err))
        log.error("%s %s failed: %s", job.kind, job.job_id, err)  # noqa: TRY400 - a named error needs no traceback
    except KeyboardInterrupt:
        catalog.jobs.fail(job, Reason.JOB_ERROR, "stopped by hand")
        raise
    except Exception as err:
        catalog.jobs.fail(job, Reason.INTERNAL_ERROR, f"unforeseen {type(err).__name__}: see the worker's log")
        raise
    return catalog.jobs.get(job.job_id)


@contextmanager
def _kept(catalog: Catalog, job: Job, progress: _Progress, lease_s: float) -> Iterator[None]:
    """Extends the job's lease and stores its progress while the body runs."""
    stop = threading.Event()

    def keep() -> None:
        while not stop.wait(min(1.0, lease_s / 3)):
            try:
                catalog.jobs.keep(job, lease_s, progress.as_dict())
            except LeaseLost:
                return  # the end of the job finds out and drops the result
            except CatalogError as err:
                log.warning("progress of %s not stored: %s", job.job_id, err)

    thread = threading.Thread(target=keep, name="keep-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
