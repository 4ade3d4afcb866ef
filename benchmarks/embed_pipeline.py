"""From a local HTTP server to records in the catalog, beside nothing but encoding, in turns."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.bars import Row, bar
from benchmarks.embed_quality import cosines, spread
from catalog.catalog import Catalog
from catalog.entries import NewMovie, State
from catalog.storing import store_movies
from index.records import decode_record
from posters.decoding import pixels
from workers.priority import step_behind

if TYPE_CHECKING:
    from posters.vgg16 import PosterEncoder

WAIT_S, LOOK_EVERY_S = 600.0, 0.5
EMBED_BATCH = 16  # default of POSTERITY_EMBED_BATCH


@dataclass(frozen=True)
class Trial:
    """How much is measured: rounds of `posters` each way in turns, after `warm_up` posters."""

    rounds: int
    posters: int
    warm_up: int


class Installation:
    """A data folder, its catalog, a picture server and the worker that fetches and embeds."""

    def __init__(self, folder: Path, port: int) -> None:
        self.catalog = Catalog.open(f"sqlite:///{folder / 'catalog.db'}", folder)
        self._folder, self._port, self._log, self._last_id = folder, port, folder / "worker.log", 0

    @contextmanager
    def worker(self) -> Iterator[None]:
        """Runs the worker while the block lasts."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("POSTERITY_")}
        ours = {
            "DATA_DIR": str(self._folder),
            "POSTER_SOURCES": "tmdb",
            "TMDB_TOKEN": "a-token-of-the-benchmark",
            "TMDB_API_URL": f"http://127.0.0.1:{self._port}/3",
            "TMDB_IMAGE_URL": f"http://127.0.0.1:{self._port}/t/p",
        }
        environment = kept | {f"POSTERITY_{name}": value for name, value in ours.items()}
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "benchmarks.embed_worker"]
            self._worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            yield
        finally:
            self._worker.terminate()
            self._worker.wait(60)

    def queue(self, count: int) -> list[int]:
        """Queues so many new movies; their ids."""
        ids = list(range(self._last_id + 1, self._last_id + count + 1))
        self._last_id += count
        new = [NewMovie(title=f"Movie {movie_id}", movie_id=movie_id, tmdb_id=movie_id) for movie_id in ids]
        with self.catalog.database.write() as connection:
            store_movies(connection, new, {}, time.time())
        self.catalog.work.enqueue_all()
        return ids

    def embed(self, count: int) -> list[int]:
        """Queues so many new movies and waits until all are embedded; their ids.

        Raises:
            SystemExit: some failed, the worker ended, or it took ten minutes.
        """
        ids = self.queue(count)
        end = time.monotonic() + WAIT_S
        while (counts := self.catalog.work.counts())[State.EMBEDDED] < self._last_id:
            if counts[State.FAILED] or self._worker.poll() is not None or time.monotonic() > end:
                told = {str(state): number for state, number in counts.items()}
                raise SystemExit(f"not all posters were embedded: {told}; the worker says: {self._log.read_text()}")
            time.sleep(LOOK_EVERY_S)
        return ids

    def rate(self, ids: list[int]) -> float:
        """Posters a second, from the first answer of the HTTP server to the last record stored."""
        query = (
            "SELECT max(embedded_at) - min(fetched_at) FROM poster_vectors JOIN poster_files USING (movie_id)"
            " WHERE movie_id BETWEEN ? AND ?"
        )
        with self.catalog.database.read() as connection:
            return len(ids) / float(connection.exec_driver_sql(query, (ids[0], ids[-1])).scalar_one())

    def features(self, ids: list[int]) -> NDArray[np.float32]:
        """What is stored of these movies, float32 (n, 25088), in their order."""
        query = "SELECT record FROM poster_vectors WHERE movie_id BETWEEN ? AND ? ORDER BY movie_id"
        with self.catalog.database.read() as connection:
            records = connection.exec_driver_sql(query, (ids[0], ids[-1])).scalars().all()
        return np.stack([decode_record(record) for record in records])


@dataclass
class Measured:
    """What a trial found: rates by round, in posters/s, the least cosine of a stored record to the encoder's features.

    `embedded` is how many movies are in that state, `stored` how many records there are.
    """

    whole: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    cosine: float = 1.0
    embedded: int = 0
    stored: int = 0


def pipeline_row(contents: list[bytes], folder: Path | None, encoder: "PosterEncoder", trial: Trial) -> Row:
    """The rate of the whole way as a share of that of encoding alone."""
    with tempfile.TemporaryDirectory(prefix="posterity-embed-") as home, _server(folder) as port:
        step_behind()  # as the worker does: other programs must not hold up one side only
        installed = Installation(Path(home), port)
        with installed.worker():
            found = _measured(installed, contents, encoder, trial)
        found.stored = sum(len(run) for run in installed.catalog.posters.vectors(str(encoder.fingerprint)))
        found.embedded = installed.catalog.work.counts()[State.EMBEDDED]
        installed.catalog.close()
    return judged(found)


def judged(found: Measured) -> Row:
    """The row of a trial, beside its bar."""
    wanted, rounds = bar("embed_pipeline"), zip(found.whole, found.alone, strict=True)
    share = median(whole / alone for whole, alone in rounds)
    good = found.cosine >= wanted["cosine"] and found.stored == found.embedded
    beside = (
        f"least cosine of {found.stored:,} stored records to the encoder's own {found.cosine:.7f}; "
        f"whole {spread(found.whole)}, encode-only {spread(found.alone)} posters/s, {len(found.whole)} rounds in turn"
    )
    passed = good and share >= wanted["share"]
    return Row(wanted["what"], f"{share:.3f} of encode-only", wanted["at_least"], passed, beside)


def _measured(installed: Installation, contents: list[bytes], encoder: "PosterEncoder", trial: Trial) -> Measured:
    found, decoded = Measured(), np.stack([pixels(content, "picture") for content in contents])
    installed.embed(trial.warm_up)
    encode_only(encoder, decoded[np.arange(trial.warm_up) % len(decoded)])
    for number in range(trial.rounds):
        print(f"end to end, round {number + 1} of {trial.rounds} ...", file=sys.stderr)
        ids = installed.embed(trial.posters)
        found.whole.append(installed.rate(ids))
        rate, features = encode_only(encoder, decoded[np.array(ids) % len(decoded)])
        found.alone.append(rate)
        found.cosine = min(found.cosine, float(cosines(installed.features(ids), features).min()))
    return found


def encode_only(encoder: "PosterEncoder", images: NDArray[np.uint8]) -> tuple[float, NDArray[np.float32]]:
    """Posters a second in batches as the worker has them, and their features."""
    batch, began = max(EMBED_BATCH, encoder.batch), time.perf_counter()
    encoded = [encoder.encode(images[first : first + batch]) for first in range(0, len(images), batch)]
    rate = len(images) / (time.perf_counter() - began)
    return rate, np.concatenate(encoded)


@contextmanager
def _server(folder: Path | None) -> Iterator[int]:
    """A picture server in a process of its own, as it is for a real one; its port."""
    command = [sys.executable, "-m", "benchmarks.embed_pictures", *([str(folder)] if folder else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            assert process.stdin
            process.stdin.close()
