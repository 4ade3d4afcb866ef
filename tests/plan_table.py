"""Writes what the test plan measured into a document: `python -m tests.plan_table ROWS.jsonl DOCUMENT.md`.

The rows are those of `pytest --table` (tests/plan.py). The table takes the place of what stands between the two markers
of the document, with the date, the size of the machine and the versions of what was hurt.
"""

import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from tests.plan import Row
from tests.postgres import programs

BEGIN, END = "<!-- table: written by make nightly -->", "<!-- table: end -->"
HEAD = ("| | fault | tried | allowed | measured | |", "|---|---|---|---|---|---|")
PACKAGES = ("celery", "kombu", "redis", "SQLAlchemy", "faiss-cpu", "flask", "pillow", "urllib3")
GB = 1 << 30


def main(arguments: Sequence[str]) -> int:
    """Prints the table and writes it into the document; 1 when a row does not hold, or there is none."""
    rows_file, document = map(Path, arguments)
    if not rows_file.is_file():
        print(f"{rows_file} is not there: pytest --table writes it, and it noted no row")
        return 1
    rows = [Row(**json.loads(line)) for line in rows_file.read_text().splitlines()]
    text = "\n".join([*told(), "", *HEAD, *lines(rows)])
    document.write_text(placed(document.read_text(), text))
    print(text)
    return 0 if rows and all(row.held for row in rows) else 1


def lines(rows: Iterable[Row]) -> list[str]:
    """The rows as lines of a Markdown table, in the order of the plan."""
    return [
        f"| {row.plan} | {_cell(row.fault)} | {row.times:,} | {_cell(row.bound)} | {_cell(row.measured)} | "
        f"{'holds' if row.held else '**broken**'} |"
        for row in sorted(rows, key=lambda row: (int(row.plan.lstrip("T")), row.fault))
    ]


def placed(document: str, text: str) -> str:
    """The document with this text between its markers.

    Raises:
        ValueError: the document has not both markers, in their order.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document lacks one of its markers: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def told() -> list[str]:
    """When and on what the tests ran."""
    memory = psutil.virtual_memory().total / GB
    servers = [f"SQLite {sqlite3.sqlite_version}", *_servers()]
    packages = [f"{name} {version(name)}" for name in PACKAGES]
    return [
        f"Run on {datetime.now(UTC):%d %B %Y} on {os.cpu_count()} cores and {memory:.0f} GB of memory, "
        f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}.",
        f"Hurt were {', '.join(servers)}; with {', '.join(packages)}.",
    ]


def _servers() -> list[str]:
    folder, redis = programs(), shutil.which("redis-server")
    said = []
    if redis:
        words = subprocess.run([redis, "--version"], capture_output=True, text=True, check=True).stdout.split()
        said.append("Redis " + next(word for word in words if word.startswith("v=")).removeprefix("v="))
    if folder:
        command = [folder / "postgres", "--version"]
        said.append(
            "PostgreSQL " + subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[2]
        )
    return said


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
