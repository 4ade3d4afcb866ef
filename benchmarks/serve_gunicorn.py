"""Settings of gunicorn for the bare route: those of deploy/gunicorn.conf.py, without what needs our own app."""

from pathlib import Path

_path = Path(__file__).resolve().parents[1] / "deploy" / "gunicorn.conf.py"
exec(compile(_path.read_text(encoding="utf-8"), str(_path), "exec"))


def post_worker_init(_worker: object) -> None:
    """Nothing is to be loaded."""
