"""Everything that is claimed about searching posters, beside the bar it is held to.

Questions are real posters that were held out before anything was published or fitted (250, seeded), so every figure is
of vectors that the fit has never seen. Where more rows are wanted than there are real posters, mixes of the published
ones follow behind them, and the row says how many (see `benchmarks.poster_mixes`). Flat search is `IndexFlatIP` over
the same vectors in float32; both sides are asked in turns (A B A B ..), the page cache is warm, times are medians.

Run: python -m benchmarks.search [--features FILE | --posters DIR] [--quick] [--json] [--compare] [--only WORD]
(about 5 minutes on 2 cores; 8 GB of memory for flat search at 60,000)
"""

import argparse
import os
import sys
from collections.abc import Callable

from benchmarks.bars import Row, show
from benchmarks.search_compare import compare_rows
from benchmarks.search_large import large_rows
from benchmarks.search_machine import PACKAGES, described, set_threads
from benchmarks.search_posters import RealPosters, add_arguments, real_posters, split
from benchmarks.search_rebuild import rebuild_rows
from benchmarks.search_rows import sizes, small_rows


def parts(real: RealPosters, quick: bool, compare: bool) -> dict[str, Callable[[], list[Row]]]:
    """The rows by a word each."""
    given = split(real)
    wanted = sizes(len(given.published))
    few = wanted[:1] if quick else wanted
    if compare:
        return {"compare": lambda: [row for size in few for row in compare_rows(given, size)]}
    return {
        "rebuild": lambda: rebuild_rows(real, quick),  # first: its peak memory counts from that of this process on
        "small": lambda: [row for size in few for row in small_rows(given, size)],
        "large": lambda: large_rows(real.packed, quick),
    }


def main() -> None:
    """Prints the table or the JSON; exit code 1 when a row falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of BLAS and FAISS, for both sides")
    parser.add_argument("--compare", action="store_true", help="other ways to search beside ours, instead of the bars")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller; never counts as a bar met")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    parser.add_argument("--only", action="append", help="only this part; may be repeated")
    given = parser.parse_args()
    set_threads(given.threads)
    real = real_posters(given.features, given.posters)
    asked = parts(real, given.quick, given.compare)
    if unknown := set(given.only or ()) - set(asked):
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(asked)}")
    print(f"{len(real):,} real posters\n{described(given.threads)}", file=sys.stderr)
    rows: list[Row] = []
    for word in (word for word in asked if not given.only or word in given.only):
        print(f"measuring {word} ...", file=sys.stderr)
        rows += asked[word]()
    if given.quick:
        rows = [row.as_quick() for row in rows]
    sys.exit(show("Search", rows, given.json, PACKAGES))


if __name__ == "__main__":
    main()
