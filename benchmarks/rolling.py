"""A rolling restart of API and workers under 50 requests a second: does a request fail, and how long does one wait?

The processes are those of docker-compose.yml, run natively: PostgreSQL, Redis, gunicorn, three workers. The API's
processes are replaced by SIGHUP; of every worker a new one is started and the old one told to end. Half of the requests
come on connections of their own, half on connections that are kept; none is repeated. One in fifty posts a movie, whose
title card is drawn and embedded meanwhile; the encoder has one core, so that two cores are enough for all of it.

Run: python -m benchmarks.rolling [--quick] [--json]
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.bars import Row, bar, show
from benchmarks.small_movielens import small_movielens
from catalog.entries import State
from tests.deploy.conftest import compose_file, everything
from tests.deploy.load import Load, Question
from tests.deploy.stack import REPO, Stack

WORKERS = ("worker-fetch", "worker-embed", "worker-build")
PER_S = 50.0
OPEN = (State.PENDING, State.FETCHED)


def main() -> None:
    """Runs the trial and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round instead of five; never counts as a bar met")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posterity-rolling-") as folder, _everything(folder) as stack:
        ids = _publish(stack)
        quiet, rolling = _trial(stack, ids, 1 if options.quick else 5)
        missing, lost = _lost(stack, len(ids) + quiet.posted + rolling.posted)
    limit = bar("rolling")["failed"]
    rows = [
        Row(
            "rolling restart under 50 requests/s: failed",
            f"{len(rolling.failures)} of {rolling.count:,}",
            str(limit),
            len(rolling.failures) + len(quiet.failures) <= limit,
            f"{rolling.count / rolling.took_s:.1f}/s (quiet {quiet.count / quiet.took_s:.1f}/s);"
            f" median {_ms(rolling.seconds, 50)} (quiet {_ms(quiet.seconds, 50)}),"
            f" p99 {_ms(rolling.seconds, 99)} (quiet {_ms(quiet.seconds, 99)}), longest {max(rolling.seconds):.2f} s",
        ),
        Row(
            "movies posted meanwhile: not embedded, or lost by a worker",
            f"{missing}, {lost}",
            "0",
            not (missing or lost),
            f"{rolling.posted} posted while everything was replaced",
        ),
    ]
    for failure in rolling.failures[:10]:
        print(failure, file=sys.stderr)
    rows = [row.as_quick() if options.quick else row for row in rows]
    sys.exit(show("Rolling restart", rows, options.json, ["gunicorn", "celery"]))


def _everything(folder: str) -> AbstractContextManager[Stack]:
    compose = compose_file()
    compose["services"]["worker-embed"]["environment"] |= {"POSTERITY_THREADS": "1"}
    return everything(compose, Path(folder))


def _publish(stack: Stack) -> list[int]:
    """Real movies and ratings with title cards: imported, learned from, embedded, published; their ids."""
    stack.wait_until(stack.up, 90, "the API answers")
    for words in (
        ("import", "movielens", str(small_movielens(stack.home / "ml-small"))),
        ("train",),
        ("embed", "--wait"),
    ):
        _command(stack, *words)
    _command(stack, "rebuild")
    catalog = stack.catalog()
    ids = list(catalog.movies.ids())
    catalog.close()
    stack.wait_until(lambda: stack.ask(f"/similar?movie_id={ids[-1]}").status == 200, 60, "the snapshot is served")
    return ids


def _command(stack: Stack, *words: str) -> None:
    subprocess.run(
        ["posterity", *words], env=stack.environment("cli"), cwd=REPO, check=True, capture_output=True, timeout=300
    )


def _trial(stack: Stack, ids: list[int], rounds: int) -> tuple[Load, Load]:
    """The same load undisturbed, and while everything is replaced `rounds` times."""
    questions = [Question(f"/similar?movie_id={i}&k=5&by={by}") for i in ids[:20] for by in ("poster", "ratings")]
    questions += [Question(f"/movies/{i}") for i in ids[:6]] + [Question("/movies?q=the&limit=20")] * 2
    questions += [Question("/movies", lambda number: {"title": f"Premiere {number}", "year": 2026})]
    with Load(stack.ports["api"], questions, PER_S) as quiet:
        time.sleep(10)
    with Load(stack.ports["api"], questions, PER_S) as rolling:
        for _ in range(rounds):
            _replace_api(stack)
            _replace_workers(stack)
        time.sleep(5)
    return quiet, rolling


def _lost(stack: Stack, expected: int) -> tuple[int, int]:
    """Of the movies taken in: how many are not embedded in the end, and how many were lost by a worker on the way."""
    catalog = stack.catalog()
    stack.wait_until(lambda: not sum(catalog.work.counts()[state] for state in OPEN), 300, "no poster waits any more")
    embedded = catalog.work.counts()[State.EMBEDDED]
    with catalog.database.read() as connection:
        lost = connection.exec_driver_sql("SELECT count(*) FROM poster_work WHERE lost > 0").scalar_one()
    catalog.close()
    return expected - embedded, int(lost)


def _replace_api(stack: Stack) -> None:
    master = stack.processes["api"].pid
    before = _children(master)
    os.kill(master, signal.SIGHUP)
    stack.wait_until(lambda: (now := _children(master)) and not now & before, 60, "other API processes serve")


def _replace_workers(stack: Stack) -> None:
    for name in WORKERS:
        old = stack.processes.pop(name)
        stack.start(name)
        stack.wait_until(lambda kind=name: _heard(stack, kind) == 2, 60, f"the new {name} is heard")  # type: ignore[misc]
        old.terminate()
        old.wait(120)


def _heard(stack: Stack, name: str) -> int:
    catalog = stack.catalog()
    found = sum(name.removeprefix("worker-") in worker.kinds for worker in catalog.presence.alive())
    catalog.close()
    return found


def _children(pid: int) -> set[int]:
    return {int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def _ms(seconds: list[float], percent: int) -> str:
    return f"{statistics.quantiles(seconds, n=100)[percent - 1] * 1000:.0f} ms"


if __name__ == "__main__":
    main()
