"""T10: snapshots are rebuilt while questions come, and every third rebuild is killed: no question notices.

Each answer is compared with brute force over what the version holds that it names in `X-Index-Version`.
"""

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from index.layout import read_current, version_folder
from index.manifest import read_manifest
from tests.acceptance.installation import ADMIN_TOKEN, Answer, Installation, free_port, wait_until
from tests.deploy.load import Load, Question
from tests.faults.changing import Changing
from tests.faults.snapshots import leftovers, served
from tests.plan import Judge

pytestmark = pytest.mark.timeout(900)  # the long form takes some minutes on a busy machine
ROUNDS, NIGHTLY_ROUNDS = 5, 20
PER_S, TAKEN_UP_S, BUILT_S = 50.0, 5.0, 60.0
SEED = 10
KILLS = ("publish.renamed:1", "at random", "publish.moved:1:parent", "publish.renamed:1:parent", "publish.moved:1")
SETTINGS = {"LEASE_S": "1", "SWEEP_S": "0.2", "PUBLISH_EVERY_S": "1000000", "RATE_LIMIT_ADMIN_PER_MIN": "0"}
TOLERANCE = 2e-6  # the API writes six digits
MORE_MEMORY, MORE_FILES = 80 << 20, 12


@dataclass(frozen=True)
class Given:
    """One answer: to what, of which version, in which time (of the monotonic clock)."""

    path: str
    status: int
    version: int
    body: bytes
    began: float
    ended: float


@dataclass
class KeptLoad(Load):
    """A load that keeps every answer."""

    answers: list[Given] = field(default_factory=list)

    def _ask(self, connection: http.client.HTTPConnection, number: int, keeps: bool) -> bool:
        question = self.questions[number % len(self.questions)]
        began = time.monotonic()
        try:
            connection.request("GET", question.path, headers={} if keeps else {"Connection": "close"})
            answer = connection.getresponse()
            body, version = answer.read(), int(answer.headers.get("X-Index-Version", "0"))
        except (OSError, ValueError, http.client.HTTPException) as err:
            self._note(question, f"{type(err).__name__}: {err}")
            return False
        if answer.status != 200:
            self._note(question, f"{answer.status} {body[:200]!r}")
        else:
            with self._lock:
                self.seconds.append(time.monotonic() - began)
                self.answers.append(Given(question.path, answer.status, version, body, began, time.monotonic()))
        return not answer.will_close


