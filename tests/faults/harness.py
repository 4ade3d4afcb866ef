"""Real workers that die, whatever starts them again, and posters whose vectors are known beforehand."""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalog.catalog import Catalog
from catalog.entries import NewMovie
from catalog.storing import store_movies
from index import publishing
from index.records import encode_record
from posters.decoding import pixels
from posters.poster import PosterRequest
from posters.sources import first_poster, open_sources
from tests.acceptance.installation import Installation, free_port
from tests.faults.toy_worker import POISON
from tests.verifier_here import VerifierHere
from tests.workers.toy_encoder import ToyEncoder
from workers.embed import EmbedLimits, embed_due
from workers.fetch import FetchLimits, fetch_due
from workers.rebuild import rebuild

TOY = "tests.faults.toy_worker"
WORK, BUILD = ("worker", "--kinds", "fetch,embed"), ("worker", "--kinds", "build")
_one_at_a_time = threading.Lock()


def draw_poster(folder: Path, movie_id: int, seed: int = 0) -> None:
    """A small JPEG of noise, another one for each movie and seed."""
    noise = np.random.default_rng([seed, movie_id]).integers(0, 255, (48, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / f"{movie_id}.jpg", "JPEG", quality=90)


def draw_poison(folder: Path, movie_id: int, colour: tuple[int, int, int] = POISON) -> None:
    """A poster on which the toy worker dies: of one colour, POISON or EATER."""
    Image.new("RGB", (32, 48), colour).save(folder / f"{movie_id}.png")


def reference(folder: Path, movie_id: int) -> bytes:
    """The record of what the toy makes of a poster."""
    content = (folder / f"{movie_id}.jpg").read_bytes()
    return encode_record(ToyEncoder.vector(pixels(content, f"{movie_id}.jpg")))


def installation(home: Path, **settings: str) -> Installation:
    """A data folder whose posters come from a folder beside it, with leases of 5 s and a look every second."""
    (home / "posters").mkdir(parents=True)
    (home / "data").mkdir()
    given = {"POSTER_SOURCES": f"folder:{home / 'posters'}", "LEASE_S": "5", "SWEEP_S": "1", "PUBLISH_EVERY_S": "0"}
    return Installation(home / "data", free_port(), {**given, **settings})


def open_catalog(installed: Installation) -> Catalog:
    """Its catalog, made when missing; several threads may ask, though alembic can do one at a time only."""
    with _one_at_a_time:
        return installed.catalog()


def folder_of(installed: Installation) -> Path:
    """Where its posters come from."""
    return installed.data_dir.parent / "posters"


def queue(catalog: Catalog, movie_ids: Sequence[int]) -> None:
    """Takes movies in that nobody asked about, and queues their posters."""
    new = [NewMovie(f"Movie {movie_id}", movie_id, 2000) for movie_id in movie_ids]
    with catalog.database.write() as connection:
        store_movies(connection, new, {movie_id: (10_000 - movie_id, 3.5) for movie_id in movie_ids}, 0.0)
    catalog.work.enqueue_all()


def embed_here(catalog: Catalog, folder: Path) -> None:
    """Fetches and embeds all that is due, in this process."""
    fetch = partial(first_poster, open_sources([f"folder:{folder}"]))

    def from_folder(movie: PosterRequest, known: object) -> object:
        return fetch(movie)

    while fetch_due(catalog, from_folder, FetchLimits()):  # type: ignore[arg-type]
        pass
    while embed_due(catalog, ToyEncoder(), EmbedLimits()):  # type: ignore[arg-type]
        pass


def publish_here(installed: Installation, catalog: Catalog) -> None:
    """Publishes the next snapshot, in this process."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(publishing, "Verifier", VerifierHere)
        rebuild(catalog, installed.data_dir / "models", installed.data_dir / "index", lambda *_: None)


@dataclass
class Kept:
    """Processes of one installation that are started again when they die, as compose or `posterity serve` would.

    Attributes:
        processes: by what was asked for. deaths: exit codes so far, in order.
    """

    installed: Installation
    processes: "dict[tuple[str, ...], subprocess.Popen[str]]" = field(default_factory=dict)
    deaths: list[int] = field(default_factory=list)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        process = self.installed.start(*arguments, module=TOY)
        self.processes[arguments] = process
        return process

    def mend(self) -> None:
        """One look: what has died runs again."""
        for arguments, process in list(self.processes.items()):
            code = process.poll()
            if code is not None:
                self.deaths.append(code)
                self.start(*arguments)

    def stop(self) -> None:
        """SIGTERM to all, SIGKILL to the session of what does not end within 30 s."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                end_session(process.pid)
                process.wait()

    def end(self) -> None:
        """SIGKILL to every session that was started here, orphans included: nothing outlives a test."""
        for process in self.installed.started:
            end_session(process.pid)
            process.wait()


def session(leader: int) -> list[int]:
    """The processes of one session that run, its leader dead or not."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "stat").read_text().rpartition(")")[2].split()  # state, parent, group, session
            if words[3] == str(leader) and words[0] not in "ZX":
                found.append(int(entry.name))
    return found


def children(pid: int) -> list[int]:
    """The processes that this one has started and that it has not buried."""
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def end_session(leader: int) -> None:
    """SIGKILL to all of one session."""
    for pid in session(leader):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def archive(installed: Installation, seed: object) -> Path:
    """A copy of the data folder that outlives the test; where it lies."""
    name = hashlib.sha256(str(installed.data_dir).encode()).hexdigest()[:8]
    kept = Path(tempfile.gettempdir()) / f"posterity-archived-{seed}-{name}"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(installed.data_dir.parent, kept)
    return kept
