"""The API and the bare route, each on gunicorn and on waitress, as processes on free ports of this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.request import urlopen

import psutil

from benchmarks.serve_bare import BODY_FILE

Server = Literal["gunicorn", "waitress"]
SERVERS: tuple[Server, ...] = ("gunicorn", "waitress")
REPO = Path(__file__).resolve().parents[1]
START_WITHIN_S, END_WITHIN_S = 120.0, 30.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers, and its process."""

    port: int
    process_id: int

    def cpu_s(self) -> float:
        """Seconds of processor that it took so far, those of its children included."""
        process = psutil.Process(self.process_id)
        times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
        return sum(each.user + each.system for each in times)


@contextmanager
def ours(server: Server, data_dir: Path) -> Iterator[Running]:
    """The API over this data folder, with JSON logs as in production."""
    words = {
        "gunicorn": ["-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "api.app:create_app()"],
        "waitress": ["-m", "cli.main", "api"],
    }
    settings = {"POSTERITY_DATA_DIR": str(data_dir), "POSTERITY_LOG_FORMAT": "json"}
    with _running(words[server], settings, "/readyz") as running:
        yield running


@contextmanager
def bare(server: Server, body: Path, data_dir: Path) -> Iterator[Running]:
    """The bare route, answering the content of `body`."""
    words = {
        "gunicorn": ["-m", "gunicorn", "-c", "benchmarks/serve_gunicorn.py", "benchmarks.serve_bare:bare_app()"],
        "waitress": ["-m", "benchmarks.serve_bare"],
    }
    settings = {BODY_FILE: str(body), "POSTERITY_DATA_DIR": str(data_dir), "POSTERITY_LOG_FORMAT": "json"}
    with _running(words[server], settings, "/similar") as running:
        yield running


@contextmanager
def _running(words: list[str], settings: dict[str, str], probe: str) -> Iterator[Running]:
    port = free_port()
    named = environment(settings | {"POSTERITY_HOST": "127.0.0.1", "POSTERITY_PORT": str(port)})
    log = Path(settings["POSTERITY_DATA_DIR"]).parent / f"server-{port}.log"
    with log.open("wb") as lines:
        process = subprocess.Popen([sys.executable, *words], env=named, cwd=REPO, stdout=lines, stderr=lines)
        try:
            _wait(process, f"http://127.0.0.1:{port}{probe}", log)
            yield Running(port, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def environment(settings: dict[str, str]) -> dict[str, str]:
    """This process' environment with these settings and no others of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("POSTERITY_")} | settings


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    give_up = time.monotonic() + START_WITHIN_S
    while time.monotonic() < give_up:
        if process.poll() is not None:
            break
        try:
            with urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    process.kill()
    process.wait()
    raise SystemExit(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")
