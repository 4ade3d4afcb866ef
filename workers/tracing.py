"""Log lines about batches that name who asked: the jobs and HTTP requests that the movies of a batch belong to."""

import logging
from collections.abc import Mapping, Sequence

from catalog.catalog import Catalog
from catalog.errors import CatalogError
from catalog.jobs import Asking


def log_batch(
    log: logging.Logger,
    catalog: Catalog,
    movie_ids: Sequence[int],
    outcome: Mapping[str, int],
    seconds: float | None = None,
) -> None:
    """One line about a batch of posters, at info when somebody asked for one of its movies, else at debug.

    Args:
        movie_ids: of the batch. outcome: how many ended how; zeros are left out. seconds: that the batch took.
    """
    if not log.isEnabledFor(logging.INFO) or not movie_ids:
        return
    asked = _asking(catalog, movie_ids)
    told = ", ".join(f"{count} {word}" for word, count in outcome.items() if count)
    extra = {"job_ids": list(asked.job_ids), "request_ids": list(asked.request_ids), "movies": len(movie_ids)}
    extra |= {} if seconds is None else {"seconds": round(seconds, 3)}
    log.log(logging.INFO if asked.job_ids else logging.DEBUG, "posters: %s", told, extra=extra)


def _asking(catalog: Catalog, movie_ids: Sequence[int]) -> Asking:
    try:
        return catalog.jobs.asking(movie_ids)
    except CatalogError:  # the work is done and recorded: it must not fail for want of a line about it
        return Asking((), ())
