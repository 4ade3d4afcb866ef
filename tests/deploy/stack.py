"""The services of docker-compose.yml as native processes: their own commands, with loopback addresses and a folder of
the test instead of host names, volumes and secret mounts."""

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
END_WITHIN_S = 60
UNLIMITED = ("POSTS_PER_MIN", "MOVIES_PER_H", "ADMIN_PER_MIN")  # tests are in a hurry


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Stack:
    """The running services. `home` holds what volumes and secrets are in containers."""

    compose: dict[str, Any]
    home: Path
    ports: dict[str, int]
    database_url: str = ""  # empty: the one of the secret
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @staticmethod
    def wait_until(condition: Callable[[], Any], deadline_s: float, what: str) -> Any:
        """What the condition answers once it is true; fails with `what` at the deadline."""
        end = time.monotonic() + deadline_s
        while not (answer := condition()):
            if time.monotonic() > end:
                pytest.fail(f"not within {deadline_s:g} s: {what}")
            time.sleep(0.1)
        return answer

    def service(self, name: str) -> dict[str, Any]:
        service: dict[str, Any] = self.compose["services"][name]
        return service

    def native(self, name: str, text: str) -> str:
        """A word of the compose file with this machine's paths instead of the container's."""
        for secret in self.service(name).get("secrets", []):
            text = text.replace(f"/run/secrets/{secret}", str(self.home / "run-secrets" / secret))
        for volume in self.service(name).get("volumes", []):
            source, target, *_ = volume.split(":")
            here = REPO / source if source.startswith(".") else self.home / "volumes" / source
            if text == target or text.startswith(f"{target}/"):
                return str(here) + text.removeprefix(target)
        return text

    def environment(self, name: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("POSTERITY_", "PYTHONDONT"))}
        given = {key: self.native(name, value) for key, value in self.service(name).get("environment", {}).items()}
        given["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        if "POSTERITY_HOST" in given:
            given |= {"POSTERITY_HOST": "127.0.0.1", "POSTERITY_PORT": str(self.ports["api"])}
            given |= {f"POSTERITY_RATE_LIMIT_{name}": "0" for name in UNLIMITED}
        return kept | given

    def start(self, name: str, *, command: list[str] | None = None, more: tuple[str, ...] = (), user: str = "") -> None:
        """Runs the command of this service; `command` where the image's own one is meant."""
        command = command or [self.native(name, word) for word in self.service(name)["command"]]
        (self.home / f"{name}.log").touch()
        with (self.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*command, *more],
                env=self.environment(name),
                cwd=REPO,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=user or None,
                group=user or None,
            )

    def check(self, name: str) -> "subprocess.CompletedProcess[str]":
        """Runs the health check of this service, with the port it has here."""
        kind, *words = self.service(name)["healthcheck"]["test"]
        port = self.ports.get(name)
        words = [word.replace("redis-cli", f"redis-cli -p {port}") for word in words]
        words += [f"--port={port}"] if words[0] == "pg_isready" else []
        return subprocess.run(
            ["sh", "-c", *words] if kind == "CMD-SHELL" else words,
            env=self.environment(name),
            cwd=REPO,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text()

    def secret(self, name: str) -> str:
        return (self.home / "run-secrets" / name).read_text()

    def catalog(self) -> Catalog:
        return Catalog(self.database_url or self.secret("database_url"), self.home / "volumes" / "data")

    def ask(self, path: str, body: Any = None, token: str = "", method: str = "") -> Answer:
        """One HTTP request to the API; an error status is an answer too."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        address = f"http://127.0.0.1:{self.ports['api']}{path}"
        request = urllib.request.Request(address, data, headers, method=method or ("POST" if data else "GET"))
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return Answer(response.status, dict(response.headers), json.loads(response.read()))
        except urllib.error.HTTPError as err:
            with err:
                text = err.read().decode()
                known = "json" in err.headers.get("Content-Type", "")
                return Answer(err.code, dict(err.headers), json.loads(text) if known else text)

    def up(self) -> bool:
        try:
            return self.ask("/livez").status == 200
        except OSError:
            return False

    def listens(self, name: str) -> None:
        def answers() -> bool:
            assert self.processes[name].poll() is None, f"{name} ended: {self.log(name)}"
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.ports[name])) == 0

        self.wait_until(answers, 30, f"{name} accepts connections")

    def stop(self, *names: str, sent: signal.Signals = signal.SIGTERM) -> dict[str, int | None]:
        """Signals these services at once; their exit codes, None for one that did not end in time and was killed."""
        running = {name: self.processes.pop(name) for name in names if name in self.processes}
        for process in running.values():
            process.send_signal(sent)
        end = time.monotonic() + END_WITHIN_S
        return {name: self._code(process, end) for name, process in running.items()}

    @staticmethod
    def _code(process: "subprocess.Popen[bytes]", end: float) -> int | None:
        try:
            return process.wait(max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None
