"""From a movie's id to the number of its row: the one place that knows the order of a space's rows."""

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray


class RowNumbers:
    """The rows of a space's movies; think of a dict from movie_id to row that also takes many ids at once.

    Args:
        movie_ids: int64 (n,), unique, in the order of the rows; kept, not copied.

    Memory: 24 bytes per movie, with the ids.
    """

    def __init__(self, movie_ids: NDArray[np.int64]) -> None:
        self.movie_ids = movie_ids
        self._order = np.argsort(movie_ids, kind="stable")
        self._ordered_ids = movie_ids[self._order]
        # One id is looked up in Python: NumPy lets go of the interpreter's lock for it, and threads that answer other
        # requests go first.
        self._numbers, self._rows = self._ordered_ids.data, self._order.data

    def of(self, movie_id: int) -> int | None:
        """The movie's row, or None when it has none."""
        place = bisect_left(self._numbers, movie_id)
        if place == len(self._numbers) or self._numbers[place] != movie_id:
            return None
        return int(self._rows[place])

    def of_many(self, movie_ids: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which of these movies have a row, bool (m,), and the rows of those, int64 (found,), in the order asked.

        Args:
            movie_ids: int64 (m,), any numbers, also several times the same.
        """
        if not len(self._ordered_ids):
            return np.zeros(len(movie_ids), dtype=np.bool_), np.empty(0, dtype=np.int64)
        places = np.searchsorted(self._ordered_ids, movie_ids)
        places[places == len(self._ordered_ids)] = 0  # behind the last: compared with any id, it differs
        found: NDArray[np.bool_] = self._ordered_ids[places] == movie_ids
        return found, self._order[places[found]]
