"""How long 25 million ratings take to import, and how much memory: the real command on a generated MovieLens folder.

The folder has the size of ml-25m (162,000 users, 62,000 movies), seeded; see generate_ratings.py. It is imported in the
order that MovieLens writes, then once more unchanged, then with its rows shuffled: no bar, but any file must do.
Peak RSS is that of the command's process as the kernel counts it, interpreter and libraries included.

Run: python -m benchmarks.importing [--quick] [--json]     (1.5 GB of temporary files)
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.bars import Row, bar, show
from benchmarks.generate_ratings import Size

QUICK = Size(rows=1_000_000, users=6_500, movies=20_000)


@dataclass(frozen=True)
class Run:
    """One run of the command: seconds, GiB, its report."""

    wall_s: float
    peak_gib: float
    report: dict[str, Any]

    def value(self) -> str:
        """The figures as words."""
        return f"{self.wall_s:.1f} s, peak RSS {self.peak_gib:.2f} GiB"

    def quality(self) -> str:
        """Rows used, rows read, and whether the ratings were written."""
        file = self.report["files"][-1]
        written = "replaced" if self.report["ratings_changed"] else "unchanged"
        return f"{file['used']:,} of {file['rows']:,} rows used, ratings {written}"


def generated(folder: Path, size: Size) -> None:
    """Writes the folder from another process: the kernel counts a child's memory from its parent's on."""
    command = [sys.executable, "-m", "benchmarks.generate_ratings", str(folder)]
    command += [f"--{name}={getattr(size, name)}" for name in ("rows", "users", "movies", "seed")]
    subprocess.run([*command, *(["--shuffled"] if size.shuffled else [])], check=True)


def run_import(folder: Path, data: Path) -> Run:
    """Runs the command in a process of its own and waits for it."""
    ours = {"POSTERITY_DATA_DIR": str(data)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("POSTERITY_")}
    command = [sys.executable, "-m", "cli.main", "import", "movielens", str(folder), "--json"]
    with (data.parent / "report.json").open("w+") as out:
        began = time.monotonic()
        child = os.posix_spawn(command[0], command, kept | ours, file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)])
        _, status, usage = os.wait4(child, 0)
        wall_s = time.monotonic() - began
        if status:
            raise SystemExit(f"the import ended with code {os.waitstatus_to_exitcode(status)}")
        out.seek(0)
        unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
        return Run(wall_s, usage.ru_maxrss * unit / 2**30, json.load(out))


def measure(size: Size) -> list[Row]:
    """The rows of the table: one with its bar, two beside it."""
    with tempfile.TemporaryDirectory(prefix="posterity-importing-") as name:
        folder, data = Path(name) / "ml", Path(name) / "data"
        generated(folder, size)
        rows = [judged(run_import(folder, data))]
        again = run_import(folder, data)
        generated(folder, replace(size, shuffled=True))
        shuffled = run_import(folder, data)
    rows.append(Row("the same again", again.value(), "", None, again.quality()))
    rows.append(Row("a file with its rows in no order", shuffled.value(), "", None, shuffled.quality()))
    return rows


def judged(run: Run) -> Row:
    """The run beside its bar; all rows of the generated file must have been used."""
    wanted, file = bar("import"), run.report["files"][-1]
    whole = file["used"] == file["rows"] and run.report["ratings_changed"]
    passed = whole and run.wall_s <= wanted["seconds"] and run.peak_gib <= wanted["rss_gib"]
    return Row(wanted["what"], run.value(), wanted["at_least"], passed, run.quality())


def main() -> None:
    """Prints the table or the JSON; exit code 1 when a row falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a million ratings; never counts as a bar met")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    given = parser.parse_args()
    rows = measure(QUICK if given.quick else Size())
    if given.quick:
        rows = [row.as_quick() for row in rows]
    sys.exit(show(f"Import of ratings on {os.cpu_count()} cores", rows, given.json, ["pyarrow", "numpy", "SQLAlchemy"]))


if __name__ == "__main__":
    main()
