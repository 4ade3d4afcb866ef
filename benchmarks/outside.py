"""Posters from a TMDB-shaped server that misbehaves: is every movie settled rightly, and how long does it take?

Two real worker processes fetch 2,000 posters under one budget of 30 requests/s. 5 % of the requests are answered 429,
5 % with 500, 2 % never; 3 % of the movies have no poster; for 60 s in the middle everything is answered 503. Only the
encoder is a toy, so that the fetching is what takes time.

The ideal time is what a client would need that never idles and never asks in vain: the requests that the movies need,
each repeated as often as the faults demand, at exactly the budget, and the outage.

Run: python -m benchmarks.outside [--quick] [--json]
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing import get_context
from pathlib import Path

from benchmarks.bars import Row, bar, show
from catalog.catalog import Catalog
from catalog.entries import NewMovie, State
from catalog.storing import store_movies
from tests.posters.tmdb_server import Faults, TmdbServer
from tests.workers.toy_encoder import ToyEncoder
from workers.embed import EmbedLimits, embed_due

BUDGET_PER_S, WORKERS = 30.0, 2
FAULTS = Faults(too_many=0.05, errors=0.05, stalls=0.02)
FAULTY = 0.12
WITHOUT_POSTER = 0.03
OUTAGE_BEGINS_AT = 0.4  # of the movies settled


def main() -> None:
    """Runs the trial and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="200 movies and an outage of 6 s; never counts as a bar met"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    movies, outage_s = (200, 6.0) if options.quick else (2000, 60.0)
    with tempfile.TemporaryDirectory(prefix="posterity-outside-") as folder:
        rows = trial(Path(folder), movies, outage_s, options.quick)
    sys.exit(show("Posters from outside", rows, options.json, ["urllib3", "SQLAlchemy", "celery"]))


def trial(folder: Path, movies: int, outage_s: float, quick: bool) -> list[Row]:
    """One run; the rows of its table."""
    without = set(range(1, movies + 1, round(1 / WITHOUT_POSTER)))
    with TmdbServer(faults=FAULTS, without_poster=without) as server:
        catalog = _catalog(folder, movies)
        workers = [_worker(folder, server) for _ in range(WORKERS)]
        embedding = get_context("spawn").Process(target=embed_for_ever, args=(folder,), daemon=True)
        embedding.start()
        try:
            begun, ended = _until_settled(catalog, server, movies, outage_s)
        finally:
            embedding.terminate()
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(60)
        rows = _rows(catalog, server, without, ended - begun, outage_s)
        catalog.close()
    return [row if not quick else row.as_quick() for row in rows]


def _catalog(folder: Path, movies: int) -> Catalog:
    """Movies that TMDB knows, half by its own id and half by IMDb's; a trigger notes every attempt that was used up."""
    catalog = Catalog.open(f"sqlite:///{folder / 'catalog.db'}", folder)
    new = [
        NewMovie(title=f"Movie {i}", movie_id=i, imdb_id=f"tt{i:07}", tmdb_id=i if i % 2 else None)
        for i in range(1, movies + 1)
    ]
    with catalog.database.write() as connection:
        store_movies(connection, new, {}, time.time())
        connection.exec_driver_sql("CREATE TABLE spent (movie_id INTEGER)")
        connection.exec_driver_sql(
            "CREATE TRIGGER spent_attempt AFTER UPDATE ON poster_work"
            " WHEN new.token IS NULL AND new.state = 'pending' AND new.attempt > 0"
            " BEGIN INSERT INTO spent VALUES (new.movie_id); END"
        )
    catalog.work.enqueue_all()
    return catalog


def _worker(folder: Path, server: TmdbServer) -> "subprocess.Popen[bytes]":
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("POSTERITY_", "PYTHONDONT"))}
    ours = {
        "DATA_DIR": str(folder),
        "POSTER_SOURCES": "tmdb",
        "TMDB_TOKEN": server.token,
        "TMDB_API_URL": server.api_url,
        "TMDB_IMAGE_URL": server.image_url,
        "TMDB_REQUESTS_PER_S": f"{BUDGET_PER_S:g}",
        "LOG_LEVEL": "warning",
    }
    environment = kept | {f"POSTERITY_{name}": value for name, value in ours.items()}
    with (folder / "workers.log").open("ab") as log:
        command = [sys.executable, "-m", "cli.main", "worker", "--kinds", "fetch"]
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)


def _until_settled(catalog: Catalog, server: TmdbServer, movies: int, outage_s: float) -> tuple[float, float]:
    """Makes the outage; when the first request came and when the last movie was settled."""
    outage = _Outage(server, outage_s)
    deadline = time.monotonic() + 1200
    while (settled := _settled(catalog)) < movies:
        if time.monotonic() > deadline:
            raise SystemExit(f"after 20 minutes only {settled} of {movies} movies are settled")
        if settled >= OUTAGE_BEGINS_AT * movies:
            outage.begin_once()
        time.sleep(0.2)
    return server.requests[0].at, time.time()


def embed_for_ever(folder: Path) -> None:
    """Embeds what is fetched with the toy encoder; in a process of its own, as the server must keep good time."""
    catalog, encoder = Catalog(f"sqlite:///{folder / 'catalog.db'}", folder), ToyEncoder()
    while True:
        if not embed_due(catalog, encoder, EmbedLimits(batch=64)):  # type: ignore[arg-type]
            time.sleep(0.1)


class _Outage:
    def __init__(self, server: TmdbServer, seconds: float) -> None:
        self._server, self._seconds, self._begun = server, seconds, False

    def begin_once(self) -> None:
        if not self._begun:
            self._begun = True
            self._server.begin_outage("503")
            threading.Timer(self._seconds, self._server.end_outage).start()


def _settled(catalog: Catalog) -> int:
    counts = catalog.work.counts()
    return counts[State.EMBEDDED] + counts[State.FAILED]


def _rows(catalog: Catalog, server: TmdbServer, without: set[int], took_s: float, outage_s: float) -> list[Row]:
    movies = catalog.movies.count()
    counts, reasons = catalog.work.counts(), dict(catalog.work.failures_by_reason())
    right = counts[State.EMBEDDED] == movies - len(without) and reasons == {"no_poster": len(without)}
    with catalog.database.read() as connection:
        spent = connection.exec_driver_sql("SELECT count(*) FROM spent").scalar_one()
    needed = 2 * movies - len(without)
    retried = needed / (1 - FAULTY)
    ideal_s = retried / BUDGET_PER_S + outage_s
    busiest = server.busiest_second()
    bars = bar("outside")
    most = bars["times_ideal"]
    answered = ", ".join(f"{status or 'none'} x {count:,}" for status, count in sorted(server.by_status().items()))
    return [
        Row(
            f"{movies:,} movies settled rightly",
            f"{_words(counts)}; {reasons}",
            "all, with the true reason",
            right,
            answered,
        ),
        Row("attempts spent", str(spent), "0", spent == 0, "of all movies, the outage included"),
        Row(
            "most requests in any second",
            str(busiest),
            f"<= {BUDGET_PER_S:g}",
            busiest <= BUDGET_PER_S,
            f"budget {BUDGET_PER_S:g}/s",
        ),
        Row(
            "time / ideal time",
            f"{took_s / ideal_s:.3f}",
            f"<= {most}",
            took_s <= most * ideal_s,
            f"{took_s:.0f} s / {ideal_s:.0f} s = {retried:,.0f} requests / {BUDGET_PER_S:g} + {outage_s:g}",
        ),
    ]


def _words(counts: dict[State, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)


if __name__ == "__main__":
    main()
