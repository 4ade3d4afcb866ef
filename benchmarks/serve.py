"""What is claimed about serving `/similar`, beside the bar it is held to.

Real posters are published; the API answers about them on gunicorn and on waitress, with counters, headers and JSON logs
as in production, beside a Flask app of one route and nothing else on the same server with the same settings. Both are
asked in turns by a process of its own over connections that are kept. New questions are the same movies in a spelling
not used before, since answers are kept by the text of the question; `asked before` are answers that are kept. The swap
is that of `posterity rebuild`, run as a process beside the API.

Run: python -m benchmarks.serve [--features FILE | --posters DIR] [--quick] [--json] [--only WORD]
(about 4 minutes on 2 cores)
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.bars import Row, show
from benchmarks.search_posters import RealPosters, add_arguments, real_posters
from benchmarks.serve_rows import latency_and_rate, swap_row
from benchmarks.serve_scene import Scene, scene
from benchmarks.serve_servers import SERVERS

PACKAGES = ("flask", "flask-openapi3", "werkzeug", "gunicorn", "waitress", "pydantic")


def parts(stage: Scene, quick: bool) -> dict[str, Callable[[], list[Row]]]:
    """The rows by a word each."""
    by_server: dict[str, Callable[[], list[Row]]] = {
        server: lambda name=server: latency_and_rate(stage, name, quick)  # type: ignore[misc]
        for server in SERVERS
    }
    return {**by_server, "swap": lambda: [swap_row(stage, quick)]}


def measured(real: RealPosters, quick: bool, only: list[str]) -> list[Row]:
    """The rows asked for."""
    with tempfile.TemporaryDirectory(prefix="posterity-serve-") as folder:
        print("publishing ...", file=sys.stderr)
        asked = parts(scene(Path(folder), real), quick)
        if unknown := set(only) - set(asked):
            raise SystemExit(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(asked)}")
        rows: list[Row] = []
        for word in only or asked:
            print(f"measuring {word} ... (load {os.getloadavg()[0]:.1f})", file=sys.stderr)
            rows += asked[word]()
        return rows


def main() -> None:
    """Prints the table or the JSON; exit code 1 when a row falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--quick", action="store_true", help="fewer questions, one rebuild; never counts as a bar met")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    parser.add_argument("--only", action="append", default=[], help="only this part; may be repeated")
    given = parser.parse_args()
    rows = measured(real_posters(given.features, given.posters), given.quick, given.only)
    if given.quick:
        rows = [row.as_quick() for row in rows]
    sys.exit(show("Serving", rows, given.json, PACKAGES))


if __name__ == "__main__":
    main()
