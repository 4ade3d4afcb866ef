"""What the acceptance tests share: the 300 real posters and a real Redis."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.installation import SHARED, free_port, wait_until


@pytest.fixture(scope="session")
def shared() -> Path:
    if not (SHARED / "posters").is_dir():
        if os.environ.get("CI"):
            pytest.fail("the shared data with 300 real posters must be there in CI")
        pytest.skip("needs the folder of 300 real posters, which may not be committed")
    return SHARED


@pytest.fixture(scope="session")
def poster_folder(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the 300 posters that tests may add to."""
    folder = tmp_path_factory.mktemp("posters")
    for poster in (shared / "posters").glob("*.jpg"):
        shutil.copy(poster, folder / poster.name)
    return folder


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis of our own on a free port."""
    program = shutil.which("redis-server")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("redis-server must be installed in CI: .ci/services does it")
        pytest.skip("needs redis-server, which is not installed")
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(answers, 10, "redis-server accepts connections")
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(10)
