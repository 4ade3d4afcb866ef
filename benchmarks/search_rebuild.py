"""The rows about rebuilding from a real catalog: all of it, and with one per cent of new movies.

The rebuilds run in a process of their own, so that the peak memory is theirs.
Run: python -m benchmarks.search_rebuild fill FOLDER FEATURES FIRST COUNT | rebuild FOLDER MOVIES NEW
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bars import Row, bar
from benchmarks.own_process import run_module
from benchmarks.poster_mixes import grown, records_of
from benchmarks.search_machine import peak_mib
from benchmarks.search_posters import RealPosters, read_features, write_features
from benchmarks.search_scene import Phases
from catalog.catalog import Catalog
from catalog.entries import Kind, NewMovie, PosterFile
from catalog.storing import store_movies
from catalog.work import Embedded

MOVIES, QUICK_MOVIES = 10_000, 1_000
NEW_SHARE = 0.01
SMALL = 60  # movies of a catalog that is rebuilt before anything is measured
AT_ONCE = 500
LEASE_S = 600.0


def rebuild_rows(real: RealPosters, quick: bool) -> list[Row]:
    """A full rebuild, then 1 % of new movies and the next one; real posters first, then mixes of them."""
    movies = QUICK_MOVIES if quick else MOVIES
    new = int(NEW_SHARE * movies)
    with tempfile.TemporaryDirectory(prefix="posterity-search-") as name:
        features = Path(name) / "features.npz"
        write_features(features, real)
        for folder, first in ((Path(name) / "small", SMALL), (Path(name) / "all", movies)):
            folder.mkdir()
            run_module("benchmarks.search_rebuild", "fill", str(folder), str(features), "0", str(first))
        told = run_module("benchmarks.search_rebuild", "rebuild", name, str(movies), str(new)).printed
    full, next_one = told["full"], told["next"]
    wanted, seconds = bar("search_rebuild"), full["seconds"]
    passed = seconds <= wanted["seconds"] and full["peak_gib"] <= wanted["gib"]
    value = f"{seconds:.1f} s, peak RSS {full['peak_gib']:.2f} GiB"
    kinds = f"{min(movies, len(real)):,} real + {max(0, movies - len(real)):,} mixed posters in SQLite"
    rows = [Row(wanted["what"], value, wanted["at_least"], passed, f"{kinds}; {full['phases']}")]
    return [*rows, _incremental_row(seconds, next_one, new)]


def _incremental_row(full_s: float, told: dict[str, Any], new: int) -> Row:
    wanted = bar("search_incremental")
    value = f"1/{full_s / told['seconds']:.1f} of a full one ({told['seconds']:.2f} s), {new:,} new"
    beside = f"generation {told['generation']}, {told['posters']:,} posters; {told['phases']}"
    return Row(wanted["what"], value, wanted["at_least"], full_s / told["seconds"] >= wanted["ratio"], beside)


def fill(folder: Path, features: Path, first: int, count: int) -> dict[str, Any]:
    """Makes movies first + 1 .. first + count in the catalog, embedded as a worker leaves them."""
    packed = grown(read_features(features).packed, first + count)
    catalog = Catalog.open(f"sqlite:///{folder / 'catalog.db'}", folder)
    for at in range(first, first + count, AT_ONCE):
        ids = range(at + 1, min(at + AT_ONCE, first + count) + 1)
        _embed(catalog, list(ids), records_of(packed.taken(np.arange(ids.start - 1, ids.stop - 1))))
    catalog.close()
    return {}


def _embed(catalog: Catalog, ids: list[int], records: list[bytes]) -> None:
    with catalog.database.write() as connection:
        store_movies(connection, [NewMovie(title=f"Movie {i}", movie_id=i, year=2000) for i in ids], None, 0.0)
    catalog.work.enqueue_all()
    claim = catalog.work.claim(Kind.FETCH, len(ids), LEASE_S)
    files = [PosterFile(i, f"{i:064d}", "image/jpeg", 9, 9, 9, "folder", "x", False, None, 1.0) for i in ids]
    catalog.work.fetched(claim, files)
    done = [Embedded(i, f"{i:064d}", "benchmark", record) for i, record in zip(ids, records, strict=True)]
    stored = len(catalog.work.embedded(catalog.work.claim(Kind.EMBED, len(ids), LEASE_S), done))
    if stored != len(ids):
        raise SystemExit(f"{stored} of {len(ids)} records were stored: give an empty folder")


def rebuild_once(folder: Path) -> dict[str, Any]:
    """One rebuild as a build worker does it."""
    from workers.rebuild import rebuild

    catalog, phases = Catalog.open(f"sqlite:///{folder / 'catalog.db'}", folder), Phases()
    began = time.perf_counter()
    result = rebuild(catalog, folder / "models", folder / "index", phases.report)
    seconds = time.perf_counter() - began
    catalog.close()
    told = {name: result[name] for name in ("generation", "posters")}
    return {**told, "seconds": seconds, "phases": phases.words(), "peak_gib": peak_mib() / 1024}


def rebuild_both(folder: Path, movies: int, new: int) -> dict[str, Any]:
    """A full rebuild and the next one in one process, as a build worker lives on from one to the other.

    Both are done with a few movies first, so that either finds libraries and machine code in memory.
    """
    told: dict[str, Any] = {}
    for name, first, more in (("small", SMALL, 1), ("all", movies, new)):
        part, features = folder / name, str(folder / "features.npz")
        told = {"full": rebuild_once(part)}
        run_module("benchmarks.search_rebuild", "fill", str(part), features, str(first), str(more))
        told["next"] = rebuild_once(part)
    return told


def main() -> None:
    """Runs one part and prints its figures as JSON."""
    what, folder, *given = sys.argv[1:]
    if what == "fill":
        print(json.dumps(fill(Path(folder), Path(given[0]), int(given[1]), int(given[2]))))
    else:
        print(json.dumps(rebuild_both(Path(folder), int(given[0]), int(given[1]))))


if __name__ == "__main__":
    main()
