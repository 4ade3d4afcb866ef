"""`/similar` in front of Flask: the usual question, answered without what Flask does for others.

Flask takes 60 us for a route that does nothing, and hooks, objects and look-ups of ours some 100 more, where a look-up
in the index takes 16 (docs/performance.md). So a plain question that can be answered is answered here, by the same
functions; everything else, and all that goes wrong, is Flask's. Status, headers, body, counters and log line are the
same.
"""

import logging
import time
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask
from werkzeug.sansio.utils import host_is_trusted

from api.caching import headers_of
from api.errors import InvalidRequest
from api.following import View
from api.headers import NOTHING, SECURITY, request_id
from api.limiting import EXTENSION as LIMITS
from api.limiting import READS, Limits
from api.metrics import REQUESTS, Requests
from api.neighbours import Seen
from api.parameters import plain_parameters
from api.ready import Answer, Ready
from api.refusals import Refusal
from api.services import EXTENSION, Services
from api.similar import SimilarQuery, similar_body, writer_of
from api.tokens import EXTENSION as TOKENS
from api.tokens import Tokens
from catalog.errors import CatalogError
from index.errors import IndexNotReady, VectorIndexError

PATH = "/similar"
MOST_HOST = 63  # characters of one label of a name (RFC 1035, 2.3.4)
EXPECTED = (ValueError, InvalidRequest, CatalogError, VectorIndexError, Refusal)  # what Flask's handlers know

log = logging.getLogger(__name__)


def install(app: Flask) -> None:
    """Puts the short way in front of everything else of this app."""
    app.wsgi_app = Quick(app, app.wsgi_app)  # type: ignore[method-assign, assignment]  # as Flask's documents do


class Quick:
    """The short way of one app, `otherwise` being the long one."""

    def __init__(self, app: Flask, otherwise: WSGIApplication) -> None:
        self._app, self._otherwise = app, otherwise
        self._services: Services = app.extensions[EXTENSION]
        self._requests: Requests = app.extensions[REQUESTS]
        self._writer = writer_of(app)
        self._ready = Ready()
        tokens: Tokens = app.extensions[TOKENS]
        limits: Limits = app.extensions[LIMITS]
        self._tokens = tokens if tokens.read is not None else None
        self._limits = limits if READS in limits.rules else None

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answers one request."""
        if environ["PATH_INFO"] == PATH and self._is_usual(environ):
            began = time.perf_counter()
            named = request_id(environ)
            answer = self._tried(environ["QUERY_STRING"])
            if answer is not None:
                self._requests.note(PATH, PATH, "GET", 200, time.perf_counter() - began)
                start("200 OK", [*answer.headers, ("X-Request-ID", named), *SECURITY])
                return (answer.body,)
        return self._otherwise(environ, start)

    def _tried(self, query: str) -> Answer | None:
        """The answer; None where something goes wrong: it does for Flask as well, which has the words for it."""
        try:
            return self._answer(query)
        except EXPECTED:
            return None
        except Exception:
            log.exception("the short way to %s failed: Flask answers", PATH)
            return None

    def _is_usual(self, environ: WSGIEnvironment) -> bool:
        if environ["REQUEST_METHOD"] != "GET" or "HTTP_IF_NONE_MATCH" in environ:
            return False
        host, hosts = environ.get("HTTP_HOST", ""), self._app.config["TRUSTED_HOSTS"]
        if len(host) > MOST_HOST or host.startswith(".") or ".." in host:
            return False  # perhaps no name that there can be: Flask refuses those
        if hosts is not None and not host_is_trusted(host, hosts):
            return False
        if self._limits is not None and not self._limits.read(environ):
            return False
        return self._tokens is None or self._tokens.may_read(environ.get("HTTP_AUTHORIZATION", ""))

    def _answer(self, query: str) -> Answer:
        here = self._services
        here.watch()
        view = here.follower.view()
        answer = self._ready.get(view, query)
        if answer is None:
            answer = self._made(view, query)
            if view.shelf.revision:  # else titles come straight from the catalog, and nobody says when they change
                self._ready.put(view, query, answer)
        return answer

    def _made(self, view: View, query: str) -> Answer:
        snapshot = view.snapshot
        if snapshot is None:
            raise IndexNotReady(self._services.index_dir, "none was published yet")
        asked = SimilarQuery.model_validate(plain_parameters(query))
        # Why there is no answer is Flask's to find out: a database that is away must not be waited for twice.
        body = similar_body(asked, Seen(snapshot, view.shelf), None, self._writer)
        headers = [
            *headers_of(body),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", NOTHING),
            ("X-Index-Version", str(snapshot.generation)),
        ]
        return Answer(headers, body)
