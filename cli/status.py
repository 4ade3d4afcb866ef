"""`posterity status`: how everything is, as a table that follows what happens."""

import json
import sys
import time
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from catalog.entries import State
from catalog.presence import ALIVE_WITHIN_S, FORGOTTEN_S, Worker
from catalog.sources import Health, SourceState
from catalog.statistics import Statistics, read_statistics
from cli.session import Session, session
from index.layout import version_folder
from index.manifest import read_manifest
from index.versions import VersionInfo, list_versions

REFRESH_S = 2.0
OPEN = (State.PENDING, State.FETCHED)


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that is shown, of one moment."""

    at: float
    numbers: Statistics
    sources: list[SourceState]
    workers: list[Worker]
    jobs: list[Any]
    snapshot: VersionInfo | None
    recall: dict[str, float]


@click.command("status")
@click.option("--once", is_flag=True, help="Print once, on a terminal too.")
@click.option("--json", "as_json", is_flag=True, help="Print once, as JSON.")
def status_command(once: bool, as_json: bool) -> None:
    """Show movies, work, failures, poster sources, workers, jobs and the snapshot, and follow them until Ctrl-C.

    Where the output is no terminal it is printed once.

    Example: posterity status --once
    """
    with session() as opened:
        if as_json:
            click.echo(json.dumps(as_dict(read(opened)), indent=1))
        elif once or not sys.stdout.isatty():
            Console(width=None if sys.stdout.isatty() else 100).print(picture(read(opened)))
        else:
            _follow(opened)


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
        jobs=[job for job in catalog.jobs.newest(20) if job.kind != "add"][:3],
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
            {"name": s.name, "state": str(s.state), "why": s.why, "retry_s": _until(s, now.at)} for s in now.sources
        ],
        "workers": [
            {"worker_id": w.worker_id, "kinds": list(w.kinds), "silent_s": round(now.at - w.seen_at, 1)}
            for w in now.workers
        ],
        "jobs": [{"job_id": job.job_id, "kind": job.kind, "state": job.state, **job.progress} for job in now.jobs],
        "snapshot": None if now.snapshot is None else _snapshot(now, now.snapshot),
        "database_bytes": numbers.database_bytes,
        "poster_bytes": numbers.poster_bytes,
    }


def seconds_left(numbers: Statistics) -> float | None:
    """Until every poster is embedded at the present rate; None while nothing is."""
    waiting = sum(numbers.movies[state] for state in OPEN)
    return round(waiting / numbers.embedded_per_s, 1) if numbers.embedded_per_s and waiting else None


def picture(now: Status) -> RenderableType:
    """The table for people."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, lines in _sections(now):
        for number, line in enumerate(lines or [Text("none", style="dim")]):
            table.add_row("" if number else name, line)
    return Group(Text(time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now.at)), style="dim"), table)


def _sections(now: Status) -> list[tuple[str, list[Text]]]:
    numbers = now.numbers
    counts = ", ".join(f"{count:,} {state}" for state, count in numbers.movies.items() if count)
    left = seconds_left(numbers)
    pace = f"; {numbers.embedded_per_s:.1f} embedded/s" + (f", about {_words(left)} left" if left else "")
    return [
        ("movies", [Text(counts + pace if counts else "none yet: posterity import movielens DIR")]),
        ("work", _work(numbers)),
        ("failures", [Text(f"{count:,} {reason.replace('_', ' ')}") for reason, count in numbers.failures.items()]),
        ("sources", [_source(source, now.at) for source in now.sources]),
        ("workers", [_worker(worker, now.at) for worker in now.workers]),
        ("jobs", [_job(job) for job in now.jobs]),
        ("snapshot", [] if now.snapshot is None else [_served(now, now.snapshot)]),
        ("on disk", [Text(f"database {_mb(numbers.database_bytes)}, posters {_mb(numbers.poster_bytes)}")]),
    ]


def _work(numbers: Statistics) -> list[Text]:
    lines = []
    for kind, queue in numbers.queues.items():
        if queue.waiting or queue.in_hand:
            age = f", the oldest for {_words(queue.oldest_s)}"
            lines.append(Text(f"{kind}: {queue.waiting:,} waiting, {queue.in_hand:,} in hand{age}"))
    return lines


def _source(source: SourceState, now: float) -> Text:
    if source.state == Health.WORKING:
        return Text(f"{source.name}: working", style="green")
    style = "red" if source.state == Health.STOPPED else "yellow"
    return Text(f"{source.name}: {source.state}: {source.why}; asked again in {_words(_until(source, now))}", style)


def _worker(worker: Worker, now: float) -> Text:
    silent = now - worker.seen_at
    alive = silent <= ALIVE_WITHIN_S
    heard = f"heard {silent:.0f} s ago" if alive else f"LOST, not heard for {_words(silent)}"
    told = f"{worker.worker_id} ({', '.join(worker.kinds)}): {heard}, up {_words(now - worker.started_at)}"
    return Text(told, style="" if alive else "red")


def _job(job: Any) -> Text:
    progress = job.progress
    far = (
        f": {progress['phase']} {progress.get('done', 0):,}/{progress.get('of', 0):,}" if progress.get("phase") else ""
    )
    left = f", about {_words(job.seconds_left)} left" if job.seconds_left is not None else ""
    failed = f": {job.detail}" if job.detail else ""
    state = "running" if job.running else "waiting" if job.state == State.PENDING else job.state
    return Text(
        f"{job.kind} {job.job_id} {state}{far if job.running else ''}{left}{failed}", "red" if job.detail else ""
    )


def _served(now: Status, served: VersionInfo) -> Text:
    facts = _snapshot(now, served)
    spaces = ", ".join(f"{name} {count:,}" for name, count in facts["vectors"].items())
    recall = ", ".join(f"{name} {value:.3f}" for name, value in now.recall.items())
    age = f", {_words(facts['age_s'])} old" if facts["age_s"] is not None else ""
    return Text(
        f"{served.generation}{age}: {spaces}; {_mb(served.size_bytes)}" + (f"; recall@10 {recall}" if recall else "")
    )


def _snapshot(now: Status, served: VersionInfo) -> dict[str, Any]:
    age = None if served.created_at is None else round(now.at - served.created_at.timestamp(), 1)
    return {
        "generation": served.generation,
        "age_s": age,
        "bytes": served.size_bytes,
        "vectors": {str(space.name): space.count for space in served.spaces},
        "recall": now.recall,
    }


def _until(source: SourceState, now: float) -> float:
    return round(max(0.0, (source.until or now) - now), 1)


def _words(seconds: float) -> str:
    """A length of time as one says it: 40 s, 12 min, 3.5 h, 2 days."""
    for unit, size in (("days", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _mb(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _follow(opened: Session) -> None:
    with Live(picture(read(opened)), auto_refresh=False, screen=False) as live:
        while True:
            time.sleep(REFRESH_S)
            live.update(picture(read(opened)), refresh=True)
