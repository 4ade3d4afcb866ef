"""How gunicorn serves the API: `gunicorn -c deploy/gunicorn.conf.py "api.app:create_app()"`.

Address and port are those of the settings. One worker process with threads is the rule, since each process reads the
index for itself; WEB_CONCURRENCY=2 makes two.
"""

import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from config import logs
from config.errors import ConfigError
from config.loading import load_settings

try:
    _settings = load_settings()
except ConfigError as err:
    raise SystemExit(f"posterity: {err}") from None  # gunicorn would print a traceback

_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
bind = f"{_host}:{_settings.port}"
threads = 8
preload_app = False  # a FAISS search hangs in a forked child of a parent that used FAISS

timeout = 60
graceful_timeout = 30
keepalive = 5
max_requests = 0
if Path("/dev/shm").is_dir():  # noqa: S108 - gunicorn makes its own unlinked file there
    worker_tmp_dir = "/dev/shm"  # noqa: S108 - a heartbeat on a slow disk would have workers killed for nothing

limit_request_line = 8190  # a /similar that leaves 500 movies out has 5.5 kB
limit_request_fields = 50
limit_request_field_size = 4096
forwarded_allow_ips = "127.0.0.1"
control_socket_disable = True


LINGER_MS = 2  # a client on this host or in its network asks again within so long, if it does at once


class LingeringWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gthread whose threads wait a moment for a connection's next request, while they have nothing better to do.

    gthread itself hands the connection back to its main thread after each answer, and that hands it to a thread again:
    four switches between threads, half a millisecond on a small machine. At most half of the threads wait.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.linger_with(max(1, self.cfg.threads // 2))

    def linger_with(self, threads: int) -> None:
        """So many threads may wait at the same time."""
        self.may_linger = threading.Semaphore(threads)

    def handle(self, conn: Any) -> Any:
        """Answers a request, and those that follow it at once; returns what `ThreadWorker.handle` does."""
        kept = super().handle(conn)
        while kept is True and self.asks_again(conn):
            kept = super().handle(conn)
        return kept

    def asks_again(self, conn: Any) -> bool:
        """Whether the next request comes at once."""
        if not self.alive or conn.is_http2 or conn.parser.unreader.buf.getvalue() or self.tpool._work_queue.qsize():
            return False
        if not self.may_linger.acquire(blocking=False):
            return False
        try:
            waiting = select.poll()
            waiting.register(conn.sock, select.POLLIN)
            return bool(waiting.poll(LINGER_MS))
        except OSError:
            return False
        finally:
            self.may_linger.release()


worker_class = LingeringWorker


# Counters of several processes are summed over files, in a folder of this master process: a reload (SIGHUP) goes on
# with it, while a new master (SIGUSR2) inherits the variable and makes a folder of its own.
_MULTIPROCESS, _OURS = "PROMETHEUS_MULTIPROC_DIR", f"posterity-metrics-{os.getpid()}-"
if _OURS not in os.environ.get(_MULTIPROCESS, ""):
    os.environ[_MULTIPROCESS] = tempfile.mkdtemp(prefix=_OURS)

logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"ours": {"()": logs.formatter, "settings": _settings}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "ours"}},
    "root": {"level": "WARNING"},
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False}},
}


# Asked in a process of its own, since this one keeps the modules that it has once imported. It answers in words, for
# gunicorn may collect the exit status before we can.
_TRY = """
try:
    from api.app import create_app
    create_app()
except BaseException as err:
    print(f"{type(err).__name__}: {err}")
else:
    print("ready")
"""


def when_ready(server: Any) -> None:
    """Makes SIGHUP harmless: gunicorn ends the old processes, and itself, when the new ones cannot start."""
    reload = server.reload

    def reload_if_it_can() -> None:
        alone = {key: value for key, value in os.environ.items() if key != _MULTIPROCESS}  # it is not to be counted
        words = [sys.executable, "-c", _TRY]
        tried = subprocess.run(words, env=alone, capture_output=True, text=True, check=False)  # noqa: S603 - all ours
        said = (tried.stdout or tried.stderr).strip().splitlines()[-1:]
        if said == ["ready"]:
            reload()
        else:
            server.log.error("not reloaded, the processes of before go on: %s", *said or ["no answer"])

    server.reload = reload_if_it_can


def post_worker_init(worker: Any) -> None:
    """Loads the snapshot before the first request comes: a restart under load must not begin with a wait."""
    from api.collecting import leave_alone

    worker.wsgi.extensions["posterity"].watch()
    leave_alone()


def child_exit(_server: Any, worker: Any) -> None:
    """What a process counted stays in the sums when it is gone."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)


def on_exit(_server: Any) -> None:
    """The folder of the counters goes with the last process."""
    shutil.rmtree(os.environ[_MULTIPROCESS], ignore_errors=True)


def post_fork(_server: Any, _worker: Any) -> None:
    """Sends the API's own log lines where gunicorn's go: to standard error."""
    logs.configure(_settings)
