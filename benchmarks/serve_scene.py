"""A published data folder, what to ask of it, and how long the index alone takes to answer."""

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.search_posters import RealPosters
from benchmarks.serve_servers import REPO, environment
from benchmarks.serve_stock import stock
from config.settings import Settings
from index.live import LiveSnapshot

K = 10


@dataclass(frozen=True, slots=True)
class Scene:
    """The folder, the ids of its movies, and the addresses that ask about each of them."""

    data_dir: Path
    movie_ids: list[int]

    @property
    def paths(self) -> list[str]:
        """One question about each movie."""
        return [f"/similar?movie_id={movie_id}&k={K}" for movie_id in self.movie_ids]

    def in_process_s(self) -> float:
        """Median seconds of one question to the index, in this process."""
        snapshot = LiveSnapshot(Settings(data_dir=self.data_dir).index_dir).get()
        seconds = []
        for movie_id in self.movie_ids:
            began = time.perf_counter()
            snapshot.similar("poster", movie_id, K)
            seconds.append(time.perf_counter() - began)
        return statistics.median(seconds)

    def start_rebuild(self) -> subprocess.Popen[bytes]:
        """`posterity rebuild` as a process of its own."""
        words = [sys.executable, "-m", "cli.main", "rebuild", "--json"]
        settings = environment({"POSTERITY_DATA_DIR": str(self.data_dir)})
        return subprocess.Popen(words, env=settings, cwd=REPO, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def scene(folder: Path, real: RealPosters) -> Scene:
    """Fills a data folder and publishes it.

    Raises:
        SystemExit: the rebuild failed; with its last words.
    """
    data_dir = folder / "data"
    stock(Settings(data_dir=data_dir), real)
    made = Scene(data_dir, sorted(real.movie_ids.tolist()))
    finish(made.start_rebuild())
    return made


def finish(rebuild: subprocess.Popen[bytes]) -> None:
    """Waits for a rebuild.

    Raises:
        SystemExit: it failed; with its last words.
    """
    _, said = rebuild.communicate()
    if rebuild.returncode:
        raise SystemExit(f"the rebuild failed: {said.decode(errors='replace')[-2000:]}")
