"""The first of a list of neighbours, for the commonest question: whom does this movie look like, anybody may answer."""

import numpy as np
from numpy.typing import NDArray

from index.flat import Neighbour
from index.neighbour_lists import Neighbourhoods


class ListHeads:
    """Think of a dict from row to its nearest movies.

    Reads through memoryviews: of ten numbers NumPy's ways of indexing take 10 us, these 3, and where many threads
    answer and nothing of NumPy is in the cache, 80 and 25 (`benchmarks.serve`).

    Args:
        movie_ids: int64 (n,), in the order of the rows. lists: of the same rows. Both are kept, not copied.
    """

    def __init__(self, movie_ids: NDArray[np.int64], lists: Neighbourhoods) -> None:
        self._width = lists.rows.shape[1]
        self._movie_ids = movie_ids.data
        self._rows, self._scores = lists.rows.reshape(-1).data, lists.scores.reshape(-1).data

    def first(self, row: int, k: int) -> list[Neighbour] | None:
        """The first k of the list of a row; None where it has not so many."""
        at = row * self._width
        rows = self._rows[at : at + k].tolist()
        if k > self._width or rows[-1] < 0:  # a list ends with -1
            return None
        ids = [self._movie_ids[near] for near in rows]
        return list(map(Neighbour, ids, self._scores[at : at + k].tolist()))
