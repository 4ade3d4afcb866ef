"""Lists of neighbours, ranked by exact scores; from sums in float32 it is only read who cannot be in them.

A list is never wrong: it holds the first of all rows of the movie's kind, in order. Where it cannot be known who comes
next without scoring a great many, as among a thousand equal posters, it ends before.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index.dots import cosines_of_pairs
from index.gram import room
from index.packed import Packed

WIDTH: Final = 100  # neighbours kept of a movie: the most that a question may ask for
MOST_SCORED: Final = 1024  # scored exactly for one list: 2.6 ms; beyond the 100 wanted only near ties are


@dataclass(frozen=True, slots=True)
class Neighbourhoods:
    """The nearest rows of every row among its own kind, itself left out, by falling score and then rising movie_id.

    Attributes:
        rows: int32 (n, width), numbers of rows, -1 behind the last. scores: float32 (n, width), cosines as
            `index.dots` gives them, 0 behind the last.
    """

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]

    @classmethod
    def empty(cls, count: int) -> "Neighbourhoods":
        """Lists without anybody in them, to be filled."""
        return cls(np.full((count, WIDTH), -1, np.int32), np.zeros((count, WIDTH), np.float32))

    def lengths(self) -> NDArray[np.int64]:
        """How many neighbours each list holds: int64 (n,)."""
        return np.asarray((self.rows >= 0).sum(axis=1), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Movies:
    """The rows of a space: packed vectors, movie_ids int64 (n,), unique, and generated uint8 (n,), their kind."""

    packed: Packed
    movie_ids: NDArray[np.int64]
    generated: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.movie_ids)

    def kinds(self) -> list[NDArray[np.int64]]:
        """The rows of each kind that there is, ascending."""
        return [np.flatnonzero(self.generated == kind) for kind in np.unique(self.generated)]

    def others(self) -> NDArray[np.int64]:
        """How many rows of its kind there are beside each row: int64 (n,)."""
        _, kinds, counts = np.unique(self.generated, return_inverse=True, return_counts=True)
        return np.asarray(counts[kinds] - 1, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Who stands near whom: rows left and right, int64 (m,), with the exact scores of the pairs, float32 (m,)."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    scores: NDArray[np.float32]

    @classmethod
    def none(cls) -> "Pairs":
        """No pairs."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))

    @classmethod
    def scored(cls, packed: Packed, left: NDArray[np.int64], right: NDArray[np.int64]) -> "Pairs":
        """These pairs with their scores; quickest where equal numbers of `left` stand together."""
        return cls(left, right, cosines_of_pairs(packed, left, right))

    def chosen(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "Pairs":
        """Some of them, copied."""
        return Pairs(self.left[which], self.right[which], self.scores[which])

    def beside(self, other: "Pairs") -> "Pairs":
        """These and the others behind them."""
        return Pairs(
            np.concatenate([self.left, other.left]),
            np.concatenate([self.right, other.right]),
            np.concatenate([self.scores, other.scores]),
        )


def write_lists(pairs: Pairs, movie_ids: NDArray[np.int64], out: Neighbourhoods) -> None:
    """Puts the first pairs of each row on the left into its list, in order; its list must be empty.

    Args:
        pairs: each at most once.
    """
    ranked = pairs.chosen(np.lexsort((movie_ids[pairs.right], -pairs.scores, pairs.left)))
    news = np.flatnonzero(np.diff(ranked.left, prepend=-1))
    places = np.arange(len(ranked.left)) - np.repeat(news, np.diff(news, append=len(ranked.left)))
    first = places < out.rows.shape[1]
    out.rows[ranked.left[first], places[first]] = ranked.right[first]
    out.scores[ranked.left[first], places[first]] = ranked.scores[first]


def write_nearest(
    movies: Movies, asked: NDArray[np.int64], among: NDArray[np.int64], near: NDArray[np.float32], out: Neighbourhoods
) -> None:
    """Fills the lists of some rows from their rough scores with all rows of their kind.

    Args:
        asked: int64 (b,), of one kind. among: int64 (m,), all of that kind, ascending.
        near: float32 (b, m), each within `room` of the exact cosine; overwritten. out: where these lists are empty.
    """
    wanted = min(WIDTH, len(among) - 1)
    if wanted < 1 or not len(asked):
        return
    slack = room(movies.packed)
    near[np.arange(len(asked)), np.searchsorted(among, asked)] = -np.inf  # nobody is their own neighbour
    last = np.partition(near, len(among) - wanted, axis=1)[:, len(among) - wanted]
    # Below it by twice what either may be off: certainly behind the last that is wanted.
    close = near >= (last - 2 * slack)[:, None]
    beyond = _shortened(near, close) + slack
    who, whom = np.nonzero(close)
    pairs = Pairs.scored(movies.packed, asked[who], among[whom])
    write_lists(pairs.chosen(pairs.scores > beyond[who]), movies.movie_ids, out)


def _shortened(near: NDArray[np.float32], close: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Leaves at most `MOST_SCORED` in each row of `close`; the best rough score that was left out, or -inf: (b,)."""
    left_out = np.full(len(near), -np.inf, np.float32)
    for row in np.flatnonzero(close.sum(axis=1) > MOST_SCORED):
        falling = np.argsort(-near[row], kind="stable")
        close[row] = False
        close[row, falling[:MOST_SCORED]] = True
        left_out[row] = near[row, falling[MOST_SCORED]]
    return left_out
