"""`/metrics` for Prometheus: what this API's processes did, and how the whole installation is."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api import access
from api.services import Services, services
from catalog.errors import CatalogError
from catalog.sources import Health
from catalog.statistics import Queue, Statistics, read_statistics

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"  # set by deploy/gunicorn.conf.py before anything imports the library
METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS")
# Seconds; the bounds lie close where answers should be: /similar takes less than a millisecond, pages some ten.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REQUESTS = "posterity-requests"  # the extension of an app that counts them
NO_ROUTE = "other"

routes = Blueprint("metrics", __name__)


@dataclass(frozen=True, slots=True)
class Requests:
    """Counters of one process; with the multiprocess folder set, those of all processes together."""

    registry: CollectorRegistry
    number: Counter
    seconds: Histogram
    load_failures: Gauge
    _known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = field(default_factory=dict)

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request more; `status` is a class of them, 2 for 200 and its like."""
        key = route, method, status
        known = self._known.get(key)
        if known is None:  # finding the counter of these labels would take longer than to count
            counters = self.number.labels(route, method, f"{status}xx"), self.seconds.labels(route)
            known = self._known.setdefault(key, counters)
        known[0].inc()
        known[1].observe(seconds)

    @classmethod
    def new(cls) -> "Requests":
        """Counters at zero, labelled by route template: what people write into an address makes no label."""
        registry = CollectorRegistry()
        number = Counter("posterity_requests", "Requests answered.", ("route", "method", "status"), registry=registry)
        seconds = Histogram(
            "posterity_request_seconds", "Time to answer.", ("route",), registry=registry, buckets=BUCKETS
        )
        failures = Gauge(
            "posterity_snapshot_load_failures",
            "Snapshots that could not be loaded, of the process that failed most.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        return cls(registry, number, seconds, failures)

    def note(self, path: str, route: str, method: str, status: int, seconds: float) -> None:
        """Counts a request, and writes one line about it."""
        self.count(route, method, status // 100, seconds)
        access.note(path, route, method, status, seconds)

    def text(self) -> bytes:
        """All of them in Prometheus' text form."""
        if MULTIPROCESS not in os.environ:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def install(app: Flask) -> None:
    """Counts every request of this app and adds the route."""
    requests = Requests.new()
    app.extensions[REQUESTS] = requests
    noted = -1  # failures that the gauge says; the first request says 0, so that the next number is a rise

    def begin() -> None:
        g.began = time.perf_counter()

    def count(response: Response) -> Response:
        now, here = time.perf_counter(), request._get_current_object()  # type: ignore[attr-defined]  # one look-up
        route = here.url_rule.rule if here.url_rule else NO_ROUTE
        method = here.method if here.method in METHODS else NO_ROUTE
        seconds = now - g.get("began", now)
        nonlocal noted
        if (failures := services().live.failures) != noted:
            requests.load_failures.set(failures)
            noted = failures
        requests.note(here.path, route, method, response.status_code, seconds)
        return response

    app.before_request(begin)
    app.after_request(count)
    app.register_blueprint(routes)


@routes.get("/metrics")
def metrics() -> Response:
    """Everything, read now; the numbers of the installation are the same whichever process answers."""
    counted: Requests = current_app.extensions[REQUESTS]
    counted.load_failures.set(services().live.failures)
    here = CollectorRegistry()
    here.register(Installation(services()))
    return Response(counted.text() + generate_latest(here), content_type=CONTENT_TYPE_LATEST)


class Installation(Collector):
    """What is true for the whole installation: the catalog, the snapshot, the workers, the poster sources."""

    def __init__(self, here: Services) -> None:
        self._here = here

    def collect(self) -> Iterator[Metric]:
        """The families; without a database only what needs none."""
        catalog = self._here.catalog
        try:
            statistics = read_statistics(catalog.database)
            sources, alive = catalog.sources.all(), catalog.presence.alive()
        except CatalogError:
            yield _gauge("database_up", "1 when the database answers.", 0)
        else:
            yield _gauge("database_up", "1 when the database answers.", 1)
            yield from _of_catalog(statistics)
            yield _labelled(
                "source_state",
                "1 for the state that an outside poster source is in.",
                ("source", "state"),
                {(source.name, state): float(source.state == state) for source in sources for state in Health},
            )
            left = {(source.name,): max(0.0, (source.until or 0.0) - time.time()) for source in sources}
            yield _labelled("source_retry_seconds", "Until a source is asked again.", ("source",), left)
            kinds = {(str(kind),): float(sum(kind in worker.kinds for worker in alive)) for kind in statistics.queues}
            yield _labelled("workers", "Workers that said lately that they are alive.", ("kind",), kinds)
        yield from _of_snapshot(self._here)


def _of_catalog(now: Statistics) -> Iterator[Metric]:
    yield _labelled("movies", "Movies by the state of their poster.", ("state",), _keyed(now.movies))
    yield _labelled("failures", "Failed movies by reason.", ("reason",), _keyed(now.failures))
    queues: dict[tuple[str, ...], Queue] = {(str(kind),): queue for kind, queue in now.queues.items()}
    told = "Rows of work by kind: "
    yield _labelled("work_waiting", f"{told}waiting.", ("kind",), {k: float(q.waiting) for k, q in queues.items()})
    yield _labelled("work_in_hand", f"{told}in hand.", ("kind",), {k: float(q.in_hand) for k, q in queues.items()})
    oldest = {k: q.oldest_s for k, q in queues.items()}
    yield _labelled("work_oldest_seconds", "Since the oldest open row of work changed.", ("kind",), oldest)
    yield _gauge("embedded_per_second", "Posters embedded a second over the last minute.", now.embedded_per_s)
    jobs = {key: float(number) for key, number in now.jobs.items()}
    yield _labelled("jobs", "Trains and rebuilds by state.", ("kind", "state"), jobs)
    yield _gauge("catalog_bytes", "Size of the database.", now.database_bytes)
    yield _gauge("poster_files_bytes", "Size of the posters of all movies.", now.poster_bytes)


def _of_snapshot(here: Services) -> Iterator[Metric]:
    snapshot = here.live.current
    yield _gauge(
        "snapshot_generation", "Snapshot being served; 0 before the first.", snapshot.generation if snapshot else 0
    )
    if snapshot is None:
        return
    manifest = snapshot.manifest
    age = max(0.0, time.time() - manifest.created_at.timestamp())
    yield _gauge("snapshot_age_seconds", "Since the served snapshot was made.", age)
    yield _gauge("snapshot_bytes", "Size of the served snapshot.", manifest.size_bytes)
    vectors = {(str(name),): float(space.count) for name, space in manifest.spaces.items()}
    yield _labelled("snapshot_vectors", "Vectors of the served snapshot.", ("space",), vectors)
    recall = {(str(name),): value for name, value in (manifest.recall or {}).items()}
    yield _labelled("snapshot_recall", "Recall@10 against brute force, measured at publication.", ("space",), recall)


def _keyed(counts: Mapping[Any, int]) -> dict[tuple[str, ...], float]:
    return {(str(key),): float(number) for key, number in counts.items()}


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"posterity_{name}", help_text, value=float(value))


def _labelled(name: str, help_text: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(f"posterity_{name}", help_text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
