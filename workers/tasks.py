"""The Celery tasks: skins without logic over the runtime's stages."""

from celery import shared_task
from celery.signals import worker_process_shutdown

from workers.app import TASK_OF
from workers.runtime import close_runtime, runtime

INSISTENT = "workers.acknowledging:Insistent"  # by name: only the parent of the children handles messages


@shared_task(name=TASK_OF["fetch"], Request=INSISTENT)
def fetch_task() -> None:
    """Fetches one batch of posters."""
    runtime().fetch()


@shared_task(name=TASK_OF["embed"], Request=INSISTENT)
def embed_task() -> None:
    """Embeds one batch of posters."""
    runtime().embed()


@shared_task(name=TASK_OF["build"], Request=INSISTENT)
def build_task() -> None:
    """Runs one train or rebuild."""
    runtime().build()


@worker_process_shutdown.connect
def _end(**_: object) -> None:
    """A child that ends gives back the posters it has under way, so that they lose no attempt."""
    close_runtime()
