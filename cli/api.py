"""`posterity api`: the API process of `posterity serve`, on waitress."""

import click

from api.app import create_app
from api.collecting import leave_alone
from cli.draining import run_until_told
from cli.lifeline import end_with_parent
from cli.listening import listen
from config import logs
from config.loading import load_settings


@click.command("api")
@click.option("--supervised", is_flag=True, hidden=True, help="End when standard input closes.")
def api_command(supervised: bool) -> None:
    """Serve the API and the pages alone, on waitress; in production use gunicorn "api.app:create_app()".

    Example: posterity api
    """
    settings = load_settings()
    logs.configure(settings)
    server = listen(create_app(settings), settings)
    if supervised:
        end_with_parent()
    leave_alone()
    click.echo(f"listening on http://{settings.host}:{server.effective_port}", err=True)
    run_until_told(server)
