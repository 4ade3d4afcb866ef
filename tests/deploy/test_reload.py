"""SIGHUP to gunicorn: settings are read again, and bad ones do not end what serves."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.stack import free_port

OLD, NEW = "a" * 40, "b" * 40


class Served:
    """A gunicorn with a catalog of its own whose admin token stands in a file."""

    def __init__(self, repo: Path, folder: Path) -> None:
        self.token, self.log, self.port = folder / "admin_token", folder / "log", free_port()
        self.token.write_text(OLD)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("POSTERITY_", "PROMETHEUS_"))}
        given = {"DATA_DIR": str(folder), "ADMIN_TOKEN_FILE": str(self.token), "PORT": str(self.port)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "api.app:create_app()"],
                env=kept | {f"POSTERITY_{key}": value for key, value in given.items()},
                cwd=repo,
                stdout=log,
                stderr=log,
            )

    def answers(self, token: str) -> int:
        """The status that this token gets; 0 without an answer."""
        address = f"http://127.0.0.1:{self.port}/admin/snapshots"
        try:
            with urllib.request.urlopen(
                urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"}), timeout=10
            ) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as err:
            with err:
                return err.code
        except OSError:
            return 0

    def wait(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, self.log.read_text()[-2000:]
            time.sleep(0.1)


@pytest.fixture
def served(repo: Path, tmp_path: Path) -> Iterator[Served]:
    made = Served(repo, tmp_path)
    try:
        made.wait(lambda: made.answers(OLD) == 200)
        yield made
    finally:
        made.process.terminate()
        made.process.wait(60)


def test_a_reload_takes_the_new_secret(served: Served) -> None:
    served.token.write_text(NEW)
    served.process.send_signal(signal.SIGHUP)
    served.wait(lambda: served.answers(NEW) == 200)
    served.wait(lambda: served.answers(OLD) == 401)


def test_a_reload_that_could_not_start_is_refused_in_one_line_and_the_old_processes_go_on(served: Served) -> None:
    served.token.write_text("short")
    served.process.send_signal(signal.SIGHUP)
    served.wait(lambda: "not reloaded" in served.log.read_text())
    (line,) = [line for line in served.log.read_text().splitlines() if "not reloaded" in line]
    assert "POSTERITY_ADMIN_TOKEN: must be at least 32 bytes" in line
    assert served.answers(OLD) == 200
    served.token.write_text(NEW)
    served.process.send_signal(signal.SIGHUP)
    served.wait(lambda: served.answers(NEW) == 200)
