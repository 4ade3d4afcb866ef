"""What became of fetched posters, sorted by what the catalog has to be told, and told in few transactions."""

import errno
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from catalog.catalog import Catalog
from catalog.entries import Claim, PosterFile, Reason
from catalog.work import Failure
from posters.errors import PosterMissing, PosterRejected, PosterUnavailable, SourceTroubled, SourceWaiting
from workers.guard import LONGEST_WANTED_S
from workers.tracing import log_batch

log = logging.getLogger(__name__)

# The disk's trouble and no poster's: nothing can be stored until somebody makes room. Not EIO: that may be one file's.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
DISK_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A poster whose bytes are stored, and what the sources said that had none: source name -> why."""

    file: PosterFile
    misses: Mapping[str, str]


@dataclass(slots=True)
class Outcomes:
    """The results of some rows of one claim; `record` writes them down."""

    stored: list[Stored] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    postponed: list[Failure] = field(default_factory=list)
    troubled: list[Failure] = field(default_factory=list)
    pause_s: dict[int, float] = field(default_factory=dict)
    waiting: list[tuple[int, SourceWaiting]] = field(default_factory=list)

    def add(self, movie_id: int, result: Stored | BaseException) -> None:
        """Puts one result, or the error that came instead, where it belongs."""
        match result:
            case Stored():
                self.stored.append(result)
            case PosterMissing():
                misses = getattr(result, "misses", {})
                self.failed.append(Failure(movie_id, Reason.NO_POSTER, str(result), misses))
            case PosterRejected():
                self.failed.append(Failure(movie_id, Reason(result.reason), str(result)))
            case SourceWaiting():
                self.waiting.append((movie_id, result))
            case SourceTroubled():
                self.troubled.append(Failure(movie_id, Reason.SOURCE_UNAVAILABLE, str(result)))
                self.pause_s[movie_id] = min(result.retry_after_s or 0.0, LONGEST_WANTED_S)
            case OSError(errno=number) if number in DISK:
                self.waiting.append((movie_id, SourceWaiting("disk", str(result), time.time() + DISK_PAUSE_S)))
            case PosterUnavailable() | OSError():
                self.postponed.append(Failure(movie_id, Reason.SOURCE_UNAVAILABLE, str(result)))
            case _:
                self.postponed.append(_unforeseen(movie_id, result))

    def record(self, catalog: Catalog, claim: Claim) -> None:
        """Tells the catalog; each row changes only if it is still the claim's."""
        self._tell(catalog, claim)
        ended = [stored.file.movie_id for stored in self.stored] + [failure.movie_id for failure in self.failed]
        again = [failure.movie_id for failure in (*self.postponed, *self.troubled)]
        waiting = [movie_id for movie_id, _ in self.waiting]
        counts = {"fetched": len(self.stored), "failed": len(self.failed)}
        counts |= {"tried again later": len(again), "waiting for a source": len(waiting)}
        log_batch(log, catalog, ended + again + waiting, counts)

    def _tell(self, catalog: Catalog, claim: Claim) -> None:
        if self.stored:
            misses = {stored.file.movie_id: stored.misses for stored in self.stored}
            catalog.work.fetched(claim, [stored.file for stored in self.stored], misses)
        if self.failed:
            catalog.work.failed(claim, self.failed)
        if self.postponed:
            catalog.work.postponed(claim, self.postponed)
        if self.troubled:
            catalog.work.troubled(claim, self.troubled, self.pause_s)
        for movie_id, err in self.waiting:
            catalog.work.put_off(claim, [movie_id], err.until, str(err))


def _unforeseen(movie_id: int, error: BaseException) -> Failure:
    log.error("fetching the poster of movie %d failed in a way nobody foresaw", movie_id, exc_info=error)
    return Failure(movie_id, Reason.INTERNAL_ERROR, f"unforeseen {type(error).__name__}: see the worker's log")
