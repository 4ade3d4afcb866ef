"""`posterity demo`: from nothing to a running service with the bundled data."""

import os
import secrets
import sys
from pathlib import Path

import click

from cli.build import rebuild_summary, run_here, train_summary
from cli.importing import show
from cli.progress import Bar
from cli.serve import serve
from cli.session import Session, bundled_data, session
from index.versions import served_generation
from workers.importing import import_movielens

TOKEN_FILE = "admin-token"  # noqa: S105 - the name of a file, not a secret


@click.command("demo")
@click.option("--data", type=click.Path(path_type=Path), help="Another MovieLens folder than the bundled one.")
def demo_command(data: Path | None) -> None:
    """Import the bundled ratings, learn from them, and serve while posters are embedded.

    Posters come from TMDB where POSTERITY_TMDB_TOKEN is set; without it they are title cards drawn from the titles.
    Ctrl-C stops; a second run goes on.

    Example: posterity demo
    """
    folder = bundled_data(data)
    _make_admin_token()
    with session() as opened:
        _prepare(opened, folder)
        _say_where(opened)
        sys.exit(serve(opened))


def _prepare(opened: Session, folder: Path) -> None:
    """Import, train, rebuild, queue: each step only where something is new."""
    with Bar("reading movies", in_bytes=True) as bar:
        report = import_movielens(opened.catalog, folder, bar.update)
    show(report)
    if report.ratings_changed or opened.catalog.jobs.last_done("train") is None:
        click.echo(train_summary(run_here(opened, "train").result))
        click.echo(rebuild_summary(run_here(opened, "rebuild").result))
    elif served_generation(opened.settings.index_dir) is None:
        click.echo(rebuild_summary(run_here(opened, "rebuild").result))
    queued = opened.catalog.work.enqueue_all()
    click.echo(f"{queued:,} posters queued, the most-rated movies first")


def _say_where(opened: Session) -> None:
    settings = opened.settings
    address = f"http://{settings.host}:{settings.port}"
    click.echo(f"admin token: {token_path()} (only you can read it)")
    click.echo(f"liked alike, right now: {address}/similar?movie_id=1&by=ratings")
    click.echo(f"look alike, once 100 posters are embedded: {address}/similar?movie_id=1&by=poster")
    click.echo(f"pages: {address}/  API: {address}/docs  stop: Ctrl-C")


def token_path() -> Path:
    """Where the demo keeps its admin token."""
    return Path(os.environ.get("POSTERITY_DATA_DIR") or "posterity-data").resolve() / TOKEN_FILE


def _make_admin_token() -> None:
    """Makes a token once, in a file only its owner can read, and has the settings of all processes name it."""
    if os.environ.get("POSTERITY_ADMIN_TOKEN") or os.environ.get("POSTERITY_ADMIN_TOKEN_FILE"):
        return
    path = token_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32) + "\n")
    os.environ["POSTERITY_ADMIN_TOKEN_FILE"] = str(path)
