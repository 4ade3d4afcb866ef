"""waitress as we use it: one process, our limits, and no request with two lengths."""

from typing import Any
from wsgiref.types import WSGIApplication

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import create_server

from api.pictures import MAX_UPLOAD_BYTES
from config.settings import Settings

THREADS = 8
# Bytes of a body that waitress takes before the app sees the request: more than any limit of the app, so that what is
# too long for it is refused in its words. Beyond, waitress answers 413 itself, without reading on.
MAX_BODY = MAX_UPLOAD_BYTES + (2 << 20)
MAX_HEADERS = 32 << 10  # bytes; an address with 500 excluded movies has 5.5 kB, and waitress' own limit is 256 KiB


class OneLength(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Refuses what has both a Content-Length and chunks, as RFC 9112 (6.1) allows.

    waitress 3.0.2 would believe the chunks and go on with what stands behind them, where a proxy that believes the
    length sees one request: the second would pass it unseen.
    """

    def parse_header(self, header_plus: bytes) -> None:
        """Reads the head of a request."""
        super().parse_header(header_plus)
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Content-Length and Transfer-Encoding exclude each other")


class _Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection whose requests have one length each."""

    parser_class = OneLength


def listen(app: WSGIApplication, settings: Settings) -> Any:
    """A server of this app that listens already; `run` answers until SystemExit.

    Raises:
        OSError: the address is taken or not ours.
    """
    server = create_server(
        app,
        host=settings.host,
        port=settings.port,
        threads=THREADS,
        ident=None,
        max_request_body_size=MAX_BODY,
        max_request_header_size=MAX_HEADERS,
        clear_untrusted_proxy_headers=settings.trusted_proxies == 0,  # the app looks at them itself
    )
    server.channel_class = _Channel
    return server
