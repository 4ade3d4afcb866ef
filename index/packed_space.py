"""Search among packed vectors: a look-up where the answer is known, else candidates by their codes, scored exactly."""

import numpy as np
from numpy.typing import NDArray

from index.codes import coordinates_of
from index.dots import Question, exact_cosines
from index.errors import DimensionMismatch, NotInIndex
from index.filtering import EVERYONE, Among, Kind, RowFilter
from index.flat import MAX_K, Neighbour
from index.list_heads import ListHeads
from index.packed_layout import PackedInfo
from index.packed_parts import PackedParts, Tuning
from index.probing import nearest_places
from index.reranking import Promises, best_rows, patience_for
from index.row_numbers import RowNumbers

ALL_BELOW = 200  # rows that are all scored exactly: 0.5 to 1.2 ms, not more than finding candidates among them
LISTED_ENOUGH = 0.97  # recall@10 of the lists below which a movie is searched for: that takes longer and finds more
_NONE = np.empty(0, np.int64)


class PackedSpace:
    """The vectors of one cosine space; think of a dict from movie_id to vector that can be asked for its nearest keys.

    Immutable, so any number of threads may search at once. Scores are exact cosines of what is stored (`index.dots`):
    equal vectors tie, and ties are ordered by movie_id. Which movies are found is exact for a movie of a space of at
    most 20,000, with `Among.exact`, and where few may answer; else the recall is measured at publication, and lists of
    neighbours that hold too few of them are not looked up.

    Raises:
        DimensionMismatch: the parts do not fit together.

    Memory: 27 bytes per movie; everything else is mapped.
    """

    def __init__(self, parts: PackedParts, tuning: Tuning | None = None) -> None:
        sizes = {len(parts.movie_ids), len(parts.packed), len(parts.codes), len(parts.generated), parts.info.count}
        if len(sizes) != 1 or len(parts.neighbours.rows) != parts.info.count:
            raise DimensionMismatch(parts.info.count, sorted(sizes), f"rows of the {parts.info.name} space")
        self.info = parts.info
        self.parts = parts
        self._tuning = tuning or Tuning()
        patience = self._tuning.patience
        self._patience = patience_for(parts.info.count) if patience is None else patience
        listed = parts.stated.listed
        self._look_up = parts.stated.neighbours == "exact" or (listed is not None and listed >= LISTED_ENOUGH)
        self._rows = RowNumbers(parts.movie_ids)
        self._heads = ListHeads(parts.movie_ids, parts.neighbours)
        self._filter = RowFilter(parts.info.count, parts.info.name, parts.generated)
        cards = int(np.count_nonzero(parts.generated))
        self._of_kind: dict[Kind, int] = {"real": len(self) - cards, "generated": cards}

    def __len__(self) -> int:
        return self.info.count

    @property
    def movie_ids(self) -> NDArray[np.int64]:
        """The movies in the order of the rows, int64 (n,)."""
        return self.parts.movie_ids

    @property
    def packed_info(self) -> PackedInfo:
        """How it was made, as the manifest states it."""
        return self.parts.stated

    def rows_of(self, movie_ids: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which of these movies are here, bool (m,), and the rows of those, int64 (found,), in the order asked."""
        return self._rows.of_many(movie_ids)

    def tuned(self, tuning: Tuning) -> "PackedSpace":
        """The same space, searched less or more thoroughly; for measurements."""
        return PackedSpace(self.parts, tuning)

    def has(self, movie_id: int) -> bool:
        """True when the movie has a vector here."""
        return self._rows.of(movie_id) is not None

    def vector(self, movie_id: int) -> NDArray[np.float32]:
        """The movie's vector at length 1, a new float32 (d,).

        Raises:
            NotInIndex: it has none.
        """
        return self.parts.packed.unit(self._row_of(movie_id))

    def vectors(self, movie_ids: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """The vectors of many movies at length 1: which have one, bool (m,), and those, new float32 (found, d).

        Args:
            movie_ids: int64 (m,), any numbers; the vectors come in their order.
        """
        found, rows = self._rows.of_many(movie_ids)
        return found, self.parts.packed.units(rows)

    def is_generated(self, movie_id: int) -> bool:
        """True when the movie's vector is that of a title card.

        Raises:
            NotInIndex: it has none.
        """
        return bool(self.parts.generated[self._row_of(movie_id)])

    def stored(self, movie_id: int) -> NDArray[np.float32]:
        """The movie's vector as it is stored, of any length, a new float32 (d,).

        Raises:
            NotInIndex: it has none.
        """
        return self.parts.packed.row(self._row_of(movie_id))

    def search_movie(
        self, movie_id: int, k: int, kind: Kind = "same", debias: float = 0.0, among: Among = EVERYONE
    ) -> list[Neighbour]:
        """The movies nearest to this one, without itself, best first, ties by movie_id.

        Args:
            movie_id: the movie asked about. k: how many, taken as 1..400; fewer come back only when there are no more.
            kind: among which: `same` asks real posters for a real one and title cards for a title card.
            debias: 0 to 1, without effect among vectors of length 1.
            among: which movies may answer, and whether every row is looked at.

        Raises:
            NotInIndex: the movie has no vector here. ValueError: `debias` out of range, or a mask of another length.
        """
        row = self._row_of(movie_id)
        own: Kind = "generated" if self.parts.generated[row] else "real"
        kind = own if kind == "same" else kind
        k = _asked(k, debias)
        if kind == own and self._look_up and not among.exact:
            known = self._heads.first(row, k) if among is EVERYONE else None
            if known is None:
                known = self._looked_up(row, k, self._mask(kind, among), self._excluded(among))
            if known is not None:
                return known
        left_out = np.append(self._excluded(among), row)
        return self._search(Question.of_row(self.parts.packed, row), k, kind, left_out, among)

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
            vector: float32 (d,), of any length above 0.
            k: how many, taken as 1..400. kind: among which; `same` is `any` here. debias, among: as `search_movie`.

        Raises:
            DimensionMismatch: of another space. NotFinite, ZeroVector, OutOfRange: not a vector to search by.
            ValueError: `debias` out of range, or a mask of another length.
        """
        if vector.shape != (self.info.dimension,):
            raise DimensionMismatch(self.info.dimension, vector.shape, f"question to the {self.info.name} space")
        question = Question.of(vector, self.parts.packed)
        return self._search(question, _asked(k, debias), kind, self._excluded(among), among)

    def _looked_up(
        self, row: int, k: int, mask: NDArray[np.bool_] | None, excluded: NDArray[np.int64]
    ) -> list[Neighbour] | None:
        """The answer from the list of neighbours; None where that is too short to know."""
        rows, scores = self.parts.neighbours.rows[row], self.parts.neighbours.scores[row]
        there = rows >= 0
        whole = int(np.count_nonzero(there)) == self._of_kind["generated" if self.parts.generated[row] else "real"] - 1
        if mask is not None:
            there &= mask[rows]
        if len(excluded):
            there &= ~np.isin(rows, excluded)
        places = np.flatnonzero(there)[:k]
        if len(places) < k and not whole:
            return None
        ids = self.parts.movie_ids[rows[places]].tolist()
        return list(map(Neighbour, ids, scores[places].tolist()))

    def _search(
        self, question: Question, k: int, kind: Kind, left_out: NDArray[np.int64], among: Among
    ) -> list[Neighbour]:
        mask = self._mask(kind, among)
        if mask is not None:
            mask[left_out] = False
        allowed = len(self) if mask is None else int(np.count_nonzero(mask))
        if among.exact or allowed <= ALL_BELOW:
            rows = np.arange(len(self)) if mask is None else np.flatnonzero(mask)
            rows = rows if mask is not None else np.delete(rows, left_out)
            scores = exact_cosines(question, self.parts.packed, rows)
        else:
            promises, most = self._promises(question, mask, left_out), max(self._tuning.candidates, 4 * k)
            rows, scores = best_rows(question, self.parts.packed, promises, k, self._patience, most)
        return self._best(rows, scores, k)

    def _promises(self, question: Question, mask: NDArray[np.bool_] | None, left_out: NDArray[np.int64]) -> Promises:
        """What the codes promise of all rows that may answer, or of those of the clusters nearest to the question."""
        coordinates = coordinates_of(question, self.parts.directions)
        if self.parts.clusters is None:
            rows = None if mask is None else np.flatnonzero(mask)
            values = self.parts.codes.products(coordinates, rows)
        else:
            places = nearest_places(self.parts.clusters, coordinates, self._tuning.probed, mask)
            values = self.parts.codes.products(coordinates, places)
            rows = self.parts.clusters.rows[places].astype(np.int64)
        if mask is None and len(left_out):
            values[left_out if rows is None else np.isin(rows, left_out)] = -np.inf
        return Promises(values, rows)

    def _best(self, rows: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> list[Neighbour]:
        scores = self._ranged(scores)
        ids = self.parts.movie_ids[rows]
        best = np.lexsort((ids, -scores))[:k]
        return list(map(Neighbour, ids[best].tolist(), scores[best].tolist()))

    def _ranged(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Posters' numbers are never negative, so neither are their cosines; and no -0.0."""
        return np.maximum(scores, np.float32(0)) if self.info.name == "poster" else scores + np.float32(0)

    def _mask(self, kind: Kind, among: Among) -> NDArray[np.bool_] | None:
        """A new bool (n,); None when all rows may answer."""
        everyone = kind in ("same", "any") or self._of_kind[kind] == len(self)
        if everyone and among.rows is None:
            return None
        return self._filter.rows(kind, _NONE, among.rows)

    def _excluded(self, among: Among) -> NDArray[np.int64]:
        return _NONE if among.exclude is None else self._rows.of_many(among.exclude)[1]

    def _row_of(self, movie_id: int) -> int:
        row = self._rows.of(movie_id)
        if row is None:
            raise NotInIndex(movie_id, self.info.name)
        return row


def _asked(k: int, debias: float) -> int:
    if not 0.0 <= debias <= 1.0:
        raise ValueError(f"debias is {debias}: give a number from 0 (as liked) to 1 (as cosine)")
    return min(max(k, 1), MAX_K)
