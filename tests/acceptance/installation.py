"""The whole program as its users run it: one data folder, real processes, HTTP over loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from catalog.catalog import Catalog

REPO = Path(__file__).resolve().parents[2]
SHARED = REPO.parent / "shared" / "data"
ADMIN_TOKEN = "an-admin-token-for-tests-of-32-bytes-or-more"
UNLIMITED = ("POSTS_PER_MIN", "MOVIES_PER_H", "ADMIN_PER_MIN")  # tests are in a hurry


def wait_until(condition: Callable[[], Any], deadline_s: float, what: str) -> Any:
    """What the condition answers once it is true; fails with `what` at the deadline."""
    end = time.monotonic() + deadline_s
    while not (answer := condition()):
        if time.monotonic() > end:
            pytest.fail(f"not within {deadline_s:g} s: {what}")
        time.sleep(0.05)
    return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Installation:
    """One data folder, one set of settings, and the processes started on them."""

    data_dir: Path
    port: int
    settings: dict[str, str]
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith("POSTERITY_") and k != "PYTHONDONTWRITEBYTECODE"
        }
        ours = {"DATA_DIR": str(self.data_dir), "PORT": str(self.port), "ADMIN_TOKEN": ADMIN_TOKEN}
        ours |= {f"RATE_LIMIT_{name}": "0" for name in UNLIMITED} | self.settings
        return kept | {f"POSTERITY_{name}": value for name, value in ours.items()}

    def run(self, *arguments: str, code: int = 0, timeout: float = 240) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "cli.main", *arguments]
        done = subprocess.run(command, env=self.environment, cwd=REPO, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str, module: str = "cli.main") -> "subprocess.Popen[str]":
        log = (self.data_dir / f"log-{len(self.started)}.txt").open("w")
        command = [sys.executable, "-m", module, *arguments]
        process = subprocess.Popen(
            command, env=self.environment, cwd=REPO, stdout=log, stderr=log, text=True, start_new_session=True
        )
        log.close()
        self.started.append(process)
        return process

    def log(self, number: int) -> str:
        return (self.data_dir / f"log-{number}.txt").read_text()

    def catalog(self) -> Catalog:
        return Catalog.open(f"sqlite:///{self.data_dir / 'catalog.db'}", self.data_dir)

    def ask(self, path: str, body: Any = None, token: str = "", method: str = "") -> Answer:
        """One HTTP request; an error status is an answer too."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        method = method or ("POST" if data is not None else "GET")
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return Answer(response.status, dict(response.headers), json.loads(response.read()))
        except urllib.error.HTTPError as err:
            with err:
                return Answer(err.code, dict(err.headers), json.loads(err.read()))

    def up(self, path: str = "/livez") -> bool:
        try:
            return self.ask(path).status == 200
        except OSError:
            return False

    def stop(self) -> None:
        """SIGTERM to everything still running; what does not end in time fails the test."""
        running = [process for process in self.started if process.poll() is None]
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                pytest.fail(f"{process.args} did not end within 60 s of SIGTERM")
