"""The files of a packed space: which arrays it has, of which dtype and shape."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field

from index.directions import MOST_DIRECTIONS
from index.packed import words_of
from index.spaces import SpaceInfo

LISTED = 100  # neighbours that are kept of every movie
HEADER = 128  # bytes of a small `.npy` file before its numbers


@dataclass(frozen=True, slots=True)
class PackedInfo:
    """What a manifest says of a packed space beside its `SpaceInfo`.

    Attributes:
        values: numbers that are not zero, of all rows together. directions: numbers in a code.
        clusters: how many the codes are ordered by; 0 where all codes are looked at.
        fresh: rows that came after the directions were fitted.
        neighbours: how the lists were made: by comparing every pair, or among candidates.
        listed: where among candidates, the share of the ten nearest that the lists of 100 rows hold, 0 to 1.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    values: Annotated[int, Field(ge=1)]
    directions: Annotated[int, Field(ge=1, le=MOST_DIRECTIONS)]  # a product of more may not fit into 32 bits
    clusters: Annotated[int, Field(ge=0)]
    fresh: Annotated[int, Field(ge=0)]
    neighbours: Literal["exact", "candidates"]
    listed: float | None = None


def array_file(space: str, array: str) -> str:
    """Name of the file of one array of a space."""
    return f"{space}.{array}.npy"


def arrays_of(info: SpaceInfo, packed: PackedInfo) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """By array, its dtype and shape."""
    n, d, k, c = info.count, info.dimension, packed.directions, packed.clusters
    arrays: dict[str, tuple[Any, tuple[int, ...]]] = {
        "ids": (np.int64, (n,)),
        "generated": (np.uint8, (n,)),
        "bitmaps": (np.uint64, (n, words_of(d))),
        "values": (np.float16, (packed.values,)),
        "starts": (np.int64, (n + 1,)),
        "norms": (np.float64, (n,)),
        "directions": (np.int8, (d, k)),
        "direction_scales": (np.float32, (d,)),
        "codes": (np.int8, (n, k)),
        "code_scales": (np.float32, (n,)),
        "neighbours": (np.int32, (n, LISTED)),
        "neighbour_scores": (np.float32, (n, LISTED)),
    }
    if c:
        arrays |= {
            "centroids": (np.float32, (c, k)),
            "cluster_starts": (np.int64, (c + 1,)),
            "cluster_rows": (np.int32, (n,)),
        }
    return {name: (np.dtype(dtype).newbyteorder("<"), shape) for name, (dtype, shape) in arrays.items()}


def packed_files(space: str, clusters: int) -> tuple[str, ...]:
    """Names of the files that a packed space has; none of them may be missing."""
    info = SpaceInfo("poster", 1, "float16", "cosine", "", 1)
    return tuple(array_file(space, name) for name in arrays_of(info, PackedInfo(1, 1, clusters, 0, "exact")))
