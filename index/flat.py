"""Exact search in one space: every row is looked at, by FAISS, and the best are scored again in float64."""

from dataclasses import dataclass
from typing import Any, Literal

import faiss
import numpy as np
from numpy.typing import NDArray

from index.errors import DimensionMismatch, NotInIndex
from index.spaces import SpaceInfo
from index.vectors import checked, checked_finite, unit_rows

Kind = Literal["same", "any", "real", "generated"]
MAX_K = 400  # four times what people may ask for: movies deleted since a snapshot are left out of its answers
_SPARE = 16  # asked for beyond k at once, so that near ties rarely need a second search
_RESCORED_ROWS = 64  # at once: 64 x 25088 float64 = 12.8 MB
_LANES = 4  # the fewest partial sums FAISS adds up side by side (SSE); more of them err less


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A movie and how near it is: a cosine in [0, 1] for posters, in [-1, 1] for other cosines, or an inner product."""

    movie_id: int
    score: float


class FlatSpace:
    """The vectors of one space; think of a dict from movie_id to vector that can be asked for its nearest keys.

    Immutable, so any number of threads may search at once. Rows and FAISS's -1 never leave it.
    Scores are sums in float64, rounded to float32: the same two vectors get the same score whatever FAISS's kernel,
    filter or number of threads, equal vectors tie, and ties are ordered by movie_id.

    Args:
        info: what the space is.
        index: `faiss.IndexFlatIP` with `info.count` rows, of length 1 for a cosine space; owned from now on.
        movie_ids: int64 (n,), unique, in the order of the rows.
        generated: uint8 (n,), 1 where the poster is a title card; None where the space knows no such difference.

    Raises:
        DimensionMismatch: these do not fit together.

    Memory: 25 bytes per movie beside the rows, which are `4 * dimension` each and usually a mapped file.
    """

    def __init__(
        self, info: SpaceInfo, index: Any, movie_ids: NDArray[np.int64], generated: NDArray[np.uint8] | None = None
    ) -> None:
        shapes = {(index.ntotal,), movie_ids.shape, (info.count,)}
        shapes |= set() if generated is None else {generated.shape}
        if len(shapes) != 1 or index.d != info.dimension:
            raise DimensionMismatch(f"{info.count} x {info.dimension}", f"{index.ntotal} x {index.d}", info.name)
        self.info = info
        self._index = index
        self._movie_ids = movie_ids
        self._generated = generated
        self._order = np.argsort(movie_ids, kind="stable")
        self._ordered_ids = movie_ids[self._order]
        self._filters = {kind: _filter(generated, kind) for kind in ("real", "generated")}
        self._longest = 1.0 if info.metric == "cosine" else self._longest_row()

    def __len__(self) -> int:
        return self.info.count

    def has(self, movie_id: int) -> bool:
        """True when the movie has a vector here."""
        return self._row(movie_id) is not None

    def vector(self, movie_id: int) -> NDArray[np.float32]:
        """The movie's vector as it is stored, a new float32 (d,): of length 1 in a cosine space.

        Raises:
            NotInIndex: it has none.
        """
        vector: NDArray[np.float32] = self._index.reconstruct(self._row_of(movie_id))
        return vector

    def is_generated(self, movie_id: int) -> bool:
        """True when the movie's vector is that of a title card.

        Raises:
            NotInIndex: it has none.
        """
        row = self._row_of(movie_id)
        return self._generated is not None and bool(self._generated[row])

    def search_movie(self, movie_id: int, k: int, kind: Kind = "same") -> list[Neighbour]:
        """The movies nearest to this one, without itself, best first, ties by movie_id.

        Args:
            movie_id: the movie asked about. k: how many, taken as 1..400; fewer come back only when there are no more.
            kind: among which: `same` asks real posters for a real one and title cards for a title card.

        Raises:
            NotInIndex: the movie has no vector here.
            ValueError: `real` or `generated` in a space that knows no such difference.
        """
        row = self._row_of(movie_id)
        if kind == "same" and self._generated is not None:
            kind = "generated" if self._generated[row] else "real"
        return self._nearest(self._index.reconstruct(row), k, self._selected(kind), row)

    def search_vector(self, vector: NDArray[np.float32], k: int, kind: Kind = "any") -> list[Neighbour]:
        """The movies nearest to a vector, best first, ties by movie_id.

        Args:
            vector: float32 (d,), of any length: normalised here in a cosine space.
            k: how many, taken as 1..400. kind: among which; `same` is `any` here.

        Raises:
            DimensionMismatch: of another space. NotFinite, ZeroVector, OutOfRange: not a vector to search by.
            ValueError: `real` or `generated` in a space that knows no such difference.
        """
        if vector.shape != (self.info.dimension,):
            raise DimensionMismatch(self.info.dimension, vector.shape, f"question to the {self.info.name} space")
        query = checked(vector)
        if self.info.metric == "cosine":
            query = unit_rows(query[None], np.zeros(1, np.int64))[0]
        return self._nearest(query, k, self._selected(kind), None)

    def _nearest(self, query: NDArray[np.float32], k: int, selected: Any, own: int | None) -> list[Neighbour]:
        """Asks FAISS for enough rows that its rounding cannot have hidden a better one, then scores those exactly."""
        k = min(max(k, 1), MAX_K)
        low, high = self._bounds()
        length = float(np.linalg.norm(query.astype(np.float64)))
        wanted = k + 1 + _SPARE
        while True:
            wanted = min(wanted, len(self))
            if wanted == 0:
                return []
            approximate, found = self._index.search(query[None], wanted, params=selected)
            rows = found[0][(found[0] >= 0) & (found[0] != (-1 if own is None else own))]
            scores = np.clip(self._scores(rows, query), low, high) + np.float32(0)  # no -0.0
            best = np.lexsort((self._movie_ids[rows], -scores))[:k]
            if wanted == len(self) or found[0][-1] < 0:
                break  # every row that is let through was seen
            worst = float(scores[best[-1]])
            if worst > low and float(approximate[0][-1]) < worst - self._rounding(length):
                break
            wanted *= 2
        return [Neighbour(int(self._movie_ids[rows[i]]), float(scores[i])) for i in best]

    def _scores(self, rows: NDArray[np.int64], query: NDArray[np.float32]) -> NDArray[np.float32]:
        """The inner products, summed in float64: float32 (n,)."""
        scores = np.empty(len(rows), dtype=np.float32)
        wide = query.astype(np.float64)
        for start in range(0, len(rows), _RESCORED_ROWS):
            part = slice(start, start + _RESCORED_ROWS)
            # A product and a sum, not `@`: BLAS may add equal rows up in different orders, and their tie would be lost.
            scores[part] = (self._index.reconstruct_batch(rows[part]) * wide).sum(axis=1)
        return scores

    def _rounding(self, length: float) -> float:
        """A bound for how far FAISS's float32 sum and ours can lie apart, for a question of this length."""
        steps = self.info.dimension / _LANES + 2 * _LANES
        return 2.0 * steps * float(np.finfo(np.float32).eps) * length * self._longest

    def _bounds(self) -> tuple[float, float]:
        if self.info.metric != "cosine":
            return -np.inf, np.inf
        return (0.0 if self.info.name == "poster" else -1.0), 1.0  # posters' numbers are never negative

    def _longest_row(self) -> float:
        lengths = [0.0]
        for start in range(0, len(self), 1024):
            block = self._index.reconstruct_n(start, min(1024, len(self) - start))
            lengths.append(float(checked_finite(block, self._movie_ids[start : start + 1024]).max()))
        return max(lengths)

    def _selected(self, kind: Kind) -> Any:
        if kind in ("same", "any"):
            return None
        if self._generated is None:
            raise ValueError(f"the {self.info.name} space has no title cards: ask it for kind same or any, not {kind}")
        return self._filters[kind]

    def _row_of(self, movie_id: int) -> int:
        row = self._row(movie_id)
        if row is None:
            raise NotInIndex(movie_id, self.info.name)
        return row

    def _row(self, movie_id: int) -> int | None:
        place = int(np.searchsorted(self._ordered_ids, movie_id))
        if place == len(self._ordered_ids) or self._ordered_ids[place] != movie_id:
            return None
        return int(self._order[place])


def _filter(generated: NDArray[np.uint8] | None, kind: str) -> Any:
    """FAISS's search parameters that let only one kind of row through; None when that is all of them."""
    if generated is None:
        return None
    wanted = generated.astype(bool) == (kind == "generated")
    if wanted.all():
        return None  # without a selector FAISS may use its parallel scan
    wrapped: Any = faiss  # the stubs describe C++; the wrappers take arrays, and keep them alive
    return wrapped.SearchParameters(sel=wrapped.IDSelectorBitmap(np.packbits(wanted, bitorder="little")))
