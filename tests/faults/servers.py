"""Servers that a test may hurt: a Redis of its own, and a line to it that can fall silent."""

import os
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.acceptance.installation import free_port, wait_until
from tests.postgres import Postgres, programs, server_user
from tests.postgres import start as start_postgres

LOOPBACK = "127.0.0.1"
ANSWER_WITHIN_S = 10.0
PIECE = 65_536  # bytes moved at once


@dataclass
class RedisServer:
    """A real Redis on a port that stays the same however often it is started; nothing it holds survives its end."""

    folder: Path
    port: int = field(default_factory=free_port)
    password: str = ""
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Starts it and waits until it answers."""
        program = shutil.which("redis-server")
        if program is None:
            if os.environ.get("CI"):
                pytest.fail("redis-server must be installed in CI: .ci/services does it")
            pytest.skip("needs redis-server, which is not installed")
        options = ["--port", str(self.port), "--bind", LOOPBACK, "--dir", str(self.folder)]
        options += ["--save", "", "--appendonly", "no", "--requirepass", self.password]
        self.process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        wait_until(self.answers, ANSWER_WITHIN_S, "redis-server answers")

    def client(self) -> "Redis":
        """A connection of the test itself."""
        return Redis(
            host=LOOPBACK, port=self.port, password=self.password or None, socket_timeout=ANSWER_WITHIN_S, protocol=2
        )

    def answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except (RedisError, OSError):
                return False

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self.signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait(ANSWER_WITHIN_S)
        self.process = None

    def stop(self) -> None:
        """Ends it, frozen or not; nothing when it does not run."""
        if self.process is not None:
            self.kill()

    def change_password(self, password: str) -> None:
        """From now on another password is needed; those that are connected are cut off, save those that listen."""
        with self.client() as client:
            client.config_set("requirepass", password)
            self.password = password
        with self.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)


@dataclass
class PostgresServer:
    """A real PostgreSQL with its safeguards on, that can be ended as by a power cut and started again as it was."""

    server: Postgres
    folder: Path

    @classmethod
    def start(cls) -> Self:
        """Starts it on a free port."""
        folder = programs()
        if folder is None:
            if os.environ.get("CI"):
                pytest.fail("postgresql must be installed in CI: .ci/services does it")
            pytest.skip("needs postgresql, which is not installed")
        return cls(start_postgres(folder, options=()), folder)

    def stop_at_once(self) -> None:
        """As `pg_ctl stop -m immediate`: every connection is cut, nothing is tidied up."""
        self.server.process.send_signal(signal.SIGQUIT)
        self.server.process.wait(ANSWER_WITHIN_S)

    def start_again(self) -> None:
        """Starts it on what is on the disk, and waits until it has recovered."""
        user = server_user()
        process = subprocess.Popen(
            self.server.process.args,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user,
            group=user,
            cwd="/",
            start_new_session=True,
        )
        self.server.process = process
        wait_until(self.answers, 3 * ANSWER_WITHIN_S, "PostgreSQL answers again")

    def answers(self) -> bool:
        try:
            self.connected().close()
        except psycopg.OperationalError:
            return False
        return True

    def connected(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(
            host=LOOPBACK,
            port=self.server.port,
            user="posterity",
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        )

    def kill_a_backend(self, database: str, within_s: float) -> bool:
        """SIGKILL to the process of a connection that is in mid-transaction; False where none was caught in one."""
        query = (
            "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        )
        # After a kill PostgreSQL restarts all its processes, and takes no connections meanwhile.
        wait_until(self.answers, 3 * ANSWER_WITHIN_S, "PostgreSQL answers")
        end = time.monotonic() + within_s
        with self.connected() as connection:
            while time.monotonic() < end:
                found = connection.execute(query, (database,)).fetchone()
                if found is not None:
                    os.kill(found[0], signal.SIGKILL)
                    return True
        return False


class Line:
    """A way to a port on loopback that can fall silent: then it takes connections and bytes, and nothing comes back.

    A port behind it where nobody listens closes its connections at once.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._silent, self._closed = threading.Event(), threading.Event()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def fall_silent(self) -> None:
        """Nothing goes through any more, on no connection; none is closed."""
        self._silent.set()

    def speak(self) -> None:
        """New connections go through again; those of the silence, and those from before it, are cut."""
        self._silent.clear()

    def _accept(self) -> None:
        while not self._closed.is_set():
            if select.select([self._listener], [], [], 0.05)[0]:
                here, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(here,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, here: socket.socket) -> None:
        with here:
            if self._silent.is_set():
                self._hold()
                return
            try:
                with socket.create_connection((LOOPBACK, self._to), timeout=ANSWER_WITHIN_S) as there:
                    self._carry(here, there)
            except OSError:
                return

    def _carry(self, here: socket.socket, there: socket.socket) -> None:
        other = {here: there, there: here}
        while not self._closed.is_set():
            if self._silent.is_set():
                self._hold()
                return
            for ready in select.select([here, there], [], [], 0.05)[0]:
                piece = ready.recv(PIECE)
                if not piece:
                    return
                if not self._silent.is_set():
                    other[ready].sendall(piece)

    def _hold(self) -> None:
        while self._silent.is_set() and not self._closed.wait(0.05):
            pass
