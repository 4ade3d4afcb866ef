"""Which workers are alive: each one says so while it runs."""

import time
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from catalog.database import Database
from catalog.entries import Kind
from catalog.schema import workers

FORGOTTEN_S = 86_400.0  # a worker not seen for a day is no longer listed


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker and when it was last seen, in seconds since 1970."""

    worker_id: str
    kinds: tuple[str, ...]
    started_at: float
    seen_at: float


class Presence:
    """The workers of one catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def seen(self, worker_id: str, kinds: tuple[Kind, ...]) -> None:
        """Says that this worker is alive now."""
        now = time.time()
        with self._database.write() as connection:
            there = update(workers).where(workers.c.worker_id == worker_id).values(seen_at=now)
            if connection.execute(there).rowcount == 0:
                values = {"worker_id": worker_id, "kinds": ",".join(kinds), "started_at": now, "seen_at": now}
                connection.execute(insert(workers).values(values))
                connection.execute(delete(workers).where(workers.c.seen_at < now - FORGOTTEN_S))

    def gone(self, worker_id: str) -> None:
        """Says that this worker has ended."""
        with self._database.write() as connection:
            connection.execute(delete(workers).where(workers.c.worker_id == worker_id))

    def alive(self, within_s: float) -> list[Worker]:
        """The workers seen in the last `within_s` seconds."""
        query = select(workers).where(workers.c.seen_at >= time.time() - within_s).order_by(workers.c.worker_id)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [Worker(row.worker_id, tuple(row.kinds.split(",")), row.started_at, row.seen_at) for row in rows]
