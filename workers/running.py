"""Runs one worker process: Celery with its children, the sweeper beside it."""

import os
import socket
import warnings
from collections.abc import Sequence
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import worker_ready, worker_shutting_down

from catalog.catalog import Catalog
from catalog.entries import Kind
from config.settings import Settings
from workers.acknowledging import look_after
from workers.app import TASKS_MODULE, create_celery
from workers.pool import MendedTaskPool
from workers.priority import step_behind
from workers.sweeper import Sweeper, SweepOptions


def run_worker(settings: Settings, kinds: Sequence[Kind], concurrency: int = 1) -> int:
    """Works until it is told to stop; returns the exit code.

    Args:
        concurrency: children that work at once; each that embeds holds its own VGG16 (about 750 MB).

    Raises:
        PosterError: a poster source or the weights cannot be used. CatalogError: the database cannot.
    """
    _demand_usable(settings, kinds)
    if settings.embedded or Kind.BUILD in kinds:
        step_behind()
    if Kind.BUILD in kinds:
        _import_what_builds()
    Catalog.open(settings.catalog_url, settings.data_dir).close()  # the schema is brought up to date once, here
    # Celery warns root because of pickle, which is switched off here; containers run as they run.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    app = create_celery(settings.broker_url)
    app.conf.imports = (TASKS_MODULE,)
    name = worker_name(kinds)
    _sweep_while_running(
        create_celery(settings.broker_url, ringing=True),  # a frozen broker must not keep the sweeper from its sweeps
        settings,
        SweepOptions(
            worker_id=name,
            kinds=tuple(kinds),
            hands=concurrency,
            interval_s=settings.sweep_interval_s,
            publish_every_s=settings.publish_every_s,
            embedded=settings.embedded,
            outside=_outside(settings, kinds),
        ),
    )
    worker = _celery_worker(app, name, kinds, concurrency)
    look_after(worker)
    worker.start()
    return int(worker.exitcode or 0)


def worker_name(kinds: Sequence[Kind]) -> str:
    """How this process is called as a worker of these kinds: in /readyz, in the logs, on the broker."""
    return f"{'-'.join(kinds)}-{os.getpid()}@{socket.gethostname()}"


def _import_what_builds() -> None:
    """Once, before the fork: a child that takes the place of a dead one need not do it again."""
    import workers.rebuild
    import workers.train  # noqa: F401


def _celery_worker(app: Celery, name: str, kinds: Sequence[Kind], concurrency: int) -> Any:
    """Celery's worker of these queues; heartbeats and gossip are ours, in the catalog."""
    return app.Worker(
        hostname=name,
        queues=list(kinds),
        pool=MendedTaskPool,
        concurrency=concurrency,
        loglevel="WARNING",
        without_heartbeat=True,
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    )


def _sweep_while_running(app: Celery, settings: Settings, options: SweepOptions) -> None:
    """Starts the sweeper when the worker is ready, and stops it as soon as the worker is told to end."""
    running: list[Sweeper] = []

    def start(**_: object) -> None:
        running.append(Sweeper(app, Catalog(settings.catalog_url, settings.data_dir), options))
        running[0].start()

    def stop(**_: object) -> None:
        while running:
            running.pop().stop()

    worker_ready.connect(start, weak=False)
    worker_shutting_down.connect(stop, weak=False)


def _demand_usable(settings: Settings, kinds: Sequence[Kind]) -> None:
    """Better one line at the start than a task that fails again and again. The build worker needs no Pillow."""
    if Kind.FETCH in kinds:
        from posters.guard import FreeGuard
        from posters.sources import open_sources
        from workers.outside import TMDB, outside_options

        open_sources(settings.source_specs, outside_options(settings, FreeGuard(TMDB)))
    if Kind.EMBED in kinds:
        from posters.weights import load_weights

        load_weights(settings.weights)


def _outside(settings: Settings, kinds: Sequence[Kind]) -> tuple[str, ...]:
    """The sources that may replace title cards, for a worker that fetches."""
    if Kind.FETCH not in kinds:
        return ()
    from posters.sources import real_sources

    return tuple(real_sources(settings.source_specs))
