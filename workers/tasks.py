"""The Celery tasks: skins without logic over the runtime's stages."""

from celery import shared_task

from workers.app import TASK_OF
from workers.runtime import runtime


@shared_task(name=TASK_OF["fetch"])
def fetch_task() -> None:
    """Fetches one batch of posters."""
    runtime().fetch()


@shared_task(name=TASK_OF["embed"])
def embed_task() -> None:
    """Embeds one batch of posters."""
    runtime().embed()


@shared_task(name=TASK_OF["build"])
def build_task() -> None:
    """Runs one train or rebuild."""
    runtime().build()
