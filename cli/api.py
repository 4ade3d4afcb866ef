"""`posterity api`: the API process of `posterity serve`, on waitress."""

import signal
import sys
from types import FrameType

import click

from api.app import create_app
from cli.lifeline import end_with_parent
from config import logs
from config.loading import load_settings

THREADS = 8
MAX_BODY = 2 << 20  # bytes that waitress buffers before the app, whose own limit is 1 MiB, sees the request


@click.command("api")
@click.option("--supervised", is_flag=True, hidden=True, help="End when standard input closes.")
def api_command(supervised: bool) -> None:
    """Serve the API and the pages alone, on waitress; in production use gunicorn "api.app:create_app()".

    Example: posterity api
    """
    from waitress.server import create_server

    settings = load_settings()
    logs.configure(settings)
    server = create_server(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        threads=THREADS,
        ident=None,
        max_request_body_size=MAX_BODY,
    )
    signal.signal(signal.SIGTERM, _leave)
    if supervised:
        end_with_parent()
    click.echo(f"listening on http://{settings.host}:{server.effective_port}", err=True)
    server.run()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)  # waitress lets the requests in hand end
