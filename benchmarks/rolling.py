"""A rolling restart of API and workers under 50 requests a second: does a request fail, and how long does one wait?

The processes are those of docker-compose.yml, run natively: PostgreSQL, Redis, gunicorn, three workers. The API's
processes are replaced by SIGHUP; of every worker a new one is started and the old one told to end. Half of the requests
come on connections of their own, half on connections that are kept; none is repeated.

Run: python -m benchmarks.rolling [--quick] [--json]
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.bars import Row, bar, show
from catalog.entries import State
from tests.deploy.conftest import compose_file, everything
from tests.deploy.load import Load, Question
from tests.deploy.stack import Stack

WORKERS = ("worker-fetch", "worker-embed", "worker-build")
PER_S, MOVIES = 50.0, 60


def main() -> None:
    """Runs the trial and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round instead of five; never counts as a bar met")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posterity-rolling-") as folder, _everything(folder) as stack:
        _publish(stack)
        quiet, rolling = _trial(stack, 1 if options.quick else 5)
    row = Row(
        "rolling restart under 50 requests/s: failed",
        f"{len(rolling.failures)} of {rolling.count:,}",
        f"{bar('rolling')['failed']}",
        not rolling.failures and not quiet.failures,
        f"median {_ms(rolling.seconds, 50)} (quiet {_ms(quiet.seconds, 50)}), p99 {_ms(rolling.seconds, 99)}"
        f" (quiet {_ms(quiet.seconds, 99)}), longest {max(rolling.seconds):.2f} s",
    )
    for failure in rolling.failures[:10]:
        print(failure, file=sys.stderr)
    sys.exit(show("Rolling restart", [row.as_quick() if options.quick else row], options.json, ["gunicorn", "celery"]))


def _everything(folder: str) -> AbstractContextManager[Stack]:
    return everything(compose_file(), Path(folder))


def _publish(stack: Stack) -> None:
    """Movies with title cards, embedded and published."""
    stack.wait_until(stack.up, 90, "the API answers")
    stack.ask("/movies", [{"movie_id": i, "title": f"Movie {i}", "year": 1950 + i} for i in range(1, MOVIES + 1)])
    catalog = stack.catalog()
    stack.wait_until(lambda: catalog.work.counts()[State.EMBEDDED] == MOVIES, 240, "the movies are embedded")
    catalog.close()
    stack.wait_until(lambda: stack.ask(f"/similar?movie_id={MOVIES}").status == 200, 120, "the last movie is published")


def _trial(stack: Stack, rounds: int) -> tuple[Load, Load]:
    """The same load undisturbed, and while everything is replaced `rounds` times."""
    questions = [Question(f"/similar?movie_id={i}&k=5") for i in range(1, 41)]
    questions += [Question(f"/movies/{i}") for i in range(1, 11)] + [Question("/movies?q=movie&limit=20")] * 5
    questions += [Question("/movies", {"movie_id": i, "title": f"Movie {i}"}) for i in range(1, 6)]
    with Load(stack.ports["api"], questions, PER_S) as quiet:
        time.sleep(10)
    with Load(stack.ports["api"], questions, PER_S) as rolling:
        for _ in range(rounds):
            _replace_api(stack)
            _replace_workers(stack)
        time.sleep(5)
    return quiet, rolling


def _replace_api(stack: Stack) -> None:
    master = stack.processes["api"].pid
    before = _children(master)
    os.kill(master, signal.SIGHUP)
    stack.wait_until(lambda: (now := _children(master)) and not now & before, 60, "other API processes serve")


def _replace_workers(stack: Stack) -> None:
    for name in WORKERS:
        old = stack.processes.pop(name)
        stack.start(name)
        old.terminate()
        old.wait(120)


def _children(pid: int) -> set[int]:
    return {int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def _ms(seconds: list[float], percent: int) -> str:
    return f"{statistics.quantiles(seconds, n=100)[percent - 1] * 1000:.0f} ms"


if __name__ == "__main__":
    main()
