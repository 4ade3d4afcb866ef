"""From a thousand to a million generated posters: time, recall, memory, disk and build, as a curve.

Each size is published by the real code, from records, in a process of its own, and asked in another: 500 generated
questions that no fit has seen, after 500 others that warm the page cache. Recall@10 of 200 of them against products
with every row. Generating the posters is no part of the build; how they are made: `benchmarks.poster_mixes`.

Run: python -m benchmarks.million [--features FILE | --posters DIR] [--sizes N,N] [--quick] [--json [FILE]]
     [--points FILE] [--plot FILE.svg] [--table FILE.md] [--folder DIR]
A million takes about an hour on 2 cores and 25 GB of free disk, most of it only while it is published. With --points
each size is kept as it is done, and one that is there is not measured again.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.bars import Row, bar, show
from benchmarks.million_plot import draw, table
from benchmarks.own_process import run_module
from benchmarks.search_machine import PACKAGES, described, set_threads
from benchmarks.search_posters import RealPosters, add_arguments, real_posters, write_features
from cli.rows import rows_as_json

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
QUICK_SIZES = (1_000, 3_000)
QUESTIONS = 500
BYTES_FREE = 25_000  # a movie: 10.2 kB of snapshot, 2.2 times that while it is published
MILLION = 1_000_000
Point = dict[str, Any]


def measured(size: int, features: Path, folder: Path | None) -> Point:
    """Publishes and asks one size; leaves nothing behind.

    Raises:
        SystemExit: there is no room for it; or a process failed, which said why.
    """
    with tempfile.TemporaryDirectory(prefix="posterity-million-", dir=folder) as root:
        free = shutil.disk_usage(root).free
        if free < size * BYTES_FREE:
            raise SystemExit(
                f"{root}: {free / 1e9:.0f} GB free and {size * BYTES_FREE / 1e9:.0f} wanted for {size:,} posters: "
                "free some, or give --folder or smaller --sizes"
            )
        built = run_module("benchmarks.million_size", "build", root, str(features), str(size), str(QUESTIONS))
        asked = run_module("benchmarks.million_size", "ask", root)
    return {**built.printed, "build_peak_gib": built.peak_gib, **asked.printed}


def row_of(point: Point) -> Row:
    """One size; the million beside its bar."""
    wanted, size = bar("million"), point["size"]
    build_min, anonymous_gib = point["build_s"] / 60, point["after_mib"] / 1024
    value = (
        f"p50 {point['p50_ms']:.2f} ms, p99 {point['p99_ms']:.2f} ms, recall@10 {point['recall']:.4f}, "
        f"RssAnon {anonymous_gib:.2f} GiB, build {build_min:.1f} min"
    )
    beside = (
        f"{point['bytes'] / size / 1e3:.2f} kB a movie on the disk, {point['after_mib'] - point['before_mib']:.0f} MiB "
        f"of memory for it, opened in {point['opened_s']:.2f} s, build peak {point['build_peak_gib']:.2f} GiB; "
        + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in point["phases"].items() if seconds >= 0.5)
    )
    if size != MILLION:
        return Row(f"{size:,} (generated)", value, "", None, beside)
    passed = (
        point["p99_ms"] <= wanted["p99_ms"]
        and point["recall"] >= wanted["recall"]
        and anonymous_gib <= wanted["rss_anon_gib"]
        and build_min <= wanted["build_min"]
    )
    if passed and point["p99_ms"] <= wanted["stretch_ms"] and point["recall"] >= wanted["stretch_recall"]:
        beside = f"stretch met; {beside}"
    return Row(wanted["what"], value, wanted["at_least"], passed, beside)


def curve_rows(point: Point) -> list[Row]:
    """Time against recall at one size, by how many codes are looked at and how many candidates are scored."""
    return [
        Row(
            f"{point['size']:,}: {step['probed']:,} codes looked at, {_patience(step)}",
            f"p50 {step['p50_ms']:.2f} ms, p99 {step['p99_ms']:.2f} ms, recall@10 {step['recall']:.4f}",
            "",
            None,
        )
        for step in point["curve"]
    ]


def _patience(step: Point) -> str:
    return "patience of this size" if step["patience"] is None else f"patience {step['patience']:g}"


def points(sizes: list[int], real: RealPosters, given: argparse.Namespace) -> list[Point]:
    """All sizes, those that are kept already as they are."""
    kept: dict[int, Point] = {}
    if given.points is not None and given.points.exists():
        kept = {point["size"]: point for point in json.loads(given.points.read_text(encoding="utf-8"))}
    with tempfile.TemporaryDirectory(prefix="posterity-million-", dir=given.folder) as name:
        features = Path(name) / "features.npz"
        write_features(features, real)
        for size in sizes:
            if size in kept:
                continue
            print(f"measuring {size:,} ...", file=sys.stderr)
            kept[size] = measured(size, features, given.folder)
            if given.points is not None:
                given.points.write_text(json.dumps(sorted(kept.values(), key=lambda p: int(p["size"])), indent=1))
    return [kept[size] for size in sizes]


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--sizes", help="comma separated, 1000 at least each")
    parser.add_argument("--threads", type=int, default=2, help="of BLAS while the machine is described")
    parser.add_argument("--quick", action="store_true", help="two small sizes; never counts as a bar met")
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="print rows as JSON, or write them")
    parser.add_argument("--points", type=Path, help="JSON file of figures: kept there, and taken from there")
    parser.add_argument("--plot", type=Path, help="SVG file to draw")
    parser.add_argument("--table", type=Path, help="Markdown file to write")
    parser.add_argument("--folder", type=Path, help="where there is room (default: the system's temporary folder)")
    given = parser.parse_args()
    try:
        given.sizes = [int(size) for size in given.sizes.split(",")] if given.sizes else None
    except ValueError:
        parser.error(f"--sizes {given.sizes}: give numbers with commas between them")
    return given


def main() -> None:
    """Prints the table or the JSON; exit code 1 when the million falls short."""
    given = parsed()
    set_threads(given.threads)
    real = real_posters(given.features, given.posters)
    print(f"{len(real):,} real posters to mix\n{described(given.threads)}", file=sys.stderr)
    found = points(given.sizes or list(QUICK_SIZES if given.quick else SIZES), real, given)
    rows = [row for point in found for row in (row_of(point), *curve_rows(point))]
    if given.quick:
        rows = [row.as_quick() for row in rows]
    if given.plot is not None:
        draw(found, given.plot)
    if given.table is not None:
        given.table.write_text(table(found), encoding="utf-8")
    if given.json not in (None, "-"):
        Path(given.json).write_text(rows_as_json(rows) + "\n", encoding="utf-8")
    sys.exit(show("From a thousand to a million", rows, given.json == "-", PACKAGES))


if __name__ == "__main__":
    main()
