"""Exact search in one space: every row is looked at, and the best are scored again in float64."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.errors import DimensionMismatch, NotInIndex
from index.filtering import EVERYONE, Among, Kind, RowFilter
from index.rescoring import exact_scores
from index.row_numbers import RowNumbers
from index.scanning import Scan
from index.spaces import SpaceInfo
from index.vectors import checked, checked_finite, unit_rows

MAX_K = 400  # four times what people may ask for: movies deleted since a snapshot are left out of its answers
_SPARE = 16  # asked for beyond k at once, so that near ties rarely need a second search
_LANES = 4  # the fewest partial sums FAISS adds up side by side (SSE); more of them err less
_NONE = np.empty(0, dtype=np.int64)

__all__ = ["MAX_K", "FlatSpace", "Kind", "Neighbour"]


class Neighbour(NamedTuple):
    """A movie and how near it is: a cosine in [0, 1] for posters, in [-1, 1] for other cosines, or an inner product."""

    movie_id: int
    score: float


@dataclass(frozen=True, slots=True)
class _Question:
    """A vector to search by, float32 (d,); how many; among which; rows that may not answer; the power of the length."""

    vector: NDArray[np.float32]
    k: int
    kind: Kind
    left_out: NDArray[np.int64]
    wanted: NDArray[np.bool_] | None
    debias: float


class FlatSpace:
    """The vectors of one space; think of a dict from movie_id to vector that can be asked for its nearest keys.

    Immutable, so any number of threads may search at once. Rows and FAISS's -1 never leave it.
    Scores are sums in float64, rounded to float32: the same two vectors get the same score whatever the kernel,
    filter or number of threads, equal vectors tie, and ties are ordered by movie_id.

    With `debias=b` the score of a movie in an inner-product space is `q . v / ||v||^b`: 0 leaves the inner product,
    1 ranks as the cosine would, and what lies between takes a part of the popularity out that long vectors stand for.
    It is exact at any number of movies. In a cosine space all lengths are 1, and b changes nothing.

    Args:
        info: what the space is.
        index: `faiss.IndexFlatIP` with `info.count` rows, of length 1 for a cosine space; owned from now on.
        movie_ids: int64 (n,), unique, in the order of the rows.
        generated: uint8 (n,), 1 where the poster is a title card; None where the space knows no such difference.

    Raises:
        DimensionMismatch: these do not fit together.

    Memory: 27 bytes per movie, 40 for inner products, beside the rows, which are `4 * dimension` each and usually a
    mapped file.
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
        self._rows = RowNumbers(movie_ids)
        self._generated = generated
        self._filter = RowFilter(info.count, info.name, generated)
        self._scan = Scan(index, self._lengths()) if info.metric == "inner_product" else None

    def __len__(self) -> int:
        return self.info.count

    def has(self, movie_id: int) -> bool:
        """True when the movie has a vector here."""
        return self._rows.of(movie_id) is not None

    def vector(self, movie_id: int) -> NDArray[np.float32]:
        """The movie's vector as it is stored, a new float32 (d,): of length 1 in a cosine space.

        Raises:
            NotInIndex: it has none.
        """
        vector: NDArray[np.float32] = self._index.reconstruct(self._row_of(movie_id))
        return vector

    def stored(self, movie_id: int) -> NDArray[np.float32]:
        """The same: here vectors are stored as they are searched."""
        return self.vector(movie_id)

    def vectors(self, movie_ids: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """The vectors of many movies as they are stored: which have one, bool (m,), and those, new float32 (found, d).

        Args:
            movie_ids: int64 (m,), any numbers; the vectors come in their order.
        """
        found, rows = self._rows.of_many(movie_ids)
        vectors: NDArray[np.float32] = self._index.reconstruct_batch(rows)
        return found, vectors

    def is_generated(self, movie_id: int) -> bool:
        """True when the movie's vector is that of a title card.

        Raises:
            NotInIndex: it has none.
        """
        row = self._row_of(movie_id)
        return self._generated is not None and bool(self._generated[row])

    @property
    def movie_ids(self) -> NDArray[np.int64]:
        """The movies in the order of the rows, int64 (n,)."""
        return self._rows.movie_ids

    def search_movie(
        self, movie_id: int, k: int, kind: Kind = "same", debias: float = 0.0, among: Among = EVERYONE
    ) -> list[Neighbour]:
        """The movies nearest to this one, without itself, best first, ties by movie_id.

        Args:
            movie_id: the movie asked about. k: how many, taken as 1..400; fewer come back only when there are no more.
            kind: among which: `same` asks real posters for a real one and title cards for a title card.
            debias: 0 to 1, the power of its length by which each answer's inner product is divided.
            among: which movies may answer; the search is exact in any case.

        Raises:
            NotInIndex: the movie has no vector here.
            ValueError: `debias` out of range; `real` or `generated` in a space that knows no such difference.
        """
        row = self._row_of(movie_id)
        if kind == "same" and self._generated is not None:
            kind = "generated" if self._generated[row] else "real"
        left_out = np.append(self._excluded(among), row)
        return self._answer(_Question(self._index.reconstruct(row), k, kind, left_out, among.rows, debias))

    def search_vector(
        self,
        vector: NDArray[np.float32],
        k: int,
        kind: Kind = "any",
        debias: float = 0.0,
        among: Among = EVERYONE,
    ) -> list[Neighbour]:
        """The movies nearest to a vector, best first, ties by movie_id.

        Args:
            vector: float32 (d,), of any length: normalised here in a cosine space.
            k: how many, taken as 1..400. kind: among which; `same` is `any` here. debias, among: as `search_movie`.

        Raises:
            DimensionMismatch: of another space. NotFinite, ZeroVector, OutOfRange: not a vector to search by.
            ValueError: `debias` out of range; `real` or `generated` in a space that knows no such difference.
        """
        if vector.shape != (self.info.dimension,):
            raise DimensionMismatch(self.info.dimension, vector.shape, f"question to the {self.info.name} space")
        query = checked(vector)
        if self.info.metric == "cosine":
            query = unit_rows(query[None], np.zeros(1, np.int64))[0]
        return self._answer(_Question(query, k, kind, self._excluded(among), among.rows, debias))

    def _excluded(self, among: Among) -> NDArray[np.int64]:
        return _NONE if among.exclude is None else self._rows.of_many(among.exclude)[1]

    def _answer(self, question: _Question) -> list[Neighbour]:
        if not 0.0 <= question.debias <= 1.0:
            raise ValueError(f"debias is {question.debias}: give a number from 0 (as liked) to 1 (as cosine)")
        k = min(max(question.k, 1), MAX_K)
        if self._scan is None:
            return self._nearest_by_faiss(question, k)
        allowed = self._filter.rows(question.kind, question.left_out, question.wanted)
        if question.vector.any():
            rows = self._scan.candidates(question.vector, k, question.debias, allowed)
        else:  # all scores are 0: the first ids are the answer, and no row need be scored for it
            rows = np.flatnonzero(allowed)
            rows = rows[np.argsort(self._rows.movie_ids[rows])[:k]]
        return self._best(rows, self._scores(rows, question.vector, question.debias), k)

    def _nearest_by_faiss(self, question: _Question, k: int) -> list[Neighbour]:
        """Asks FAISS for enough rows that its rounding cannot have hidden a better one, then scores those exactly.

        A few rows that may not answer are dropped afterwards: a selector would take FAISS's parallel scan away.
        """
        few = len(question.left_out) <= _SPARE
        selected = self._filter.search(question.kind, _NONE if few else question.left_out, question.wanted)
        wanted = k + 1 + _SPARE
        while wanted := min(wanted, len(self)):
            approximate, found = self._index.search(question.vector[None], wanted, params=selected)
            rows = found[0][found[0] >= 0]
            rows = rows[~np.isin(rows, question.left_out)]
            scores = self._scores(rows, question.vector, 0.0)
            best = self._best(rows, scores, k)
            if wanted == len(self) or found[0][-1] < 0:
                return best  # every row that is let through was seen
            enough = len(best) == k and best[-1].score > self._bounds()[0]
            if enough and float(approximate[0][-1]) < best[-1].score - self._rounding():
                return best
            wanted *= 2
        return []

    def _scores(self, rows: NDArray[np.int64], query: NDArray[np.float32], debias: float) -> NDArray[np.float32]:
        low, high = self._bounds()
        return np.clip(exact_scores(self._index, rows, query, debias), low, high) + np.float32(0)  # no -0.0

    def _best(self, rows: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> list[Neighbour]:
        ids = self._rows.movie_ids[rows]
        return [Neighbour(int(ids[i]), float(scores[i])) for i in np.lexsort((ids, -scores))[:k]]

    def _rounding(self) -> float:
        """A bound for how far FAISS's float32 sum and ours can lie apart, of two rows of length 1."""
        return 2.0 * (self.info.dimension / _LANES + 2 * _LANES) * float(np.finfo(np.float32).eps)

    def _bounds(self) -> tuple[float, float]:
        if self.info.metric != "cosine":
            return -np.inf, np.inf
        return (0.0 if self.info.name == "poster" else -1.0), 1.0  # posters' numbers are never negative

    def _lengths(self) -> NDArray[np.float64]:
        lengths = np.empty(len(self), dtype=np.float64)
        for start in range(0, len(self), 1024):
            block = self._index.reconstruct_n(start, min(1024, len(self) - start))
            lengths[start : start + 1024] = checked_finite(block, self._rows.movie_ids[start : start + 1024])
        return lengths

    def _row_of(self, movie_id: int) -> int:
        row = self._rows.of(movie_id)
        if row is None:
            raise NotInIndex(movie_id, self.info.name)
        return row
