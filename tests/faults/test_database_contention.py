"""T17: many processes write at once and are killed while they do; no write meets a lock, none acknowledged is lost."""

import multiprocessing
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from catalog.catalog import Catalog
from catalog.database import journal_mode, synchronous
from catalog.entries import NewMovie
from tests.plan import Judge

FORK = multiprocessing.get_context("fork")  # a new interpreter would take longer to start than it lives
PROCESSES = 8
SEED = 17
WITHIN_S, LONG_WITHIN_S = 240.0, 1_000.0  # a bound against hanging: what is judged is what is lost
END_WITHIN_S = 30.0


def write_movies(url: str, folder: Path, name: str, first: int, last: int, said: Path) -> None:
    """One writer: takes movies in, one transaction each, and says which are committed; stops at the first error."""
    catalog = Catalog(url, folder)
    with said.open("ab", buffering=0) as told:
        for number in range(first, last):
            (movie_id,) = catalog.add([NewMovie(f"{name}.{number}")])[1]
            told.write(b"%d %d\n" % (number, movie_id))


@dataclass
class Writer:
    """One of the eight: killed and started again, it goes on behind what was acknowledged."""

    name: str
    url: str
    folder: Path
    writes: int
    lives: int = 0
    acknowledged: dict[int, int] = field(default_factory=dict)  # number of a write -> id of its movie
    failed: bool = False

    def live(self) -> None:
        first = max(self.acknowledged, default=-1) + 1
        self.lives += 1
        self._said = self.folder / f"{self.name}-{self.lives}.txt"
        arguments = (self.url, self.folder, self.name, first, self.writes, self._said)
        self._process = FORK.Process(target=write_movies, args=arguments)
        self._process.start()

    def end(self) -> None:
        """Kills it if it still runs, and reads what it said; a last line that was cut short was no acknowledgement."""
        self._process.kill()
        self._process.join(END_WITHIN_S)
        lines = self._said.read_bytes().split(b"\n")[:-1] if self._said.exists() else []
        self.acknowledged |= {int(number): int(movie_id) for number, movie_id in (line.split() for line in lines)}

    @property
    def alive(self) -> bool:
        if self._process.exitcode not in (None, 0, -signal.SIGKILL):
            self.failed = True
        return self._process.exitcode is None


@pytest.fixture
def url(database_url: str, tmp_path: Path) -> str:
    Catalog.open(database_url, tmp_path).close()
    return database_url


def test_writers_that_are_killed_lose_nothing_and_lock_nobody_out(
    url: str, tmp_path: Path, judge: Judge, nightly: bool
) -> None:
    writes = (2000 if url.startswith("sqlite") else 500) if nightly else 60
    writers = [Writer(f"w{number}", url, tmp_path, writes) for number in range(PROCESSES)]
    within_s = LONG_WITHIN_S if nightly else WITHIN_S
    draw, pause, end = random.Random(SEED), threading.Event(), time.monotonic() + within_s
    for writer in writers:
        writer.live()
    try:
        while alive := [writer for writer in writers if writer.alive]:
            assert time.monotonic() < end, f"seed {SEED}: not done within {within_s:g} s"
            pause.wait(1.0)
            victim = draw.choice(alive)
            if victim.alive:
                victim.end()
                victim.live()
    finally:
        for writer in writers:
            writer.end()
    _judge(url, tmp_path, judge, writers)


def _judge(url: str, folder: Path, judge: Judge, writers: list[Writer]) -> None:
    catalog = Catalog.open(url, folder)
    said = {writer.name: writer.acknowledged for writer in writers}
    ids = [movie_id for done in said.values() for movie_id in done.values()]
    titles = {movie.movie_id: movie.title for movie in catalog.movies.many(ids)}
    wrong = [
        f"{name}.{number}"
        for name, done in said.items()
        for number, movie_id in done.items()
        if titles.get(movie_id) != f"{name}.{number}"
    ]
    sound = "ok"
    if catalog.database.is_sqlite:
        with catalog.database.read() as connection:
            sound = str(connection.exec_driver_sql("PRAGMA integrity_check").scalar_one())
    stored, kills = catalog.movies.count(), sum(writer.lives - 1 for writer in writers)
    catalog.close()
    errors = [writer.name for writer in writers if writer.failed]
    judge(
        "T17",
        f"{PROCESSES} writers on {'SQLite' if url.startswith('sqlite') else 'PostgreSQL'}, one killed a second",
        kills,
        "0 errors to writers, all acknowledged rows there, integrity ok",
        f"{len(ids):,} acknowledged, {len(wrong)} lost, {len(errors)} errors, integrity {sound}; seed {SEED}",
        not errors and not wrong and sound == "ok" and len(ids) == len(set(ids)) <= stored <= len(ids) + kills,
    )


def test_the_gate_that_keeps_sqlite_from_losing_commits(judge: Judge, tmp_path: Path) -> None:
    versions = {(3, 40, 1): "DELETE", (3, 51, 2): "DELETE", (3, 52, 0): "DELETE", (3, 51, 3): "WAL", (3, 50, 7): "WAL"}
    chosen = {version: journal_mode(version) for version in versions}
    catalog = Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}", tmp_path)
    with catalog.database.read() as connection:
        mode = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()).upper()
        level = int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())
    catalog.close()
    held = chosen == versions and mode == journal_mode() and level == {"FULL": 2, "EXTRA": 3}[synchronous(mode)]
    judge("T17", "SQLite's WAL-reset bug", len(versions), "WAL only where it is fixed", f"here {mode}", held)
