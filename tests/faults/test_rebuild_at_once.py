"""T9: several rebuilds at once. One runs, the others are told which; a kill frees the lock, the next one clears up."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from catalog.catalog import Catalog
from config.settings import Settings
from index import publishing
from index.contents import SnapshotContents
from index.errors import PublishBusy
from index.layout import read_current
from index.locking import publish_lock
from index.publishing import publish
from tests.acceptance.installation import ADMIN_TOKEN, REPO, wait_until
from tests.faults.snapshots import contents, differences, leftovers, served
from tests.plan import Judge
from tests.verifier_here import VerifierHere
from workers.building import build_due
from workers.reporting import Report

AT_ONCE, ROUNDS, NIGHTLY_ROUNDS = 4, 10, 50
FREE_WITHIN_S = 1.0


@dataclass
class Rebuilder:
    """A process of `tests.faults.rebuilder`."""

    process: "subprocess.Popen[str]"

    @classmethod
    def start(cls, data_dir: Path) -> "Rebuilder":
        command = [sys.executable, "-m", "tests.faults.rebuilder", str(data_dir)]
        return cls(subprocess.Popen(command, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))

    def told(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"a rebuilder ended with {self.process.wait()}"
        return line.strip() if line == "ready\n" else json.loads(line)

    def tell(self, what: str, seed: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what} {seed}\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}", tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the processes."""
    made = tmp_path_factory.mktemp("at-once")
    Catalog.open(f"sqlite:///{made / 'catalog.db'}", made).close()
    return made


@pytest.fixture(scope="module")
def rebuilders(home: Path) -> Iterator[list[Rebuilder]]:
    made = [Rebuilder.start(home) for _ in range(AT_ONCE)]
    try:
        assert [one.told() for one in made] == ["ready"] * AT_ONCE
        yield made
    finally:
        for one in made:
            one.end()


def generation(root: Path) -> int:
    current = read_current(root)
    return 0 if current is None else current.generation


def test_of_several_processes_one_rebuilds_and_the_others_are_told_which(
    home: Path, rebuilders: list[Rebuilder], judge: Judge, nightly: bool
) -> None:
    root, wrong, refused = home / "index", list[str](), 0
    rounds = NIGHTLY_ROUNDS if nightly else ROUNDS
    for number in range(rounds):
        what, before = ("job", "publish")[number % 2], generation(root)
        at_once = rebuilders[: 2 + number % 3]
        for one in at_once:
            one.tell(what, number + 1)
        told = [one.told() for one in at_once]
        ran, busy = [one for one in told if "generation" in one], [one for one in told if "busy" in one]
        refused += len(busy)
        overlapped = [one for one in busy if one["began"] < ran[0]["ended"]] if ran else busy
        if what == "job" and any(one["busy"] != ran[0]["job"] for one in overlapped):
            wrong.append(f"round {number}: {told}")
        if what == "publish" and not all("another rebuild" in one["busy"] for one in busy):
            wrong.append(f"round {number}: {told}")
        if len(ran) != 1 or len(busy) != len(at_once) - 1 or generation(root) != before + 1:
            wrong.append(f"round {number}: {len(ran)} ran, generation {before} -> {generation(root)}: {told}")
        found = served(root)
        wrong += differences(found) if found else ["nothing is served"]
        wrong += leftovers(root)
    measured = f"{refused} refused, {len(wrong)} broken {wrong[:2]}"
    judge(
        "T9",
        "2 to 4 processes rebuild at once",
        rounds,
        "1 runs, the others are told, generation + 1",
        measured,
        not wrong,
    )


def test_a_killed_rebuild_frees_the_lock_within_a_second_and_the_next_one_clears_up(
    home: Path, rebuilders: list[Rebuilder], judge: Judge
) -> None:
    root, slowest, wrong = home / "index", 0.0, list[str]()
    publish(root, contents(1))
    for number, one in enumerate(rebuilders[:3]):
        before = generation(root)
        one.tell("publish", number + 2)
        wait_until(lambda: list(root.glob(".tmp-*")), 10, "a rebuild is under way")
        with pytest.raises(PublishBusy), publish_lock(root):
            pass
        os.kill(one.process.pid, signal.SIGKILL)
        killed = time.monotonic()
        wait_until(lambda: free(root), 10, "the lock is free")
        slowest = max(slowest, time.monotonic() - killed)
        wrong += [] if generation(root) == before else [f"kill {number} changed what is served"]
        wrong += [] if leftovers(root) else [f"kill {number} came too late"]
        made = publish(root, contents(9))
        wrong += [] if made.generation == before + 1 and not leftovers(root) else [f"{number}: {leftovers(root)}"]
    measured = f"{slowest:.2f} s, {len(wrong)} broken {wrong}"
    held = slowest <= FREE_WITHIN_S and not wrong
    judge(
        "T9", "a rebuild is killed", 3, f"lock free <= {FREE_WITHIN_S:g} s, nothing left after the next", measured, held
    )


def free(root: Path) -> bool:
    try:
        with publish_lock(root):
            return True
    except PublishBusy:
        return False


def published(root: Path, made: SnapshotContents, report: Report) -> dict[str, Any]:
    return {"generation": publish(root, made, report).generation}


def test_of_several_who_ask_at_once_one_gets_a_job_and_the_others_its_id(
    tmp_path: Path, catalog: Catalog, judge: Judge, nightly: bool
) -> None:
    """Over HTTP, from threads, while a worker takes the job or does not."""
    root = tmp_path / "index"
    app = create_app(Settings(data_dir=tmp_path, admin_token=ADMIN_TOKEN, rate_limit_admin_per_min=0))
    rounds, wrong = NIGHTLY_ROUNDS if nightly else ROUNDS, list[str]()
    for number in range(rounds):
        count, before = 2 + number % 3, generation(root)
        answers, ready = list[Any](), threading.Barrier(count)

        def ask(answers: list[Any] = answers, ready: threading.Barrier = ready) -> None:
            client = app.test_client()
            ready.wait(10)
            answers.append(client.post("/admin/rebuild", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}))

        threads = [threading.Thread(target=ask) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        accepted = [answer.json["job_id"] for answer in answers if answer.status_code == 202]
        refused = [answer.json["job_id"] for answer in answers if answer.status_code == 409]
        if len(accepted) != 1 or refused != accepted * (count - 1):
            wrong.append(f"round {number}: {[(answer.status_code, answer.json) for answer in answers]}")
        build_due(catalog, {"rebuild": partial(published, root, contents(number + 1))}, 60)
        if generation(root) != before + 1 or catalog.jobs.get(accepted[0]).result["generation"] != before + 1:
            wrong.append(f"round {number}: generation {before} -> {generation(root)}")
    app.extensions["posterity"].close()
    measured = f"{len(wrong)} broken {wrong[:2]}"
    judge("T9", "2 to 4 ask for a rebuild at once", rounds, "one 202, the others 409 with its id", measured, not wrong)
