"""How gunicorn serves the API: `gunicorn -c deploy/gunicorn.conf.py "api.app:create_app()"`.

Address and port are those of the settings. One worker process with threads is the rule, since each process reads the
index for itself; WEB_CONCURRENCY=2 makes two.
"""

from pathlib import Path
from typing import Any

from cli.session import configure_logs
from config.errors import ConfigError
from config.loading import load_settings

try:
    _settings = load_settings()
except ConfigError as err:
    raise SystemExit(f"posterity: {err}") from None  # gunicorn would print a traceback

_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
bind = f"{_host}:{_settings.port}"
worker_class = "gthread"
threads = 8
preload_app = False  # a FAISS search hangs in a forked child of a parent that used FAISS

timeout = 60
graceful_timeout = 30
keepalive = 5
max_requests = 0
if Path("/dev/shm").is_dir():  # noqa: S108 - gunicorn makes its own unlinked file there
    worker_tmp_dir = "/dev/shm"  # noqa: S108 - a heartbeat on a slow disk would have workers killed for nothing

limit_request_line = 2048
limit_request_fields = 50
limit_request_field_size = 4096
forwarded_allow_ips = "127.0.0.1"
control_socket_disable = True


def post_fork(_server: Any, _worker: Any) -> None:
    """Sends the API's own log lines where gunicorn's go: to standard error."""
    configure_logs(_settings)
