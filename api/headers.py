"""What every answer says beside its body: request id, index version, and what browsers may do with it."""

import random
import re
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response, g, request

from api.services import served
from config.logs import enter_context

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SECURITY = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGES = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# Swagger UI puts styles into its elements and draws its icons from data: addresses; its scripts are files of ours.
DOCS = (
    "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def install(app: Flask) -> None:
    """Adds the headers to every answer of this app, errors included."""
    app.before_request(_name_request)
    app.after_request(_add_headers)
    app.wsgi_app = _with_security(app.wsgi_app)  # type: ignore[method-assign, assignment]  # as Flask's documents do


def _with_security(inner: WSGIApplication) -> WSGIApplication:
    """The app with the headers that are the same for all; behind Flask, where they need not be looked at again."""

    def outer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        def begin(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start(status, [*headers, *SECURITY], *error)

        return inner(environ, begin)

    return outer


def request_id(environ: WSGIEnvironment) -> str:
    """The id that the client gave, or a new one; log lines from here on carry it."""
    given: str = environ.get("HTTP_X_REQUEST_ID", "")
    # It tells requests apart and guards nothing, so the system need not be asked for each.
    named = given if REQUEST_ID.fullmatch(given) else f"{random.getrandbits(64):016x}"
    enter_context(request_id=named)
    return named


def _name_request() -> None:
    g.request_id = request_id(request.environ)


def _add_headers(response: Response) -> Response:
    headers = response.headers  # nothing else sets one of these, so no name need be looked for first
    headers.add("X-Request-ID", g.get("request_id", ""))
    headers.add("Content-Security-Policy", _policy(response))
    snapshot = served()
    if snapshot is not None:
        headers.add("X-Index-Version", str(snapshot.generation))
    return response


def _policy(response: Response) -> str:
    if request.path == "/docs":
        return DOCS
    return PAGES if response.mimetype == "text/html" else NOTHING
