"""Ratings as columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROW_BYTES = 20  # of one rating in its four columns
PAIRS_AT_ONCE = 1 << 20  # compared at once: bounds what a check of 25 million ratings takes beside them


@dataclass(frozen=True, slots=True)
class RatingColumns:
    """Ratings, one per position: int32, int32, float32 stars in [0.5, 5], int64 seconds since 1970; each (n,)."""

    user_ids: NDArray[np.int32]
    movie_ids: NDArray[np.int32]
    ratings: NDArray[np.float32]
    timestamps: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ratings)

    def take(self, positions: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "RatingColumns":
        """The ratings at these positions, in their order; a copy, or a view for a slice."""
        return RatingColumns(
            self.user_ids[positions], self.movie_ids[positions], self.ratings[positions], self.timestamps[positions]
        )


def empty(rows: int) -> RatingColumns:
    """Columns of this length whose contents mean nothing yet; `ROW_BYTES` a row."""
    return RatingColumns(
        np.empty(rows, np.int32), np.empty(rows, np.int32), np.empty(rows, np.float32), np.empty(rows, np.int64)
    )


def joined(parts: Sequence[RatingColumns]) -> RatingColumns:
    """All parts one after the other; a copy unless there is only one."""
    if len(parts) == 1:
        return parts[0]
    return filled(sum(len(part) for part in parts), parts)


def filled(rows: int, parts: Iterable[RatingColumns]) -> RatingColumns:
    """The parts one after the other, `rows` in all; new arrays, and beside them never more than one part."""
    whole, at = empty(rows), 0
    for part in parts:
        here = slice(at, at + len(part))
        whole.user_ids[here], whole.movie_ids[here] = part.user_ids, part.movie_ids
        whole.ratings[here], whole.timestamps[here] = part.ratings, part.timestamps
        at += len(part)
    return whole


def in_order(columns: RatingColumns, after: tuple[int, int] = (0, 0)) -> bool:
    """True when the ratings are sorted by user, then movie, none twice, and all behind the pair `after`."""
    previous = pair_number(*after)
    for start in range(0, len(columns), PAIRS_AT_ONCE):
        run = columns.take(slice(start, start + PAIRS_AT_ONCE))
        pairs = (run.user_ids.astype(np.int64) << 32) | run.movie_ids
        if pairs[0] <= previous or not (pairs[1:] > pairs[:-1]).all():
            return False
        previous = int(pairs[-1])
    return True


def pair_number(user_id: int, movie_id: int) -> int:
    """One number that sorts as (user, movie) does; both are positive 32-bit integers."""
    return (user_id << 32) | movie_id


def latest_of_each_pair(columns: RatingColumns) -> tuple[RatingColumns, int]:
    """One rating per (user, movie), the latest, sorted by user and movie; and how many gave way.

    The later position wins where the times are equal. Columns that are so already come back as they are, uncopied.
    """
    if in_order(columns):
        return columns, 0
    order = np.lexsort((columns.timestamps, columns.movie_ids, columns.user_ids))  # stable: positions stay in order
    users, movies = columns.user_ids[order], columns.movie_ids[order]
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (users[1:] != users[:-1]) | (movies[1:] != movies[:-1])
    order = order[last]
    return columns.take(order), len(columns) - len(order)
