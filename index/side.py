"""What came and went since a snapshot was made, searched along: new movies are found at once, deleted ones gone.

The few vectors that came are all scored exactly at every question (2.5 us each), so nothing is fitted or rebuilt.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from index.dots import Question, exact_cosines
from index.errors import DimensionMismatch, NotInIndex
from index.filtering import EVERYONE, Among, Kind
from index.flat import MAX_K, Neighbour
from index.packed import Packed
from index.row_numbers import RowNumbers
from index.space import Space


@dataclass(frozen=True, slots=True)
class SideList:
    """Vectors embedded since the snapshot, and movies that have left since.

    Attributes:
        movie_ids: int64 (m,), unique; one that the snapshot has, too, is answered with the vector given here.
        generated: uint8 (m,), 1 where the poster is a title card. packed: m rows.
        gone: int64 (any,), ids that have left; unknown ones are fine.
    """

    movie_ids: NDArray[np.int64]
    generated: NDArray[np.uint8]
    packed: Packed
    gone: NDArray[np.int64]

    def __post_init__(self) -> None:
        if not len(self.movie_ids) == len(self.generated) == len(self.packed):
            raise DimensionMismatch(
                len(self.movie_ids), f"{len(self.generated)} flags, {len(self.packed)} rows", "side"
            )

    @classmethod
    def only_gone(cls, gone: NDArray[np.int64]) -> "SideList":
        """Nothing came, these movies left."""
        nothing = Packed(1, np.empty((0, 1), np.uint64), np.empty(0, np.float16), np.zeros(1, np.int64), np.empty(0))
        return cls(np.empty(0, np.int64), np.empty(0, np.uint8), nothing, gone)


class OverlaidSpace:
    """A space and its side list as one; think of it as the space that the next rebuild will make.

    Immutable. The rows are those of the space below, and behind them those of the side list; a row that left, or has
    a newer vector in the side list, keeps its number and never answers.

    Args:
        below: the space as it was published. side: vectors of its dimension, if any.
    """

    def __init__(self, below: Space, side: SideList) -> None:
        if len(side.movie_ids) and side.packed.dimension != below.info.dimension:
            raise DimensionMismatch(below.info.dimension, side.packed.dimension, f"side list of {below.info.name}")
        self.info = replace(below.info, count=below.info.count + len(side.movie_ids))
        self._below, self._side = below, side
        self._added = RowNumbers(side.movie_ids)
        self._hidden = np.union1d(side.gone, side.movie_ids)
        self._ids = np.concatenate([below.movie_ids, side.movie_ids])

    def __len__(self) -> int:
        return self.info.count

    @property
    def movie_ids(self) -> NDArray[np.int64]:
        """The movies in the order of the rows, int64 (n + m,); one that was replaced occurs twice."""
        return self._ids

    def has(self, movie_id: int) -> bool:
        """True when the movie has a vector here."""
        return self._added.of(movie_id) is not None or (self._below.has(movie_id) and not self._is_hidden(movie_id))

    def vector(self, movie_id: int) -> NDArray[np.float32]:
        """The movie's vector as its space gives it, a new float32 (d,).

        Raises:
            NotInIndex: it has none.
        """
        row = self._added.of(movie_id)
        if row is not None:
            return self._side.packed.unit(row)
        return self._demanded(movie_id).vector(movie_id)

    def stored(self, movie_id: int) -> NDArray[np.float32]:
        """The movie's vector as it is stored, of any length, a new float32 (d,).

        Raises:
            NotInIndex: it has none.
        """
        row = self._added.of(movie_id)
        if row is not None:
            return self._side.packed.row(row)
        return self._demanded(movie_id).stored(movie_id)

    def vectors(self, movie_ids: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Which of these movies have a vector here, bool (m,), and the vectors of those, float32 (found, d)."""
        found = np.array([self.has(movie_id) for movie_id in movie_ids.tolist()], np.bool_)
        rows = [self.vector(movie_id) for movie_id in movie_ids[found].tolist()]
        return found, np.stack(rows) if rows else np.empty((0, self.info.dimension), np.float32)

    def is_generated(self, movie_id: int) -> bool:
        """True when the movie's vector is that of a title card.

        Raises:
            NotInIndex: it has none.
        """
        row = self._added.of(movie_id)
        return bool(self._side.generated[row]) if row is not None else self._demanded(movie_id).is_generated(movie_id)

    def search_movie(
        self, movie_id: int, k: int, kind: Kind = "same", debias: float = 0.0, among: Among = EVERYONE
    ) -> list[Neighbour]:
        """The movies nearest to this one, without itself, best first, ties by movie_id; as in the space below."""
        row = self._added.of(movie_id)
        if row is None:
            below = self._demanded(movie_id)
            found = below.search_movie(movie_id, k, kind, debias, self._for_below(among))
            rows = self._added_rows(below.is_generated(movie_id), kind, among)
            return self._together(found, self.stored(movie_id), rows, k) if len(rows) else found
        kind = kind if kind != "same" else "generated" if self._side.generated[row] else "real"
        vector = self.stored(movie_id)
        found = self._below.search_vector(vector, k, kind, debias, self._for_below(among))
        rows = self._added_rows(False, kind, among)
        return self._together(found, vector, rows[rows != row], k)

    def search_vector(
        self,
        vector: NDArray[np.float32],
        k: int,
        kind: Kind = "any",
        debias: float = 0.0,
        among: Among = EVERYONE,
    ) -> list[Neighbour]:
        """The movies nearest to a vector, best first, ties by movie_id; as in the space below."""
        found = self._below.search_vector(vector, k, kind, debias, self._for_below(among))
        rows = self._added_rows(False, "any" if kind == "same" else kind, among)
        return self._together(found, vector, rows, k) if len(rows) else found

    def _added_rows(self, asked_by_card: bool, kind: Kind, among: Among) -> NDArray[np.int64]:
        """Rows of the side list that may answer."""
        allowed = np.ones(len(self._side.movie_ids), np.bool_)
        if kind == "same":
            kind = "generated" if asked_by_card else "real"
        if kind != "any":
            allowed &= self._side.generated == (kind == "generated")
        if among.rows is not None:
            allowed &= among.rows[self._below.info.count :]
        if among.exclude is not None:
            allowed &= ~np.isin(self._side.movie_ids, among.exclude)
        return np.flatnonzero(allowed & ~np.isin(self._side.movie_ids, self._side.gone))

    def _together(
        self, found: list[Neighbour], vector: NDArray[np.float32], rows: NDArray[np.int64], k: int
    ) -> list[Neighbour]:
        scores = exact_cosines(Question.of(vector, self._side.packed), self._side.packed, rows)
        ids = self._side.movie_ids[rows].tolist()
        added = list(map(Neighbour, ids, np.maximum(scores, np.float32(0)).tolist()))
        ranked = sorted([*found, *added], key=lambda hit: (-hit.score, hit.movie_id))
        return ranked[: min(max(k, 1), MAX_K)]

    def _for_below(self, among: Among) -> Among:
        """The same question to the space below, which does not know who left."""
        rows = among.rows
        if rows is not None:
            if rows.shape != (len(self),):
                raise ValueError(f"a mask of {rows.shape} rows for the {len(self)} of the {self.info.name} space")
            rows = rows[: self._below.info.count]
        hidden = self._hidden if among.exclude is None else np.concatenate([self._hidden, among.exclude])
        return Among(rows, hidden, among.exact)

    def _demanded(self, movie_id: int) -> Space:
        if self._is_hidden(movie_id):
            raise NotInIndex(movie_id, self.info.name)
        return self._below

    def _is_hidden(self, movie_id: int) -> bool:
        place = int(np.searchsorted(self._hidden, movie_id))
        return place < len(self._hidden) and bool(self._hidden[place] == movie_id)
