"""Log lines about batches that name who asked: the jobs and HTTP requests that the movies of a batch belong to."""

import logging
from collections.abc import Mapping, Sequence

from catalog.catalog import Catalog


def log_batch(
    log: logging.Logger, catalog: Catalog, what: str, movie_ids: Sequence[int], outcome: Mapping[str, int]
) -> None:
    """One line about a batch, at info when somebody asked for one of its movies, else at debug.

    Args:
        what: such as "fetched". movie_ids: of the batch. outcome: how many ended how; zeros are left out.
    """
    if not log.isEnabledFor(logging.INFO) or not movie_ids:
        return
    asked = catalog.jobs.asking(movie_ids)
    told = ", ".join(f"{count} {word}" for word, count in outcome.items() if count)
    extra = {"job_ids": list(asked.job_ids), "request_ids": list(asked.request_ids), "movies": len(movie_ids)}
    log.log(logging.INFO if asked.job_ids else logging.DEBUG, "%s: %s", what, told, extra=extra)
