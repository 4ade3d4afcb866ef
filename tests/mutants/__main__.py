"""Switches the guards of the product off, one at a time, and sees whether a test notices: `make mutants`.

Run: python -m tests.mutants [WORD ...], to try only the mutants whose names hold one of these words.

Works on copies of the repository in a temporary folder; the working tree is not touched. The test that noticed a mutant
is run again without it, so that what turned red was red for the mutant. Exit code 1 when a mutant survives.
"""

import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.gates import GATES
from tests.mutants.mutant import Mutant
from tests.mutants.protocol import PROTOCOL
from tests.mutants.publication import PUBLICATION
from tests.mutants.stores import STORES

REPO = Path(__file__).resolve().parents[2]
AT_ONCE = 2  # copies, each with one mutant: as many as the smallest machine has cores
TEST_WITHIN_S = 120  # one that hangs has noticed its mutant, too
FAILED = 1  # pytest's exit code
NOTICED = re.compile(r"^(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one mutant; `noticed` is the test that turned red, or why there is none."""

    mutant: Mutant
    killed: bool
    noticed: str
    seconds: float

    def __str__(self) -> str:
        word = "killed  " if self.killed else "SURVIVED"
        return f"{word} {self.seconds:5.1f} s  {self.mutant.name} ({self.mutant.file}): {self.noticed}"


def main(words: Sequence[str]) -> int:
    """Tries the mutants whose names hold one of the words, or all; returns the exit code."""
    chosen = [
        mutant
        for mutant in (*PROTOCOL, *STORES, *PUBLICATION, *GATES)
        if not words or any(word in mutant.name for word in words)
    ]
    began = time.monotonic()
    if stale := _stale(chosen):  # better said now than after ten minutes
        print("these no longer fit the code, so nobody knows whether they would be noticed:", *stale, sep="\n  ")
        return 1
    with tempfile.TemporaryDirectory(prefix="posterity-mutants-") as folder:
        copies = [_copy(Path(folder) / str(number)) for number in range(AT_ONCE)]
        verdicts = _judged(copies, chosen)
    survivors = [verdict for verdict in verdicts if not verdict.killed]
    print(f"{len(verdicts) - len(survivors)} of {len(verdicts)} killed in {time.monotonic() - began:.0f} s")
    return 1 if survivors else 0


def _stale(chosen: Sequence[Mutant]) -> list[str]:
    """What cannot be switched off any more because its text has changed."""
    found = []
    for mutant in chosen:
        try:
            mutant.applied((REPO / mutant.file).read_text())
        except (LookupError, OSError) as err:
            found.append(str(err))
    return found


def _judged(copies: Sequence[Path], chosen: Sequence[Mutant]) -> list[Verdict]:
    """The verdicts, printed as they come."""
    free: queue.SimpleQueue[Path] = queue.SimpleQueue()
    for copy in copies:
        free.put(copy)

    def judge(mutant: Mutant) -> Verdict:
        copy = free.get()
        try:
            verdict = _tried(copy, mutant)
        finally:
            free.put(copy)
        print(verdict, flush=True)
        return verdict

    with ThreadPoolExecutor(len(copies)) as pool:
        return list(pool.map(judge, chosen))


def _copy(target: Path) -> Path:
    """What git knows and would take, without what it ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=REPO, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (REPO / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO / name, target / name)
    return target


def _tried(copy: Path, mutant: Mutant) -> Verdict:
    began = time.monotonic()
    before = mutant.apply(copy)
    try:
        done = _pytest(copy, mutant.tests)
    finally:
        (copy / mutant.file).write_text(before)
    noticed = NOTICED.search(done.stdout)
    if done.returncode != FAILED or noticed is None:
        why = f"pytest ended with {done.returncode}: {' '.join(done.stdout.split())[-200:]}"
        return Verdict(mutant, False, why, time.monotonic() - began)
    test = noticed[1]
    if _pytest(copy, [test]).returncode != 0:
        return Verdict(mutant, False, f"{test} fails without it, too", time.monotonic() - began)
    return Verdict(mutant, True, test, time.monotonic() - began)


def _pytest(copy: Path, tests: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider"]
    # Tests of both databases are tried on SQLite: a PostgreSQL for each mutant would take longer than its tests.
    command += ["-k", "not postgresql", f"--timeout={TEST_WITHIN_S}", f"--basetemp={copy}-pytest", "--", *tests]
    # The installed package is the working tree: the copy must come before it, in child processes too.
    environ = {**os.environ, "PYTHONPATH": str(copy)}
    return subprocess.run(command, cwd=copy, env=environ, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
