"""A process that rebuilds when it is told to: `python -m tests.faults.rebuilder DATA_DIR`.

Each line on the standard input is one round: `job SEED` opens a job as the command line does and runs it, `publish
SEED` only publishes. Answers one line of JSON: what came of it, when it began and when it ended.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from catalog.catalog import Catalog
from catalog.errors import JobRunning
from index import publishing
from index.contents import PackedContents, Run, SnapshotContents
from index.errors import PublishBusy
from index.publishing import publish
from tests.faults.snapshots import contents
from tests.verifier_here import VerifierHere
from workers.building import run_job

SLOW_S = 0.15  # in the middle of a rebuild, so that the others come while it runs


def slow(made: SnapshotContents) -> SnapshotContents:
    """The same contents, whose posters take their time."""
    posters = made.spaces[0]
    assert isinstance(posters, PackedContents)
    return replace(made, spaces=(replace(posters, runs=_slowly(list(posters.runs))), *made.spaces[1:]))


def _slowly(runs: list[Run]) -> Iterator[Run]:
    for run in runs:
        time.sleep(SLOW_S)
        yield run


def attempt(catalog: Catalog, root: Path, what: str, seed: int) -> dict[str, Any]:
    """One try: the generation, or who was in the way."""

    def work(_: object = None) -> dict[str, Any]:
        return {"generation": publish(root, slow(contents(seed))).generation}

    try:
        if what == "publish":
            return work()
        ended = run_job(catalog, catalog.jobs.open("rebuild", 5.0), work, 5.0)
        return {**ended.result, "job": ended.job_id, "state": ended.state, "detail": ended.detail}
    except JobRunning as err:
        return {"busy": err.job_id}
    except PublishBusy as err:
        return {"busy": str(err)}


def main(data_dir: Path) -> None:
    publishing.Verifier = VerifierHere  # type: ignore[misc,assignment]
    catalog = Catalog(f"sqlite:///{data_dir / 'catalog.db'}", data_dir)
    attempt(catalog, data_dir / "warm" / str(time.time_ns()), "publish", 0)  # compiles what a rebuild needs
    print("ready", flush=True)
    for line in sys.stdin:
        what, seed = line.split()
        began = time.monotonic()
        found = attempt(catalog, data_dir / "index", what, int(seed))
        print(json.dumps({**found, "began": began, "ended": time.monotonic()}), flush=True)


if __name__ == "__main__":
    import logging

    logging.disable()
    main(Path(sys.argv[1]))
