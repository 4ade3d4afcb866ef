"""What a packed space is made of, and how hard is looked in it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.clusters import Clusters
from index.codes import Codes
from index.directions import Directions
from index.neighbour_lists import Neighbourhoods
from index.packed import Packed
from index.packed_layout import PackedInfo
from index.spaces import SpaceInfo

CANDIDATES = 1024  # at most so many, or four times k, are scored: 2.5 to 6 ms, 8 where a million records are cold
PROBED = 30_000  # rows whose codes are looked at where there are clusters: 2 ms


@dataclass(frozen=True, slots=True)
class PackedParts:
    """What a packed space is made of; arrays may be mapped files.

    Attributes:
        info: what the space is. movie_ids: int64 (n,), unique, in the order of the rows.
        generated: uint8 (n,), 1 where the poster is a title card. packed: the vectors, n rows.
        directions, codes: for the candidates; `codes` in the order of `clusters` where there are any, else of the rows.
        clusters: None where all codes are looked at. neighbours: of every row, among its own kind.
        stated: what the manifest says of all this.
    """

    info: SpaceInfo
    movie_ids: NDArray[np.int64]
    generated: NDArray[np.uint8]
    packed: Packed
    directions: Directions
    codes: Codes
    clusters: Clusters | None
    neighbours: Neighbourhoods
    stated: PackedInfo

    def codes_by_row(self) -> Codes:
        """The codes in the order of the rows; a copy where there are clusters."""
        if self.clusters is None:
            return self.codes
        places = np.empty(self.info.count, np.int64)
        places[self.clusters.rows] = np.arange(self.info.count)
        return Codes(self.codes.numbers[places], self.codes.scales[places])


@dataclass(frozen=True, slots=True)
class Tuning:
    """How hard is looked: `patience` as in `index.reranking`, `probed` rows where there are clusters, `candidates`.

    Without a patience that of the number of rows is taken.
    """

    patience: float | None = None
    probed: int = PROBED
    candidates: int = CANDIDATES
