"""CORS: pages of the origins that the settings name may ask this API from a browser; by default none.

Its own, for the short way of `/similar` answers without Flask, where an extension of Flask would not be asked.
"""

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask

from api.headers import SECURITY

# Never Access-Control-Allow-Credentials: what a browser sends by itself must not open anything to another page.
PREFLIGHT = (
    ("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE"),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, X-Request-ID"),
    ("Access-Control-Max-Age", "600"),
)
SHOWN = (
    "Access-Control-Expose-Headers",
    "ETag, Location, Retry-After, X-Index-Version, X-Poster-Source, X-Request-ID",
)


def install(app: Flask, origins: frozenset[str]) -> None:
    """Answers these origins; an app without any is left as it is."""
    if origins:
        app.wsgi_app = _Origins(app.wsgi_app, origins)  # type: ignore[method-assign, assignment]


class _Origins:
    """An app that browsers let pages of some origins ask."""

    def __init__(self, inner: WSGIApplication, origins: frozenset[str]) -> None:
        self._inner, self._origins = inner, origins

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answers a preflight by itself, since browsers send no token with one; else adds the headers."""
        origin = environ.get("HTTP_ORIGIN", "")
        known = origin in self._origins
        if known and environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
            start("204 No Content", [*_allowed(origin), *PREFLIGHT, *SECURITY])
            return ()

        def begin(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            more = [*_allowed(origin), SHOWN] if known else [("Vary", "Origin")]
            return start(status, [*headers, *more], *error)

        return self._inner(environ, begin)


def _allowed(origin: str) -> list[tuple[str, str]]:
    return [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
