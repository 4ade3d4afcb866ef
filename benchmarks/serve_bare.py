"""A Flask app of one route that answers the same text always: what `/similar` is compared with."""

import os
from pathlib import Path

from flask import Flask, Response

BODY_FILE = "BENCHMARK_BODY"  # names the file whose text is answered


def bare_app() -> Flask:
    """The app; it has nothing beside the route."""
    app = Flask("bare")
    body = Path(os.environ[BODY_FILE]).read_bytes()

    @app.get("/similar")
    def similar() -> Response:
        return Response(body, content_type="application/json")

    return app


def main() -> None:
    """Serves it on waitress, with the numbers of `posterity api`."""
    from waitress.server import create_server

    from cli.listening import MAX_BODY, THREADS

    port = int(os.environ["POSTERITY_PORT"])
    create_server(
        bare_app(), host="127.0.0.1", port=port, threads=THREADS, ident=None, max_request_body_size=MAX_BODY
    ).run()


if __name__ == "__main__":
    main()
