"""Outside poster sources as all workers see them: which one answers, and when the next request may start."""

import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, case, insert, select, update
from sqlalchemy.exc import IntegrityError

from catalog.database import Database
from catalog.schema import poster_sources

PROBE_S = 2.0  # while one request finds out whether a source answers again, the others hold back this long


class Health(StrEnum):
    """How a source behaves."""

    WORKING = "working"
    WAITING = "waiting"  # an outage: asked again at `until`, by one request first
    STOPPED = "stopped"  # it refuses us: a person has to do something


@dataclass(frozen=True, slots=True)
class SourceState:
    """One outside source; `until` and `changed_at` in seconds since 1970, `failures` counts outages in a row."""

    name: str
    state: Health
    why: str | None
    until: float | None
    failures: int
    changed_at: float


class Sources:
    """The shared states; a source that nobody asked yet has none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._there: set[str] = set()

    def all(self) -> list[SourceState]:
        """Every source that was ever asked, by name."""
        with self._database.read() as connection:
            return [_state(row) for row in connection.execute(select(poster_sources).order_by(poster_sources.c.name))]

    def get(self, name: str) -> SourceState:
        """One source; it works until something else is known."""
        with self._database.read() as connection:
            row = connection.execute(select(poster_sources).where(poster_sources.c.name == name)).first()
        return _state(row) if row is not None else SourceState(name, Health.WORKING, None, None, 0, 0.0)

    def reserve(self, name: str, count: int, per_s: float) -> float:
        """Takes the next `count` slots of the budget that all workers share, 1/per_s seconds apart.

        Returns:
            When the first of them begins, in seconds since 1970: now or later.
        """
        now = time.time()
        begin = case((poster_sources.c.next_slot > now, poster_sources.c.next_slot), else_=now)
        taken = update(poster_sources).where(poster_sources.c.name == name).values(next_slot=begin + count / per_s)
        self._make_sure(name)
        with self._database.write() as connection:
            end: float = connection.execute(taken.returning(poster_sources.c.next_slot)).scalar_one()
        return end - count / per_s

    def working(self, name: str) -> bool:
        """The source answers; True when it did not before."""
        ill = poster_sources.c.state != Health.WORKING
        return self._set(name, ill, {"state": Health.WORKING, "why": None, "until": None, "failures": 0})

    def waiting(self, name: str, why: str, until: float) -> bool:
        """The source has an outage; True when this is news."""
        values = {"state": Health.WAITING, "why": why, "until": until, "failures": poster_sources.c.failures + 1}
        return self._set(name, poster_sources.c.state != Health.STOPPED, values)

    def stopped(self, name: str, why: str, until: float) -> bool:
        """The source refuses us; True for the one caller to whom this is news."""
        values = {"state": Health.STOPPED, "why": why, "until": until}
        news = self._set(name, poster_sources.c.state != Health.STOPPED, values)
        return news or not self._set(name, poster_sources.c.state == Health.STOPPED, values)

    def take_probe(self, name: str) -> bool:
        """True for the one caller that may ask a source whose waiting time is over; the others wait a little more."""
        now = time.time()
        over = and_(poster_sources.c.state != Health.WORKING, poster_sources.c.until <= now)
        return self._set(name, over, {"until": now + PROBE_S})

    def _set(self, name: str, condition: Any, values: dict[str, Any]) -> bool:
        changed = update(poster_sources).where(poster_sources.c.name == name, condition)
        self._make_sure(name)
        with self._database.write() as connection:
            return connection.execute(changed.values({**values, "changed_at": time.time()})).rowcount > 0

    def _make_sure(self, name: str) -> None:
        """A row of this name; looked for once in each process."""
        if name in self._there:
            return
        row = {"name": name, "state": Health.WORKING, "changed_at": time.time()}
        there = select(poster_sources.c.name).where(poster_sources.c.name == name)
        with suppress(IntegrityError), self._database.write() as connection:  # another worker was first
            if connection.execute(there).first() is None:
                connection.execute(insert(poster_sources).values(row))
        self._there.add(name)


def _state(row: Any) -> SourceState:
    return SourceState(row.name, Health(row.state), row.why, row.until, row.failures, row.changed_at)
