"""T14: schemathesis asks whatever the OpenAPI document allows, and much that it does not, with every check it has."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from tests.acceptance.installation import ADMIN_TOKEN, Installation, free_port, wait_until
from tests.plan import Judge

SEED = 20_261_124
ALL_PHASES = "examples,coverage,fuzzing,stateful"
ANSWER_WITHIN_S = 5  # a rollback verifies its snapshot in a process of its own: 3 s where all cores are busy
# Some rules no schema can say: debias goes with by=ratings, a genre is one of the catalog's, 5.0 is no id. So what the
# document allows may be refused as a bad request, too; every other check is as it comes.
SETTINGS = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 404, 409, 413, 415, 429, 503]
"""


@dataclass(frozen=True)
class Effort:
    """How much is asked: of each operation so many examples, in these phases, within so many seconds."""

    examples: int
    phases: str
    within_s: int


SHORT = {"admin": Effort(10, ALL_PHASES, 120), "anybody": Effort(5, "examples,fuzzing", 60)}
LONG = {"admin": Effort(100, ALL_PHASES, 400), "anybody": Effort(60, ALL_PHASES, 300)}


@pytest.fixture
def api(settings: Settings, publish: Callable[..., Any]) -> Iterator[Installation]:
    """A real server with movies in every state and a snapshot; all of it may be broken by what comes."""
    publish()
    made = Installation(settings.data_dir, free_port(), {})
    made.start("api")
    wait_until(made.up, 60, "the API answers")
    yield made
    made.stop()


@pytest.mark.timeout(500)
@pytest.mark.parametrize("who", ["anybody", "admin"])
def test_whatever_the_document_allows_is_answered_as_it_says(
    who: str, api: Installation, nightly: bool, judge: Judge, tmp_path: Path
) -> None:
    effort, began = (LONG if nightly else SHORT)[who], time.monotonic()
    code, said = schemathesis(api, effort, ADMIN_TOKEN if who == "admin" else "", tmp_path)
    asked = int(max(re.findall(r"([0-9]+) generated", said), default="0", key=int))
    told = f"exit code {code}, seed {SEED}, {time.monotonic() - began:.0f} s"
    held = code == 0 and asked >= 80 and "Traceback" not in api.log(0)
    judge("T14", f"schemathesis as {who}", asked, f"no check fails, no 5xx, {ANSWER_WITHIN_S} s an answer", told, held)


def schemathesis(api: Installation, effort: Effort, token: str, folder: Path) -> tuple[int, str]:
    """Exit code and words of one run.

    By one thread: with two, Python 3.11 ends a run now and then when both make Hypothesis read the source of a lambda
    (`SystemError: AST constructor recursion depth mismatch`).
    """
    (folder / "settings.toml").write_text(SETTINGS)
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", "settings.toml", "run"]
    command += [f"http://127.0.0.1:{api.port}/openapi.json", "--checks", "all", "--phases", effort.phases]
    command += ["--max-examples", str(effort.examples), "--max-response-time", str(ANSWER_WITHIN_S)]
    command += ["--seed", str(SEED), "--generation-database", "none", "--no-shrink", "--no-color"]
    command += ["-H", f"Authorization: Bearer {token}"] if token else []
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=effort.within_s, check=False)
    print(done.stdout[-20_000:], done.stderr)  # seen when the test fails
    return done.returncode, done.stdout
