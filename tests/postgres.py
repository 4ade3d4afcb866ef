"""One real PostgreSQL for all tests that ask for it: started at the first question, ended with the last test."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

READY_WITHIN_S = 30
# Tests lose nothing when the machine stops: without waiting for the disk they are several times faster.
IN_HASTE = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


def programs() -> Path | None:
    """The folder of initdb and postgres, or None where PostgreSQL is not installed; Debian keeps it off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(on_path).resolve().parent if on_path else None


def server_user() -> str | None:
    """PostgreSQL refuses to run as root: then it runs as its own user."""
    return "postgres" if os.geteuid() == 0 else None


def run(program: Path, *arguments: str | Path) -> None:
    """Runs one of its programs as the user that owns the server's folder."""
    user = server_user()
    subprocess.run([program, *arguments], user=user, group=user, cwd="/", check=True, capture_output=True, timeout=60)


@dataclass
class Postgres:
    """A running server on loopback; databases are made from a template that holds the newest schema."""

    home: Path
    port: int
    process: "subprocess.Popen[bytes]"
    made: int = 0

    def url(self, database: str) -> str:
        """SQLAlchemy's URL of one database."""
        return f"postgresql+psycopg://posterity@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template0") -> str:
        """A new database of its own name."""
        self.made += 1
        name = f"test_{self.made}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Drops a database, whoever is still connected."""
        self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="posterity", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def stop(self) -> None:
        """Ends the server without waiting for its clients, and removes its folder."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            shutil.rmtree(self.home, ignore_errors=True)


def start(folder: Path, options: Sequence[str] = IN_HASTE) -> Postgres:
    """A server of our own on a free port, trusting whoever comes over loopback, save the user `stranger`.

    Args:
        folder: as `programs` found it.
    """
    home = Path(tempfile.mkdtemp(prefix="posterity-postgres-"))  # pytest's folders are closed to other users
    user = server_user()
    if user:
        shutil.chown(home, user, user)
    data, port = home / "data", _free_port()
    run(folder / "initdb", "-D", data, "-U", "posterity", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
    rules = data / "pg_hba.conf"
    rules.write_text(f"host all stranger 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
    command = [str(folder / "postgres"), "-D", str(data), "-p", str(port), "-k", str(home)]
    command += ["-c", "listen_addresses=127.0.0.1", *options]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, user=user, group=user, cwd="/", start_new_session=True
        )
    server = Postgres(home, port, process)
    ready = [folder / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "posterity"]
    end = time.monotonic() + READY_WITHIN_S
    while subprocess.run(ready, check=False).returncode != 0:
        if time.monotonic() > end or process.poll() is not None:
            said = (home / "log").read_text()
            server.stop()
            raise RuntimeError(f"PostgreSQL did not start within {READY_WITHIN_S} s: {said}")
        time.sleep(0.05)
    return server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
