"""The table of the test plan: each fault with how often it was tried, what was allowed and what was measured.

`--nightly` runs the long form of the tests that have one. Rows are printed at the end of the run, and written as one
JSON object a line with `--table FILE`.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

PROPERTY = "row of the test plan"


@dataclass(frozen=True)
class Row:
    """One line: `plan` is the number in the plan (T1 to T21), `times` how often the fault was tried."""

    plan: str
    fault: str
    times: int
    bound: str
    measured: str
    held: bool


class Judge(Protocol):
    """Notes a row, whether it holds or not, and then fails the test where it does not."""

    def __call__(self, plan: str, fault: str, times: int, bound: str, measured: str, held: bool) -> None: ...


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("posterity")
    group.addoption("--nightly", action="store_true", help="the long form of the tests that have one")
    group.addoption("--table", type=Path, help="write the rows of the test plan to this file, one JSON object a line")


@pytest.fixture(scope="session")
def nightly(request: pytest.FixtureRequest) -> bool:
    """True in the long form."""
    return bool(request.config.getoption("--nightly"))


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Judge:
    """Notes rows of the table; a row that does not hold fails the test."""

    def note(plan: str, fault: str, times: int, bound: str, measured: str, held: bool) -> None:
        # A property of the test travels with its report, also from another process (pytest-xdist).
        request.node.user_properties.append((PROPERTY, asdict(Row(plan, fault, times, bound, measured, held))))
        assert held, f"{plan}, {fault}: {measured}, allowed is {bound}"

    return note


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    rows = sorted(_noted(terminalreporter), key=lambda row: (int(row.plan.strip("T") or 0), row.fault))
    if not rows:
        return
    terminalreporter.section("what was tried, and what came of it")
    for line in _lines(rows):
        terminalreporter.write_line(line)
    path: Path | None = config.getoption("--table")
    if path is not None:
        path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows))


def _noted(terminalreporter: Any) -> Iterator[Row]:
    """The rows of every test that ran, whether it passed or not."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            if report.when == "call":
                yield from (Row(**row) for name, row in report.user_properties if name == PROPERTY)


def _lines(rows: list[Row]) -> Iterator[str]:
    for row in rows:
        verdict = "holds" if row.held else "BROKEN"
        yield f"{row.plan:4} {row.fault}  x {row.times:,}  allowed: {row.bound}  measured: {row.measured}  {verdict}"
