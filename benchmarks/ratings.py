"""Everything that is claimed about ratings, beside the bar it is held to.

Splits are seeded and the same for all methods; settings are chosen on a validation split of seed 0's training side and
kept for all seeds; each test side is looked at once. Speeds are taken in turns, in one run, as medians.

Run: python -m benchmarks.ratings [--quick] [--json] [--folds DIR] [--only WORD]     (about 15 minutes on 2 cores)
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.bars import Row, bar, show
from benchmarks.own_process import run_module
from benchmarks.rating_data import Data, bundled
from benchmarks.rating_errors import article_row, error_rows
from benchmarks.rating_lists import default_row, neighbours_row
from benchmarks.rating_speed import ease_row, large_row, speed_row

SEEDS = range(5)
PACKAGES = ("numpy", "scipy", "numba", "implicit", "scikit-surprise", "faiss-cpu")


def parts(data: Data, quick: bool, folds: Path | None) -> dict[str, Callable[[], list[Row]]]:
    """The rows by a word each; speed first, while nothing else has warmed the machine up."""
    seeds = SEEDS[:1] if quick else SEEDS
    return {
        "speed": lambda: [speed_row(data.matrix)],
        "ease": lambda: [ease_row()],
        "large": lambda: [large_row(quick)],
        "article": lambda: [article_row(data.matrix, seeds)],
        "errors": lambda: error_rows(data.matrix, seeds, quick),
        "folds": lambda: [folds_row(folds)],
        "neighbours": lambda: [neighbours_row(data.matrix, seeds, quick)],
        "default": lambda: [default_row(data.matrix, data.genres, data.titles)],
    }


def folds_row(folder: Path | None) -> Row:
    """What `posterity evaluate --folds DIR` says of ml-100k's own folds; not measured without them."""
    wanted = bar("ratings_folds")
    if folder is None:
        return Row(wanted["what"], "not given", wanted["at_least"], None, "--folds DIR with u1.base, u1.test, ...")
    rows = run_module("cli.main", "evaluate", "--folds", str(folder), "--json").printed
    judged = next(row for row in rows if row["pass"] is not None)
    beside = ", ".join(f"{row['what'].split(':')[0]} {row['value']}" for row in rows if row is not judged)
    return Row(wanted["what"], judged["value"], wanted["at_least"], judged["pass"], f"{judged['quality']}; {beside}")


def main() -> None:
    """Prints the table or the JSON; exit code 1 when a row falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed and one setting; never counts as a bar met")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    parser.add_argument("--folds", type=Path, help="ml-100k's folder")
    parser.add_argument("--only", action="append", help="only this part; may be repeated")
    given = parser.parse_args()
    asked = parts(bundled(), given.quick, given.folds)
    if unknown := set(given.only or ()) - set(asked):
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(asked)}")
    rows: list[Row] = []
    for word in given.only or asked:
        print(f"measuring {word} ...", file=sys.stderr)
        rows += asked[word]()
    if given.quick:
        rows = [row.as_quick() for row in rows]
    sys.exit(show("Ratings", rows, given.json, PACKAGES))


if __name__ == "__main__":
    main()
