"""How long 25 million ratings take to import, and how much memory: the real command on a generated MovieLens folder.

The folder has the size of ml-25m (162,000 users, 62,000 movies), seeded; see generate_ratings.py. It is imported in the
order that MovieLens writes, then once more unchanged, then with its rows shuffled: no bar, but any file must do.
Peak RSS is that of the command's process as the kernel counts it, interpreter and libraries included.

Run: python -m benchmarks.importing [--quick] [--json]     (1.5 GB of temporary files)
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.bars import Row, bar, show
from benchmarks.generate_ratings import Size
from benchmarks.own_process import Run, run_module

QUICK = Size(rows=1_000_000, users=6_500, movies=20_000)


def generated(folder: Path, size: Size) -> None:
    """Writes the folder from another process: the kernel counts a child's memory from its parent's on."""
    command = [sys.executable, "-m", "benchmarks.generate_ratings", str(folder)]
    command += [f"--{name}={getattr(size, name)}" for name in ("rows", "users", "movies", "seed")]
    subprocess.run([*command, *(["--shuffled"] if size.shuffled else [])], check=True)


def run_import(folder: Path, data: Path) -> Run:
    """Runs the command in a process of its own and waits for it."""
    return run_module(
        "cli.main", "import", "movielens", str(folder), "--json", settings={"POSTERITY_DATA_DIR": str(data)}
    )


def value(run: Run) -> str:
    """The figures as words."""
    return f"{run.wall_s:.1f} s, peak RSS {run.peak_gib:.2f} GiB"


def quality(run: Run) -> str:
    """Rows used, rows read, and whether the ratings were written."""
    file = run.printed["files"][-1]
    written = "replaced" if run.printed["ratings_changed"] else "unchanged"
    return f"{file['used']:,} of {file['rows']:,} rows used, ratings {written}"


def measure(size: Size) -> list[Row]:
    """The rows of the table: one with its bar, two beside it."""
    with tempfile.TemporaryDirectory(prefix="posterity-importing-") as name:
        folder, data = Path(name) / "ml", Path(name) / "data"
        generated(folder, size)
        rows = [judged(run_import(folder, data))]
        again = run_import(folder, data)
        generated(folder, replace(size, shuffled=True))
        shuffled = run_import(folder, data)
    rows.append(Row("the same again", value(again), "", None, quality(again)))
    rows.append(Row("a file with its rows in no order", value(shuffled), "", None, quality(shuffled)))
    return rows


def judged(run: Run) -> Row:
    """The run beside its bar; all rows of the generated file must have been used."""
    wanted, file = bar("import"), run.printed["files"][-1]
    whole = file["used"] == file["rows"] and run.printed["ratings_changed"]
    passed = whole and run.wall_s <= wanted["seconds"] and run.peak_gib <= wanted["rss_gib"]
    return Row(wanted["what"], value(run), wanted["at_least"], passed, quality(run))


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
