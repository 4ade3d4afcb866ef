"""Log lines: as text for people or as JSON for collectors, with the ids of request and job, without secrets."""

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from pydantic import SecretStr

from config.settings import Settings

ROOMS = ("api", "catalog", "cli", "index", "posters", "ratings", "workers")
ACCESS = "api.access"  # one line for each request
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
HIDDEN = "(hidden)"
LEAST_SECRET = 6  # characters; something shorter would blot out ordinary words

# What the lines of this thread or request belong to, such as request_id; see `log_context`.
_context: ContextVar[Mapping[str, Any]] = ContextVar("log_context", default={})  # noqa: B039 - never changed in place
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message", "data"}


@contextmanager
def log_context(**fields: Any) -> Iterator[None]:
    """Every line within says these fields, too."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def enter_context(**fields: Any) -> None:
    """As `log_context`, until it is entered again: for a thread whose next piece of work begins with it."""
    _context.set(fields)


class Redacting(logging.Formatter):
    """A text formatter that never lets a secret out, wherever in the line it stands."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        super().__init__(TEXT)
        self._secrets = sorted((text for text in secrets if len(text) >= LEAST_SECRET), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """The line, with what it belongs to at its end."""
        line = super().format(record)
        told = " ".join(f"{name}={_plain(value)}" for name, value in _fields(record).items())
        return self.hidden(f"{line} [{told}]" if told else line)

    def hidden(self, line: str) -> str:
        """The line without secrets."""
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        return line


class JsonLines(Redacting):
    """One JSON object a line: time (UTC), level, logger, message, process, and the fields of record and context.

    Args:
        always: fields that every line of this process says, its children's too.
    """

    def __init__(self, secrets: Sequence[str] = (), always: Mapping[str, Any] | None = None) -> None:
        super().__init__(secrets)
        self._always = always or {}

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **self._always,
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return self.hidden(json.dumps(line, ensure_ascii=False, default=str))


def formatter(settings: Settings, **always: Any) -> Redacting:
    """The form of every line of a process; `always` are fields that stand in each JSON line."""
    secrets = secret_values(settings)
    return JsonLines(secrets, always) if settings.log_format == "json" else Redacting(secrets)


def configure(settings: Settings, quiet: bool = False, **always: Any) -> None:
    """Sends our lines to standard error; libraries only when they warn, and all only then with `quiet`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(settings, **always))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for room in ROOMS:
        logging.getLogger(room).setLevel(_level(settings, quiet))
    # People who watch a terminal see what goes wrong; collectors count requests.
    every_request = settings.log_format == "json" or settings.log_level == "debug"
    logging.getLogger(ACCESS).setLevel(_level(settings, quiet) if every_request else "WARNING")


def secret_values(settings: Settings) -> list[str]:
    """What must never stand in a log: tokens, and the passwords within addresses."""
    found = [value.get_secret_value() for value in vars(settings).values() if isinstance(value, SecretStr)]
    for url in (settings.database_url, settings.broker_url):
        _, at, _ = url.rpartition("@")
        password = url.rpartition("@")[0].partition("://")[2].partition(":")[2] if at else ""
        found += [password, unquote(password)] if password else []  # drivers speak of it in clear
    return found


def _level(settings: Settings, quiet: bool) -> str:
    return "WARNING" if quiet and settings.log_level == "info" else settings.log_level.upper()


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    extra = {name: value for name, value in vars(record).items() if name not in _OWN}
    return {name: value for name, value in {**_context.get(), **extra}.items() if value not in (None, "", [], ())}


def _plain(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
