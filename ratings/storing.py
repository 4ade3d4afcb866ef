"""Streams `ratings.csv` into a Parquet file: the latest rating of each pair, sorted by user and movie."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ratings.columns import RatingColumns, in_order, joined, latest_of_each_pair
from ratings.errors import BadFile
from ratings.parquet import RatingsFile, RatingsWriter
from ratings.reading import rating_blocks
from ratings.tally import ReadingReport, Tally
from ratings.textfile import Progress

ROWS_TO_SORT = 4_000_000  # at once: 80 MB of columns, some 300 MB while they are sorted
USERS_PER_BIN = 256  # users are counted in bins, so that counting takes 64 MB however large their ids are
BINS = 2**31 // USERS_PER_BIN
REPORT = "report"

Sorting = Callable[[int, int], None]  # rows sorted, rows in all


def store_ratings(
    source: Path,
    known_movie_ids: NDArray[np.int64],
    target: Path,
    reading: Progress | None = None,
    sorting: Sorting | None = None,
) -> ReadingReport:
    """Writes the target whole or not at all, synced to the disk; an older file of this name stays until then.

    A file that is sorted by user and movie, as MovieLens' own are, is written in one go. Another one is first written
    as it comes, then sorted range of users by range of users. Either way memory holds a few million rows, however many
    there are; one range is never smaller than the ratings of 256 users with neighbouring ids.

    Args:
        known_movie_ids: int64, sorted: ratings of other movies are counted and left out.
        reading, sorting: told how far the two steps are.

    Raises:
        BadFile, TooManyBadRows: see `ratings.reading.rating_blocks`. OSError: the disk is full or failing. After any of
            them nothing is left behind.
    """
    tally = Tally()
    with _temporary(target, "read") as as_read, _temporary(target, "sorted") as as_sorted:
        whole = as_read
        if not _copied(rating_blocks(source, known_movie_ids, tally, reading), as_read, tally, source):
            _sort(as_read, as_sorted, tally, source, sorting)
            whole = as_sorted
        whole.replace(target)
        _sync_folder(target.parent)
    return tally.report(source)


def report_of(path: Path) -> ReadingReport:
    """The report of the import that wrote this file.

    Raises:
        BadFile: missing, damaged, or another kind of file.
    """
    with RatingsFile(path) as file:
        about = file.about()
    try:
        return ReadingReport(**about[REPORT])
    except (KeyError, TypeError) as err:
        raise BadFile(path, "it does not say what it was made from; import the ratings again") from err


def remove_leftovers(folder: Path) -> None:
    """Removes what an import left that was killed; only for who holds `ratings.locking.import_lock`."""
    for path in folder.glob(".*.part"):
        path.unlink(missing_ok=True)


@contextmanager
def _temporary(target: Path, step: str) -> Iterator[Path]:
    path = target.with_name(f".{target.name}.{step}.part")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _synced(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as err:
        err.filename = err.filename or str(path)  # a full disk is reported without a name
        raise


def _copied(blocks: Iterator[RatingColumns], path: Path, tally: Tally, source: Path) -> bool:
    """Writes the blocks as they come; True when that is the order wanted and no pair came twice."""
    sorted_so_far, last = True, (0, 0)
    with _synced(path) as file, RatingsWriter(file) as writer:
        for block in blocks:
            if len(block):
                sorted_so_far = sorted_so_far and in_order(block, last)
                last = int(block.user_ids[-1]), int(block.movie_ids[-1])
                writer.write(block)
        writer.describe({REPORT: asdict(tally.report(source))})
    return sorted_so_far


def _sort(as_read: Path, as_sorted: Path, tally: Tally, source: Path, progress: Sorting | None) -> None:
    """Sorts range by range and counts what gave way to a later rating of its pair."""
    with RatingsFile(as_read) as unsorted, _synced(as_sorted) as file, RatingsWriter(file) as writer:
        done = 0
        for users in _ranges(unsorted):
            mine, superseded = latest_of_each_pair(_of_users(unsorted, users))
            writer.write(mine)
            tally.supersede(superseded)
            done += len(mine) + superseded
            if progress is not None:
                progress(done, unsorted.rows)
        writer.describe({REPORT: asdict(tally.report(source))})


def _ranges(unsorted: RatingsFile) -> list[tuple[int, int]]:
    """Ranges [first, end) of user ids in ascending order, each with about `ROWS_TO_SORT` ratings at most."""
    in_bin = np.zeros(BINS, np.int64)
    for group in unsorted.groups():
        bins, counts = np.unique(group.user_ids // USERS_PER_BIN, return_counts=True)
        in_bin[bins] += counts
    used = np.flatnonzero(in_bin)
    share = np.cumsum(in_bin[used]) // ROWS_TO_SORT
    firsts = used[np.flatnonzero(np.diff(share, prepend=-1))] * USERS_PER_BIN
    ends = [*firsts[1:].tolist(), 2**31]
    return list(zip(firsts.tolist(), ends, strict=True))


def _of_users(unsorted: RatingsFile, users: tuple[int, int]) -> RatingColumns:
    first, end = users
    parts = [
        group.take((group.user_ids >= first) & (group.user_ids.astype(np.int64) < end))
        for group in unsorted.groups(users)
    ]
    return joined(parts)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