@dataclass
class Builder:
    """The build worker, started again when it dies as `posterity serve` would."""

    installed: Installation
    process: "subprocess.Popen[str] | None" = None
    draw: random.Random = field(default_factory=lambda: random.Random(SEED))
    at_random: int = 0
    armed: int = 0

    @property
    def killed(self) -> int:
        """Rebuilds that were struck."""
        return self.at_random + len(list(self.installed.data_dir.glob("struck-*")))

    def start(self, fault: str = "") -> None:
        """A worker with this fault, which strikes once; without one where it is empty."""
        self.end()
        self.armed += 1
        given, mark = self.installed.settings, self.installed.data_dir / f"struck-{self.armed}"
        self.installed.settings = {**given, "FAULT": fault, "FAULT_MARK": str(mark)} if ":" in fault else given
        self.process = self.installed.start("worker", "--kinds", "build")
        self.installed.settings = given

    def end(self) -> None:
        """SIGKILL to the worker and all its children."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def look_after(self) -> None:
        """Another one where the last one is dead; its orphans end by themselves."""
        if self.process is not None and self.process.poll() is not None:
            self.process = self.installed.start("worker", "--kinds", "build")

    def strike_at_random(self, root: Path) -> None:
        """Kills the child or all of it, some moment after a version was begun."""
        assert self.process is not None
        wait_until(lambda: list(root.glob(".tmp-*")), BUILT_S, "a rebuild begins")
        time.sleep(self.draw.uniform(0, 0.5))  # the moment is the point of it
        children = psutil.Process(self.process.pid).children()
        if children and self.draw.random() < 0.5:
            children[0].kill()
        else:
            self.end()
        self.at_random += 1


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path, free_port(), SETTINGS)
    yield made
    made.stop()


@pytest.fixture
def builder(installation: Installation) -> Iterator[Builder]:
    made = Builder(installation)
    yield made
    made.end()


@pytest.fixture
def changing(installation: Installation) -> Iterator[Changing]:
    catalog = installation.catalog()
    made = Changing(installation, catalog)
    made.begin()
    yield made
    catalog.close()


@dataclass
class Watched:
    """What was seen of CURRENT: when each version was first named, of which round and model it is."""

    root: Path
    moved_at: dict[int, float] = field(default_factory=dict)
    rounds: dict[int, int] = field(default_factory=dict)
    models: dict[int, str] = field(default_factory=dict)

    def look(self) -> None:
        """Notes a new version; CURRENT names a whole one at every instant."""
        current = read_current(self.root)
        if current is not None and current.generation not in self.moved_at:
            self.moved_at[current.generation] = time.monotonic()
            manifest, _ = read_manifest(version_folder(self.root, current.generation))
            self.models[current.generation] = manifest.source["model"]
            self.rounds[current.generation] = int(manifest.source["model"].rpartition("-")[2])
            assert served(self.root) is not None


def rebuilt(installation: Installation, builder: Builder, watched: Watched, fault: str) -> str:
    """Asks for one rebuild and waits for its end; the state of its job."""
    if fault:
        builder.start(fault)

    def accepted() -> Answer | None:
        """A worker may have opened one by itself; then that one ends first."""
        builder.look_after()
        watched.look()
        answer = installation.ask("/admin/rebuild", {}, token=ADMIN_TOKEN)
        assert answer.status in (202, 409), answer
        return answer if answer.status == 202 else None

    asked = wait_until(accepted, BUILT_S, "a rebuild is accepted")
    if fault == "at random":
        builder.strike_at_random(watched.root)

    def ended() -> Any:
        builder.look_after()
        watched.look()
        job = installation.ask(f"/jobs/{asked.body['job_id']}").body
        return job if job["state"] in ("done", "failed") else None

    job = wait_until(ended, BUILT_S, f"the rebuild ends, fault {fault or 'none'}")
    watched.look()
    return f"{job['state']} {job.get('detail') or ''}".strip()


def questions(changing: Changing) -> list[Question]:
    posters = [Question(f"/similar?movie_id={i}&by=poster&k=10") for i in changing.asked_posters]
    rated = [Question(f"/similar?movie_id={i}&by=ratings&k=10&debias=0") for i in (1, 17, 33, 60)]
    return [question for pair in zip(posters, rated, strict=True) for question in pair]


def wrong_answers(changing: Changing, watched: Watched, answers: list[Given]) -> list[str]:
    """Those that are not brute force over their version; posters that came since may be in it already."""
    wrong, known = [], dict[tuple[str, int, bytes], bool]()
    for given in answers:
        key = given.path, given.version, given.body
        if key not in known:
            known[key] = _right(changing, watched, given)
        if not known[key]:
            wrong.append(f"{given.path} of version {given.version}: {given.body[:300]!r}")
    return wrong


def _right(changing: Changing, watched: Watched, given: Given) -> bool:
    body = json.loads(given.body)
    if body["index_version"] != given.version or given.version not in watched.rounds:
        return False
    found = [(item["movie_id"], item["score"]) for item in body["items"]]
    if body["by"] == "ratings":
        return _same(found, changing.by_ratings(watched.models[given.version], body["movie_id"]))
    later = range(watched.rounds[given.version], changing.round + 1)
    return any(_same(found, changing.by_posters(state, body["movie_id"])) for state in later)


def _same(found: list[tuple[int, float]], wanted: list[tuple[int, float]]) -> bool:
    if [i for i, _ in found] != [i for i, _ in wanted]:
        return False
    return np.allclose([s for _, s in found], [s for _, s in wanted], rtol=1e-6, atol=TOLERANCE)


def latest_old_answer_s(watched: Watched, answers: list[Given]) -> float:
    """The longest time after a version was published in which a question still began that got an older one."""
    late = [
        given.began - at
        for given in answers
        for version, at in watched.moved_at.items()
        if given.version < version and given.began > at
    ]
    return max(late, default=0.0)


def test_no_question_notices_that_snapshots_are_rebuilt_and_rebuilds_killed(
    installation: Installation, builder: Builder, changing: Changing, judge: Judge, nightly: bool
) -> None:
    watched = Watched(installation.data_dir / "index")
    api = installation.start("api")
    builder.start()
    wait_until(installation.up, 60, "the API answers")
    assert rebuilt(installation, builder, watched, "") == "done"
    wait_until(lambda: installation.up("/readyz"), 10, "the first version is served")
    process, ended = psutil.Process(api.pid), list[str]()
    with KeptLoad(installation.port, questions(changing), PER_S) as quiet:
        wait_until(lambda: quiet.count >= 100, 30, "a hundred answers")
    files, memory = process.num_fds(), process.memory_info().rss
    with KeptLoad(installation.port, questions(changing), PER_S) as load:
        for number in range(NIGHTLY_ROUNDS if nightly else ROUNDS):
            changing.go_on()
            fault = KILLS[number // 3 % len(KILLS)] if number % 3 == 0 else ""
            ended.append(rebuilt(installation, builder, watched, fault))
        newest = max(watched.moved_at)
        wait_until(lambda: load.answers[-1].version == newest, 10, "the last version is served")
    wait_until(lambda: process.num_fds() <= files + MORE_FILES, 20, f"the files are closed: {files} before")
    grown = process.memory_info().rss - memory
    answers = quiet.answers + load.answers
    wrong, late = wrong_answers(changing, watched, answers), latest_old_answer_s(watched, answers)
    worst = np.percentile(load.seconds, 99) * 1000
    measured = (
        f"{len(answers):,} answers, {len(load.failures)} not 200 {load.failures[:2]}, {len(wrong)} wrong {wrong[:1]}, "
        f"{builder.killed} killed, jobs {set(ended)}, old for {late:.1f} s, p99 {worst:.0f} ms, "
        f"{grown / 2**20:+.0f} MB, {process.num_fds() - files:+d} files; left over {leftovers(watched.root)}"
    )
    held = not wrong and not load.failures and not quiet.failures and set(ended) == {"done"} and late <= TAKEN_UP_S
    held = held and grown <= MORE_MEMORY and not leftovers(watched.root) and builder.killed * 3 >= len(ended)
    bound = "0 non-200, each right for its version, new within 5 s, files flat, memory bounded"
    judge("T10", f"rebuilds under {PER_S:.0f} requests/s, one in three killed", len(ended), bound, measured, held)
