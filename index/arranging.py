"""What a packed space is searched by, worked out from its rows: directions, codes, clusters, everybody's neighbours.

What the version served before has worked out is used again where that is exact: rows that are the same keep their
codes and most of their lists, so that adding one movie in a hundred costs a fraction of a whole rebuild.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.brute_force import best_scores
from index.clusters import Clusters, clusters_for, fit_clusters, regrouped
from index.codes import Codes
from index.directions import MOST_DIRECTIONS, MOST_ROWS, Directions, encode_rows, fit_directions
from index.gram import gram_matrix, room
from index.machine import compiled
from index.neighbourhoods import (
    Neighbourhoods,
    candidate_neighbours,
    exact_neighbours,
    extended_neighbours,
    updated_neighbours,
)
from index.packed import Packed
from index.packed_layout import PackedInfo
from index.packed_space import PackedSpace
from index.reporting import Progress
from index.shortlists import among_all, within_clusters

EXACT_UP_TO = MOST_ROWS  # rows of which every pair is compared
CLUSTERED_FROM = 100_000  # rows from which on looking at all codes would take over 5 ms
STALE = 0.1  # share of rows that may have come since the directions were fitted, before they are fitted again
_SAMPLE = 16_384  # rows that directions are fitted to where there are more than can all be
_CHECKED, _NEAREST = 100, 10  # rows whose lists are compared with everybody, and how many neighbours of each
_SEED = 7


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Everything of a packed space that is worked out; the attributes are those of `PackedParts` and `PackedInfo`."""

    directions: Directions
    codes: Codes
    clusters: Clusters | None
    neighbours: Neighbourhoods
    fresh: int
    exact: bool
    listed: float | None = None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays of `index.packed_layout` that hold it."""
        arrays: dict[str, NDArray[Any]] = {
            "directions": self.directions.numbers,
            "direction_scales": self.directions.scales,
            "codes": self.codes.numbers,
            "code_scales": self.codes.scales,
            "neighbours": self.neighbours.rows,
            "neighbour_scores": self.neighbours.scores,
        }
        if self.clusters is not None:
            arrays |= {
                "centroids": self.clusters.centroids,
                "cluster_starts": self.clusters.starts,
                "cluster_rows": self.clusters.rows,
            }
        return arrays

    def info(self, values: int) -> PackedInfo:
        """The same in words."""
        clusters = 0 if self.clusters is None else len(self.clusters.centroids)
        width = self.directions.numbers.shape[1]
        return PackedInfo(values, width, clusters, self.fresh, "exact" if self.exact else "candidates", self.listed)


def arrange(
    packed: Packed,
    movie_ids: NDArray[np.int64],
    generated: NDArray[np.uint8],
    before: PackedSpace | None,
    report: Progress,
) -> Arrangement:
    """Works everything out, from what was known before as far as that is exact.

    Args:
        packed: n rows, of movie_ids int64 (n,) and generated uint8 (n,). before: the space as it was.
        report: told the phases: `products`, `directions`, `codes`, `clusters`, `neighbours`.

    Memory: up to 20,000 rows 4 n^2 bytes (1.6 GB), beyond about 2 kB for each row.
    """
    kept = kept_rows(packed, movie_ids, generated, before)
    since = int(np.count_nonzero(kept < 0))
    known = before if before is not None and before.packed_info.fresh + since <= STALE * len(packed) else None
    if len(packed) > EXACT_UP_TO:
        rows = _Rows(packed, movie_ids, generated)
        made = _beyond(rows, known, kept, report)
        return replace(made, listed=_share_listed(rows, made.neighbours))
    everyone = np.arange(len(packed))
    if known is None:
        gram = gram_matrix(packed, everyone, report)
        directions = fit_directions(packed, everyone, _width(packed), report, gram)
        neighbours = exact_neighbours(packed, movie_ids, generated, gram, report)
        del gram
        codes = Codes(*encode_rows(packed, everyone, directions))
        return Arrangement(directions, codes, None, neighbours, 0, True)
    codes = _codes(packed, known, kept)
    neighbours = updated_neighbours(packed, movie_ids, generated, known.parts.neighbours, kept, report)
    return Arrangement(known.parts.directions, codes, None, neighbours, known.packed_info.fresh + since, True)


@dataclass(frozen=True, slots=True)
class _Rows:
    packed: Packed
    movie_ids: NDArray[np.int64]
    generated: NDArray[np.uint8]


def _beyond(rows: _Rows, known: PackedSpace | None, kept: NDArray[np.int64], report: Progress) -> Arrangement:
    """The same where comparing every pair would take too long: fitted to a sample, neighbours among candidates."""
    packed, count = rows.packed, len(rows.packed)
    if known is None:
        directions = fit_directions(packed, _sample(count), _width(packed), report)
        codes = Codes(*encode_rows(packed, np.arange(count), directions))
    else:
        directions, codes = known.parts.directions, _codes(packed, known, kept)
    since = 0 if known is None else known.packed_info.fresh + int(np.count_nonzero(kept < 0))
    if count < CLUSTERED_FROM:
        if known is not None:
            lists = (known.parts.neighbours, kept)
            neighbours = updated_neighbours(packed, rows.movie_ids, rows.generated, *lists, report)
        else:
            near = among_all(codes, rows.generated)
            neighbours = candidate_neighbours(packed, rows.movie_ids, rows.generated, near, report)
        return Arrangement(directions, codes, None, neighbours, since, False)
    return _clustered(
        rows, Arrangement(directions, codes, None, Neighbourhoods.empty(0), since, False), known, kept, report
    )


def _clustered(
    rows: _Rows, made: Arrangement, known: PackedSpace | None, kept: NDArray[np.int64], report: Progress
) -> Arrangement:
    """What was made, with clusters, codes in their order, and the neighbours that are found by them."""
    parts = None if known is None or known.parts.clusters is None else known.parts
    if parts is None or parts.clusters is None:
        clusters = fit_clusters(made.codes, clusters_for(len(rows.packed)), report)
    else:
        clusters = regrouped(made.codes, parts.clusters, kept, report)
    codes = Codes(made.codes.numbers[clusters.rows], made.codes.scales[clusters.rows])
    if parts is None:
        near = within_clusters(codes, clusters, rows.generated)
        neighbours = candidate_neighbours(rows.packed, rows.movie_ids, rows.generated, near, report)
    else:
        near = within_clusters(codes, clusters, rows.generated, asked=kept < 0)
        old = (parts.neighbours, kept)
        neighbours = extended_neighbours(rows.packed, rows.movie_ids, rows.generated, old, near, report)
    return replace(made, codes=codes, clusters=clusters, neighbours=neighbours)


def _share_listed(rows: _Rows, lists: Neighbourhoods) -> float:
    """The share of the ten nearest of their kind that the lists of some rows hold."""
    count = len(rows.packed)
    asked = np.sort(np.random.default_rng(_SEED).choice(count, min(_CHECKED, count), replace=False))
    best = best_scores(rows.packed, rows.generated, asked, _NEAREST).kindred
    slack, found, there = room(rows.packed), 0, 0
    for row, near in zip(asked, best, strict=True):
        near = near[near > -np.inf]
        there += len(near)
        found += int((lists.scores[row, : len(near)] >= near[-1] - slack).sum()) if len(near) else 0
    return found / max(1, there)


def _width(packed: Packed) -> int:
    return min(MOST_DIRECTIONS, len(packed), packed.dimension)


def _sample(count: int) -> NDArray[np.int64]:
    chosen: NDArray[np.int64] = np.random.default_rng(_SEED).choice(count, min(count, _SAMPLE), replace=False)
    return np.sort(chosen)


def _codes(packed: Packed, known: PackedSpace, kept: NDArray[np.int64]) -> Codes:
    """The codes in the order of the rows: those there were, and those of fresh rows along the same directions."""
    old = known.parts.codes_by_row()
    numbers = np.empty((len(packed), old.numbers.shape[1]), np.int8)
    scales = np.empty(len(packed), np.float32)
    there = kept >= 0
    numbers[there], scales[there] = old.numbers[kept[there]], old.scales[kept[there]]
    fresh = np.flatnonzero(~there)
    numbers[fresh], scales[fresh] = encode_rows(packed, fresh, known.parts.directions)
    return Codes(numbers, scales)


def kept_rows(
    packed: Packed, movie_ids: NDArray[np.int64], generated: NDArray[np.uint8], before: PackedSpace | None
) -> NDArray[np.int64]:
    """The row that each movie had before, if its vector is the same to the last bit, else -1: int64 (n,)."""
    kept = np.full(len(packed), -1, np.int64)
    if before is None:
        return kept
    found, rows = before.rows_of(movie_ids)
    now, old = np.flatnonzero(found), before.parts
    same = np.empty(len(rows), np.bool_)
    _same(
        packed.bitmaps,
        packed.values.view(np.uint16),
        packed.starts,
        now,
        old.packed.bitmaps,
        old.packed.values.view(np.uint16),
        old.packed.starts,
        rows,
        same,
    )
    same &= old.generated[rows] == generated[now]
    kept[now[same]] = rows[same]
    return kept


@compiled
def _same(
    bitmaps: NDArray[np.uint64],
    halves: NDArray[np.uint16],
    starts: NDArray[np.int64],
    rows: NDArray[np.int64],
    old_bitmaps: NDArray[np.uint64],
    old_halves: NDArray[np.uint16],
    old_starts: NDArray[np.int64],
    old_rows: NDArray[np.int64],
    out: NDArray[np.bool_],
) -> None:
    for i in range(len(rows)):
        now, then = rows[i], old_rows[i]
        count = starts[now + 1] - starts[now]
        same = count == old_starts[then + 1] - old_starts[then]
        if same:
            for w in range(bitmaps.shape[1]):
                same &= bitmaps[now, w] == old_bitmaps[then, w]
            for at in range(count):
                same &= halves[starts[now] + at] == old_halves[old_starts[then] + at]
        out[i] = same
