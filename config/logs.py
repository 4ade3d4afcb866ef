"""Log lines: as text for people or as JSON for collectors, with the ids of request and job, without secrets."""

import json
import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, TextIO
from urllib.parse import unquote

from pydantic import SecretStr

from config.later import Later
from config.settings import Settings

ROOMS = ("api", "catalog", "cli", "index", "posters", "ratings", "workers")
ACCESS = "api.access"  # one line for each request
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
HIDDEN = "(hidden)"
TOGETHER = 4096  # bytes that no other process' line gets between in a pipe (PIPE_BUF of Linux)
LEAST_SECRET = 6  # characters; something shorter would blot out ordinary words

# What the lines of this thread or request belong to, such as request_id; see `log_context`.
_context: ContextVar[Mapping[str, Any]] = ContextVar("log_context", default={})  # noqa: B039 - never changed in place
_ENCODE = json.JSONEncoder(ensure_ascii=False, default=str).encode  # json.dumps would make one for each line
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
            "time": f"{_second(int(record.created))}.{int(record.created % 1 * 1000):03d}+00:00",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **self._always,
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return self.hidden(_ENCODE(line))


class Lines(logging.Handler):
    """Writes each line by one call of the system, without a lock: the system keeps lines apart.

    `logging.StreamHandler` holds its lock while it writes. Eight threads that answer requests then queue behind it, and
    each time one goes to sleep costs more than its answer: 250 us a request instead of 30.

    Args:
        stream: lines go to its file; to itself where it has none, as in tests.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        try:
            self._file: int | None = stream.fileno()
        except (OSError, AttributeError):
            self._file = None

    def createLock(self) -> None:  # noqa: N802 - the name is logging's
        """None is needed."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the line."""
        self.emit_all([record])

    def emit_all(self, records: Iterable[logging.LogRecord]) -> None:
        """Writes the lines, as many at once as the system keeps together."""
        piece = b""
        for record in records:
            line = self._line(record)
            if len(piece) + len(line) > TOGETHER:
                self._write(piece)
                piece = b""
            piece += line
        self._write(piece)

    def _line(self, record: logging.LogRecord) -> bytes:
        try:
            line = self.format(record)
        except Exception as err:  # noqa: BLE001 - as every handler: what is logged must not end what logs
            line = self.format(_instead_of(record, err))
        return f"{line}\n".encode(errors="backslashreplace")

    def _write(self, piece: bytes) -> None:
        with suppress(OSError, ValueError):  # nobody reads any more, or the disk is full: there is no place to say so
            if self._file is None:
                self._stream.write(piece.decode())
                return
            while piece:  # a long one may be taken in parts
                piece = piece[os.write(self._file, piece) :]


class _Requests(Later):
    """The lines of requests, with what the context said when they were logged."""

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a line in."""
        for name, value in _context.get().items():
            vars(record).setdefault(name, value)
        super().emit(record)


def formatter(settings: Settings, **always: Any) -> Redacting:
    """The form of every line of a process; `always` are fields that stand in each JSON line."""
    secrets = secret_values(settings)
    return JsonLines(secrets, always) if settings.log_format == "json" else Redacting(secrets)


def configure(settings: Settings, quiet: bool = False, **always: Any) -> None:
    """Sends our lines to standard error; libraries only when they warn, and all only then with `quiet`."""
    handler = Lines(sys.stderr)
    handler.setFormatter(formatter(settings, **always))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    requests = logging.getLogger(ACCESS)
    requests.handlers, requests.propagate = [_Requests(handler)], False
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


def _instead_of(record: logging.LogRecord, err: Exception) -> logging.LogRecord:
    """What is written for a line that cannot be made: where it was logged, so that somebody can mend it."""
    told = f"a line logged at {record.pathname}:{record.lineno} cannot be made: {type(err).__name__}: {err}"
    return logging.makeLogRecord({"name": record.name, "levelno": logging.ERROR, "levelname": "ERROR", "msg": told})


def _level(settings: Settings, quiet: bool) -> str:
    return "WARNING" if quiet and settings.log_level == "info" else settings.log_level.upper()


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    said = vars(record)
    extra = said.keys() - _OWN
    fields = {**_context.get(), **{name: said[name] for name in said if name in extra}}
    return {name: value for name, value in fields.items() if value not in (None, "", [], ())}


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    """2026-11-24T18:00:00 in UTC; lines come in runs of the same second."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _plain(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
