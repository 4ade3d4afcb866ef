"""A WSGI program that says what it was asked."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The path, as text."""
    body = environ["PATH_INFO"].encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


# What deploy/gunicorn.conf.py asks of the API when a process begins.
app.extensions = {"posterity": SimpleNamespace(watch=lambda: None)}  # type: ignore[attr-defined]
