"""How lists of neighbours change when rows come and go, without a look at the rows that stay.

A list holds the first of all rows of its kind, in order. It still does so when some of them have left; and of the rows
that come, those that rank before its last belong into it. Of those behind its last it cannot be known, unless the list
holds everybody.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.gram import room
from index.machine import compiled
from index.neighbour_lists import Movies, Neighbourhoods, Pairs


@dataclass(frozen=True, slots=True)
class Ends:
    """Up to where the lists of n rows are known: their last scores, float32 (n,), and the ids there, int64 (n,).

    Minus infinity where everybody is in the list, infinity where nothing is known of the row.
    """

    scores: NDArray[np.float32]
    movie_ids: NDArray[np.int64]

    def belonging(self, movies: Movies, pairs: Pairs) -> Pairs:
        """The pairs whose row on the right ranks before the end of the list of the row on the left."""
        last, last_ids = self.scores[pairs.left], self.movie_ids[pairs.left]
        ids = movies.movie_ids[pairs.right]
        return pairs.chosen((pairs.scores > last) | ((pairs.scores == last) & (ids < last_ids)))


def carried_over(old: Neighbourhoods, kept: NDArray[np.int64]) -> Neighbourhoods:
    """The lists that the rows had, without the rows that are gone and in the new numbers; those of fresh rows empty.

    Args:
        kept: int64 (n,), the row that each was in `old`, or -1.
    """
    out = Neighbourhoods.empty(len(kept))
    stayed = np.flatnonzero(kept >= 0)
    now = np.full(len(old.rows) + 1, -1, np.int32)  # the last for the -1 behind a list
    now[kept[stayed]] = stayed
    rows = now[old.rows[kept[stayed]]]
    there = rows >= 0
    who, places = np.nonzero(there)
    ranks = (np.cumsum(there, axis=1) - 1)[there]
    out.rows[stayed[who], ranks] = rows[there]
    out.scores[stayed[who], ranks] = old.scores[kept[stayed[who]], places]
    return out


def list_ends(movies: Movies, lists: Neighbourhoods, kept: NDArray[np.int64]) -> Ends:
    """Where the lists end that were carried over."""
    lengths = lists.lengths()
    every = np.arange(len(movies))
    last = np.maximum(lengths - 1, 0)
    scores, ids = lists.scores[every, last], movies.movie_ids[lists.rows[every, last]]
    scores[(lengths == 0) | (kept < 0)] = np.inf
    stayed = Movies(movies.packed, movies.movie_ids[kept >= 0], movies.generated[kept >= 0])
    whole = np.flatnonzero(kept >= 0)[lengths[kept >= 0] == stayed.others()]
    scores[whole] = -np.inf
    return Ends(scores, ids)


def arriving(
    movies: Movies, ends: Ends, fresh: NDArray[np.int64], among: NDArray[np.int64], near: NDArray[np.float32]
) -> Pairs:
    """The fresh rows on the right that belong into the lists of the rows on the left.

    Args:
        fresh: int64 (b,), of one kind. among: int64 (m,), all of that kind. near: float32 (b, m), rough scores.
    """
    who, whom = np.nonzero(near >= ends.scores[among] - room(movies.packed))
    pairs = Pairs.scored(movies.packed, fresh[who], among[whom])
    return ends.belonging(movies, Pairs(pairs.right, pairs.left, pairs.scores))


def merge(movies: Movies, arrivals: Pairs, lists: Neighbourhoods) -> None:
    """Puts the arrivals into the lists, each at its place; whoever falls off the end is left out."""
    _insert(arrivals.left, arrivals.right, arrivals.scores, movies.movie_ids, lists.rows, lists.scores)


@compiled
def _insert(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    scores: NDArray[np.float32],
    movie_ids: NDArray[np.int64],
    rows: NDArray[np.int32],
    row_scores: NDArray[np.float32],
) -> None:
    width = rows.shape[1]
    for i in range(len(left)):
        listed, listed_scores, movie_id = rows[left[i]], row_scores[left[i]], movie_ids[right[i]]
        place = width
        while place > 0:
            other = listed[place - 1]
            if other >= 0 and (
                listed_scores[place - 1] > scores[i]
                or (listed_scores[place - 1] == scores[i] and movie_ids[other] < movie_id)
            ):
                break
            if place < width:
                listed[place], listed_scores[place] = other, listed_scores[place - 1]
            place -= 1
        if place < width:
            listed[place], listed_scores[place] = right[i], scores[i]
