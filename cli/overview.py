"""Everything that `posterity status` shows, of one moment, and the same as JSON."""

import time
from dataclasses import dataclass
from typing import Any

from catalog.entries import Job, State
from catalog.presence import ALIVE_WITHIN_S, FORGOTTEN_S, Worker
from catalog.sources import SourceState
from catalog.statistics import Statistics, read_statistics
from cli.session import Session
from index.layout import version_folder
from index.manifest import read_manifest
from index.versions import VersionInfo, list_versions

OPEN = (State.PENDING, State.FETCHED)
JOBS_SHOWN, JOBS_LOOKED_AT = 3, 20  # trains and rebuilds, among the newest jobs of every kind


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that is shown, of one moment."""

    at: float
    numbers: Statistics
    sources: list[SourceState]
    workers: list[Worker]
    jobs: list[Job]
    snapshot: VersionInfo | None
    recall: dict[str, float]


def read(opened: Session) -> Status:
    """The state of everything, now.

    Raises:
        CatalogBusy: the database does not answer.
    """
    catalog, root = opened.catalog, opened.settings.index_dir
    served = next((version for version in list_versions(root) if version.current), None)
    recall = read_manifest(version_folder(root, served.generation))[0].recall if served and served.valid else None
    return Status(
        at=time.time(),
        numbers=read_statistics(catalog.database),
        sources=catalog.sources.all(),
        workers=catalog.presence.alive(FORGOTTEN_S),
        jobs=[job for job in catalog.jobs.newest(JOBS_LOOKED_AT) if job.kind != "add"][:JOBS_SHOWN],
        snapshot=served,
        recall={str(name): value for name, value in (recall or {}).items()},
    )


def as_dict(now: Status) -> dict[str, Any]:
    """The same for programs."""
    numbers = now.numbers
    return {
        "movies": {str(state): number for state, number in numbers.movies.items()},
        "work": {
            str(kind): {"waiting": q.waiting, "in_hand": q.in_hand, "oldest_s": round(q.oldest_s, 1)}
            for kind, q in numbers.queues.items()
        },
        "embedded_per_s": round(numbers.embedded_per_s, 2),
        "seconds_left": seconds_left(numbers),
        "failures": dict(numbers.failures),
        "sources": [
            {"name": s.name, "state": str(s.state), "why": s.why, "retry_s": until_asked(s, now.at)}
            for s in now.sources
        ],
        "workers": [
            {
                "worker_id": w.worker_id,
                "kinds": list(w.kinds),
                "silent_s": round(now.at - w.seen_at, 1),
                "alive": is_alive(w, now.at),
            }
            for w in now.workers
        ],
        "jobs": [{"job_id": job.job_id, "kind": job.kind, "state": job.state, **job.progress} for job in now.jobs],
        "snapshot": None if now.snapshot is None else served_facts(now, now.snapshot),
        "database_bytes": numbers.database_bytes,
        "poster_bytes": numbers.poster_bytes,
    }


def seconds_left(numbers: Statistics) -> float | None:
    """Until every poster is embedded at the present rate; None while nothing is."""
    waiting = sum(numbers.movies[state] for state in OPEN)
    return round(waiting / numbers.embedded_per_s, 1) if numbers.embedded_per_s and waiting else None


def is_alive(worker: Worker, now: float) -> bool:
    """Whether a worker said lately that it is there."""
    return now - worker.seen_at <= ALIVE_WITHIN_S


def until_asked(source: SourceState, now: float) -> float:
    """Seconds until a source is asked again; 0 when it may be asked now."""
    return round(max(0.0, (source.until or now) - now), 1)


def served_facts(now: Status, served: VersionInfo) -> dict[str, Any]:
    """Of the snapshot being served."""
    age = None if served.created_at is None else round(now.at - served.created_at.timestamp(), 1)
    return {
        "generation": served.generation,
        "age_s": age,
        "bytes": served.size_bytes,
        "vectors": {str(space.name): space.count for space in served.spaces},
        "recall": now.recall,
    }
