"""What the routes of one app share: the catalog, users' histories, the snapshot being served, the bell."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from flask import Flask, current_app, g, request

from api.counting import PosterCounts
from api.histories import Histories
from catalog.catalog import Catalog
from index.errors import IndexNotReady
from index.live import LiveSnapshot
from index.snapshot import Snapshot
from workers.enqueue import Bell

EXTENSION = "posterity"


@dataclass(slots=True)
class Services:
    """One app's services; `watch` follows the published snapshots from the first request on."""

    catalog: Catalog
    live: LiveSnapshot
    bell: Bell
    broker_url: str
    index_dir: Path
    poster_hosts: frozenset[str] = frozenset()
    counts: PosterCounts = field(init=False)
    histories: Histories = field(init=False)
    _watching: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.counts = PosterCounts(self.catalog)
        self.histories = Histories(self.catalog)

    def watch(self) -> None:
        """Starts to follow the published snapshots, once in each process: a fork leaves threads behind."""
        if self._watching == os.getpid():
            return
        with self._lock:
            if self._watching != os.getpid():
                self.live.refresh()
                self.live.watch()
                self._watching = os.getpid()

    def close(self) -> None:
        """Ends the following and closes the catalog; for tests and for programs that outlive their app."""
        self.live.close()
        self.catalog.close()


def install(app: Flask, services: Services) -> None:
    """Hands the services to the routes of this app, and each request one snapshot from its start to its end."""
    app.extensions[EXTENSION] = services
    app.before_request(_take_snapshot)


def services() -> Services:
    """The services of the app that answers this request."""
    return cast(Services, current_app.extensions[EXTENSION])


def catalog() -> Catalog:
    """The catalog of the app that answers this request."""
    return services().catalog


def served() -> Snapshot | None:
    """The snapshot that this request sees, or None before the first one."""
    return cast("Snapshot | None", g.get("snapshot"))


def snapshot() -> Snapshot:
    """The snapshot that this request sees.

    Raises:
        IndexNotReady: none is published yet.
    """
    if served() is None:
        g.snapshot = services().live.get()  # published since this request began: its headers must name it, too
    return cast(Snapshot, g.snapshot)


def _take_snapshot() -> None:
    if request.path == "/livez":
        return  # must answer while the first snapshot is still being read from disk
    here = services()
    here.watch()
    try:
        g.snapshot = here.live.get()
    except IndexNotReady:
        g.snapshot = None
