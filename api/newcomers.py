"""What came and went since a snapshot was made: the list that is searched along with it."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.catalog import Catalog
from catalog.changes import OVERLAP_S, Changed, EmbeddedVector, Stamp
from index.errors import BadRecord, VectorIndexError
from index.packed import Packed, joined
from index.record_blocks import pack_records
from index.records import decode_record
from index.side import SideList
from index.snapshot import Snapshot

MOST_BESIDE = 5000  # posters searched along, the newest: 43 MB at 8.7 kB each
SAME = 1e-6  # largest difference of two unit vectors that are one record, one of them perhaps kept in float32

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rows:
    """Posters that are searched along.

    Attributes:
        movie_ids: int64 (m,). generated: uint8 (m,), 1 for a title card. times: float64 (m,), seconds since 1970 when
            each was embedded. packed: their vectors.
    """

    movie_ids: NDArray[np.int64]
    generated: NDArray[np.uint8]
    times: NDArray[np.float64]
    packed: Packed

    @classmethod
    def of(cls, vectors: Sequence[EmbeddedVector], dimension: int) -> "Rows":
        """These vectors, each record checked.

        Raises:
            VectorIndexError: a record is damaged, or of another dimension.
        """
        return cls(
            np.array([vector.movie_id for vector in vectors], np.int64),
            np.array([vector.generated for vector in vectors], np.uint8),
            np.array([vector.embedded_at for vector in vectors], np.float64),
            pack_records([vector.record for vector in vectors], dimension),
        )

    def __len__(self) -> int:
        return len(self.movie_ids)

    def taken(self, rows: NDArray[np.int64]) -> "Rows":
        """These rows in this order."""
        if len(rows) == len(self) and (rows == np.arange(len(self))).all():
            return self
        return Rows(self.movie_ids[rows], self.generated[rows], self.times[rows], self.packed.taken(rows))

    def without(self, movie_ids: set[int]) -> "Rows":
        """The rows of other movies."""
        out = np.isin(self.movie_ids, np.fromiter(movie_ids, np.int64, len(movie_ids)))
        return self.taken(np.flatnonzero(~out))

    def newest(self, most: int) -> "Rows":
        """The rows embedded last."""
        return self if len(self) <= most else self.taken(np.argsort(-self.times, kind="stable")[:most])


def together(parts: Sequence[Rows], dimension: int) -> Rows:
    """Rows one behind the other."""
    parts = [part for part in parts if len(part)]
    return Rows(
        np.concatenate([np.empty(0, np.int64), *(part.movie_ids for part in parts)]),
        np.concatenate([np.empty(0, np.uint8), *(part.generated for part in parts)]),
        np.concatenate([np.empty(0), *(part.times for part in parts)]),
        joined([part.packed for part in parts], dimension),
    )


class Newcomers:
    """Posters embedded and movies deleted since one snapshot; think of a list that a rebuild makes empty.

    Used by one thread at a time.

    Args:
        snapshot: as it was published. gone: ids that are known to have left, until the catalog has been asked.

    Attributes:
        gone: ids that have left and that the snapshot or the list holds.
    """

    def __init__(self, catalog: Catalog, snapshot: Snapshot, gone: frozenset[int] = frozenset()) -> None:
        self._catalog, self._snapshot, self.gone = catalog, snapshot, gone
        info = snapshot.manifest.spaces.get("poster")
        self._fingerprint = None if info is None else info.fingerprint
        self._dimension = 0 if info is None else info.dimension
        self._read_at = _embedded_until(snapshot)
        self._in_doubt_until = max(self._read_at, snapshot.manifest.created_at.timestamp()) + OVERLAP_S
        self._seen: frozenset[Stamp] = frozenset()
        self._rows = together([], self._dimension)
        self._asked = self._warned = False

    def follow(self, changed: Changed | None) -> bool:
        """Reads what is new; True when something is.

        Args:
            changed: of the catalog since the last call; None to read all deletions again.

        Raises:
            CatalogBusy: the database does not answer; what was known stays.
        """
        gone = self._gone(changed if self._asked else None)
        arrived = self._arrived()
        self._asked = True
        left, self.gone = gone != self.gone, gone
        return (self._keep(arrived) or left) if arrived or left else False

    def beside(self) -> SideList | None:
        """What is searched along now; None when it is nothing."""
        rows, gone = self._rows, np.array(sorted(self.gone), np.int64)
        if len(rows) == 0:
            return SideList.only_gone(gone) if len(gone) else None
        return SideList(rows.movie_ids, rows.generated, rows.packed, gone)

    def _gone(self, changed: Changed | None) -> frozenset[int]:
        if changed is None or changed.everything:
            return self._known(self._catalog.changes.deleted())
        back = {line.movie_id for line in changed.lines}
        return (self.gone | self._known(changed.deleted)) - back

    def _known(self, movie_ids: frozenset[int]) -> frozenset[int]:
        """Those that the snapshot or the list holds."""
        spaces = self._snapshot.manifest.spaces
        there = {movie_id for movie_id in movie_ids if any(self._snapshot.has(by, movie_id) for by in spaces)}
        return frozenset(there | (movie_ids & set(self._rows.movie_ids.tolist())))

    def _arrived(self) -> list[EmbeddedVector]:
        """Vectors that were stored since the last look, the newest of them."""
        if self._fingerprint is None:
            return []  # a snapshot without posters: there is nothing to search along with
        changes, now = self._catalog.changes, time.time()
        low = min(self._read_at, now) - OVERLAP_S  # a clock that was set back stamps what is new with old times
        stamps = changes.embedded_since(low, self._fingerprint, MOST_BESIDE + 1)
        new = [stamp[0] for stamp in stamps if stamp not in self._seen]
        vectors = [vector for run in changes.vectors(new, self._fingerprint) for vector in run]
        self._seen, self._read_at = frozenset(stamps), now
        return vectors

    def _keep(self, arrived: Sequence[EmbeddedVector]) -> bool:
        """Takes these in and takes out who left; False when that changes nothing."""
        others = self._rows.without({vector.movie_id for vector in arrived} | self.gone)
        new = [vector for vector in arrived if vector.movie_id not in self.gone and not self._is_in_snapshot(vector)]
        if not new and len(others) == len(self._rows):
            return False
        rows = together([others, *self._checked(new)], self._dimension)
        if len(rows) > MOST_BESIDE and not self._warned:
            self._warned = True
            generation, most = self._snapshot.generation, f"{MOST_BESIDE:,}"
            log.warning(
                "more than %s posters came since version %d: only the newest %s are found before the next one; run: "
                "posterity rebuild",
                most,
                generation,
                most,
            )
        self._rows = rows.newest(MOST_BESIDE)
        return True

    def _is_in_snapshot(self, vector: EmbeddedVector) -> bool:
        """True when the snapshot holds this very vector: its rebuild read on after it noted how far the catalog was."""
        movie_id, space = vector.movie_id, self._snapshot.space("poster")
        if vector.embedded_at > self._in_doubt_until or not space.has(movie_id):
            return False
        if space.is_generated(movie_id) != vector.generated:
            return False
        try:
            mine = decode_record(vector.record)
        except BadRecord:
            return False
        stored = space.vector(movie_id)
        return mine.shape == stored.shape and bool(np.abs(_unit(mine) - _unit(stored)).max() <= SAME)

    def _checked(self, vectors: Sequence[EmbeddedVector]) -> list[Rows]:
        """Their rows; a damaged record is left out with a line in the log."""
        try:
            return [Rows.of(vectors, self._dimension)]
        except VectorIndexError as err:
            if len(vectors) > 1:
                return [rows for vector in vectors for rows in self._checked([vector])]
            log.warning("movie %d is not found before the next rebuild: %s", vectors[0].movie_id, err)
            return []


def _embedded_until(snapshot: Snapshot) -> float:
    """When the last poster of the snapshot was embedded, in seconds since 1970, as its rebuild noted."""
    noted = snapshot.manifest.source.get("embedded")
    latest = noted.get("latest") if isinstance(noted, dict) else None
    return float(latest) if isinstance(latest, int | float) else snapshot.manifest.created_at.timestamp()


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(vector)
    unit: NDArray[np.float32] = vector / length if length else vector
    return unit
