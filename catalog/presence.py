"""Which workers are alive: each one says so while it runs."""

import hashlib
import time
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from catalog.database import Database
from catalog.entries import Kind
from catalog.schema import workers

SEEN_EVERY_S = 5.0  # how often a worker says that it is alive; it counts as alive for three times as long
ALIVE_WITHIN_S = 3 * SEEN_EVERY_S
FORGOTTEN_S = 86_400.0  # a worker not seen for a day is no longer listed
LONGEST_ID = 64  # characters of workers.worker_id; a host's name alone may have as many


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
        now, worker_id = time.time(), _stored(worker_id)
        with self._database.write() as connection:
            there = update(workers).where(workers.c.worker_id == worker_id).values(seen_at=now)
            if connection.execute(there).rowcount == 0:
                values = {"worker_id": worker_id, "kinds": ",".join(kinds), "started_at": now, "seen_at": now}
                connection.execute(insert(workers).values(values))
                connection.execute(delete(workers).where(workers.c.seen_at < now - FORGOTTEN_S))

    def gone(self, worker_id: str) -> None:
        """Says that this worker has ended."""
        with self._database.write() as connection:
            connection.execute(delete(workers).where(workers.c.worker_id == _stored(worker_id)))

    def alive(self, within_s: float = ALIVE_WITHIN_S) -> list[Worker]:
        """The workers seen in the last `within_s` seconds; with FORGOTTEN_S those that were lost today, too."""
        query = select(workers).where(workers.c.seen_at >= time.time() - within_s).order_by(workers.c.worker_id)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [Worker(row.worker_id, tuple(row.kinds.split(",")), row.started_at, row.seen_at) for row in rows]


def _stored(worker_id: str) -> str:
    """The id as it is kept: of a long one the beginning, and enough to tell it from others."""
    if len(worker_id) <= LONGEST_ID:
        return worker_id
    end = hashlib.sha256(worker_id.encode()).hexdigest()[:16]
    return f"{worker_id[: LONGEST_ID - 17]}~{end}"
