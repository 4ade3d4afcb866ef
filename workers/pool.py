"""Celery's pool of children, mended for a child that dies while it waits.

Without an event loop, which memory:// does not have, the children of billiard share one queue, and an idle child holds
its lock while it waits. Killed there it takes the lock along: no child after it ever gets a task, and the worker stands
still for good (seen: one SIGKILL of an idle child under memory://).
"""

from typing import Any

from billiard.pool import Pool  # type: ignore[import-untyped]
from celery.concurrency.prefork import TaskPool


class MendedPool(Pool):  # type: ignore[misc]  # billiard has no types
    """Frees the locks of its queues when nobody is left who could hold them."""

    def _create_worker_process(self, number: int) -> Any:
        if all(child.exitcode is not None for child in self._pool):
            _free(self._inqueue._rlock)
            _free(self._outqueue._wlock)
        return super()._create_worker_process(number)


class MendedTaskPool(TaskPool):  # type: ignore[misc]  # celery has no types
    """Celery's prefork pool over `MendedPool`; with Redis each child has pipes of its own, and nothing is shared."""

    BlockingPool = MendedPool


def _free(lock: Any) -> None:
    """Whoever held it is dead."""
    lock.acquire(False)
    lock.release()
