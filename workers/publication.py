"""When workers publish a snapshot by themselves: a plain rule, and the job that it opens."""

import time
from dataclasses import dataclass

from catalog.catalog import Catalog
from catalog.entries import Kind
from catalog.errors import JobRunning
from catalog.posters import EmbeddedMark

MILESTONES = (100, 1000)  # design.md: after the first 100, the first 1,000, then at every 10 % more
GROWTH = 1.1
SHARE_OF_TIME = 10.0  # a rebuild that took t seconds is not followed by another within 10 t
AFTER_FAILURE_S = 60.0


@dataclass(frozen=True, slots=True)
class Published:
    """What the last rebuild held and when it ended, in seconds since 1970; took_s is how long it ran.

    `rated` is the number of movies with rating vectors in it.
    """

    mark: EmbeddedMark
    ended_at: float
    took_s: float
    rated: int = 0


def publication_due(now: EmbeddedMark, last: EmbeddedMark, idle: bool) -> bool:
    """True when enough posters were embedded since the last snapshot, or nothing is left to embed."""
    if now.count == 0 or now == last:
        return False
    if idle:
        return True
    target = next((number for number in MILESTONES if last.count < number), int(last.count * GROWTH) + 1)
    return now.count >= target


def request_publication(catalog: Catalog, every_s: float) -> str | None:
    """Opens a rebuild when one is due; the job's id, or None.

    Args:
        every_s: least seconds between two of them once the first hundred posters are published.
    """
    last = _last_published(catalog)
    now = catalog.posters.mark()
    due = publication_due(now, last.mark, _idle(catalog)) if now.count else _rated_one_deleted(catalog, now, last)
    if not due or not _rested(catalog, last, every_s):
        return None
    try:
        return catalog.jobs.open("rebuild").job_id
    except JobRunning:
        return None  # it will pack these posters, or the next look finds them


def _last_published(catalog: Catalog) -> Published:
    job = catalog.jobs.last_done("rebuild")
    if job is None:
        return Published(EmbeddedMark(0, 0.0), 0.0, 0.0)
    ended_at = job.finished_at or job.created_at
    mark = EmbeddedMark(**job.result["embedded"])
    return Published(mark, ended_at, float(job.result.get("seconds", 0.0)), int(job.result.get("rated", 0)))


def _rated_one_deleted(catalog: Catalog, now: EmbeddedMark, last: Published) -> bool:
    """True when a snapshot of ratings only may hold a movie that is deleted.

    Tried once for a deletion: where the last rated movie went there is nothing left to publish.
    """
    newest = next(iter(catalog.jobs.newest(1, kind="rebuild")), None)
    return last.rated > 0 and newest is not None and now.deleted > newest.created_at


def _rested(catalog: Catalog, last: Published, every_s: float) -> bool:
    """Publishing by itself takes at most a tenth of the time, and never runs hot on a failure."""
    newest = next(iter(catalog.jobs.newest(1, kind="rebuild")), None)
    if newest is not None and newest.reason is not None and newest.finished_at is not None:
        return time.time() - newest.finished_at >= AFTER_FAILURE_S
    if last.mark.count < MILESTONES[0]:
        return True
    return time.time() - last.ended_at >= max(every_s, SHARE_OF_TIME * last.took_s)


def _idle(catalog: Catalog) -> bool:
    in_hand = catalog.work.leased_until() is not None
    return not (in_hand or catalog.work.due(Kind.FETCH) or catalog.work.due(Kind.EMBED))
