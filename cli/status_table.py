"""The table of `posterity status`."""

import time

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from catalog.entries import Job, State
from catalog.presence import Worker
from catalog.sources import Health, SourceState
from cli.overview import Status, is_alive, seconds_left, served_facts, until_asked
from index.versions import VersionInfo


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
        ("work", _work(now)),
        ("failures", [Text(f"{count:,} {reason.replace('_', ' ')}") for reason, count in numbers.failures.items()]),
        ("sources", [_source(source, now.at) for source in now.sources]),
        ("workers", [_worker(worker, now.at) for worker in now.workers]),
        ("jobs", [_job(job) for job in now.jobs]),
        ("snapshot", [] if now.snapshot is None else [_served(now, now.snapshot)]),
        ("on disk", [Text(f"database {_mb(numbers.database_bytes)}, posters {_mb(numbers.poster_bytes)}")]),
    ]


def _work(now: Status) -> list[Text]:
    lines = []
    alive = {kind for worker in now.workers if is_alive(worker, now.at) for kind in worker.kinds}
    for kind, queue in now.numbers.queues.items():
        if queue.waiting or queue.in_hand:
            age = f", the oldest for {_words(queue.oldest_s)}"
            nobody = "" if kind in alive else "; NO WORKER for it is alive"
            told = f"{kind}: {queue.waiting:,} waiting, {queue.in_hand:,} in hand{age}{nobody}"
            lines.append(Text(told, "red" if nobody else ""))
    return lines


def _source(source: SourceState, now: float) -> Text:
    if source.state == Health.WORKING:
        return Text(f"{source.name}: working", style="green")
    style = "red" if source.state == Health.STOPPED else "yellow"
    return Text(
        f"{source.name}: {source.state}: {source.why}; asked again in {_words(until_asked(source, now))}", style
    )


def _worker(worker: Worker, now: float) -> Text:
    silent, who = now - worker.seen_at, f"{worker.worker_id} ({', '.join(worker.kinds)})"
    if is_alive(worker, now):
        return Text(f"{who}: heard {silent:.0f} s ago, up {_words(now - worker.started_at)}")
    return Text(f"{who}: LOST, not heard for {_words(silent)}", "red")


def _job(job: Job) -> Text:
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
    facts = served_facts(now, served)
    spaces = ", ".join(f"{name} {count:,}" for name, count in facts["vectors"].items())
    recall = ", ".join(f"{name} {value:.3f}" for name, value in now.recall.items())
    age = f", {_words(facts['age_s'])} old" if facts["age_s"] is not None else ""
    return Text(
        f"{served.generation}{age}: {spaces}; {_mb(served.size_bytes)}" + (f"; recall@10 {recall}" if recall else "")
    )


def _words(seconds: float) -> str:
    """A length of time as one says it: 40 s, 12 min, 3.5 h, 2 days."""
    for unit, size in (("days", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _mb(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
