"""Opening a packed space: its arrays are mapped, so opening reads headers only, whatever the size."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.clusters import Clusters
from index.codes import Codes
from index.directions import Directions
from index.errors import SnapshotCorrupt
from index.neighbourhoods import Neighbourhoods
from index.packed import Packed
from index.packed_layout import PackedInfo, array_file, arrays_of
from index.packed_parts import PackedParts
from index.packed_space import PackedSpace
from index.spaces import SpaceInfo
from index.vectors import checked_ids


def open_packed(folder: Path, info: SpaceInfo, packed: PackedInfo) -> PackedSpace:
    """A packed space of a version's folder.

    Raises:
        SnapshotCorrupt: a file is missing or holds something else than was stated; the message names it.
        InvalidVector: movie ids that occur twice.
    """
    arrays = {
        name: map_array(folder / array_file(info.name, name), dtype, shape)
        for name, (dtype, shape) in arrays_of(info, packed).items()
    }
    starts = np.array(arrays["starts"])
    if starts[0] != 0 or starts[-1] != packed.values or (np.diff(starts) < 0).any():
        raise SnapshotCorrupt(folder / array_file(info.name, "starts"), "the places of its rows are out of order")
    clusters = None
    if packed.clusters:
        clusters = Clusters(np.array(arrays["centroids"]), np.array(arrays["cluster_starts"]), arrays["cluster_rows"])
    parts = PackedParts(
        info=info,
        movie_ids=checked_ids(np.array(arrays["ids"])),
        generated=np.array(arrays["generated"]),
        packed=Packed(info.dimension, arrays["bitmaps"], arrays["values"], starts, arrays["norms"]),
        directions=Directions(arrays["directions"], arrays["direction_scales"]),
        codes=Codes(arrays["codes"], arrays["code_scales"]),
        clusters=clusters,
        neighbours=Neighbourhoods(arrays["neighbours"], arrays["neighbour_scores"]),
        stated=packed,
    )
    return PackedSpace(parts)


def map_array(path: Path, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """An array file, mapped and read-only.

    Raises:
        SnapshotCorrupt: it is missing, or not an array of this dtype and shape.
    """
    try:
        array = np.lib.format.open_memmap(path, mode="r")  # unlike np.load: never a pickle, never a zip
    except (OSError, ValueError) as err:
        raise SnapshotCorrupt(path, "it is not an array file of NumPy") from err
    if (array.dtype, array.shape) != (np.dtype(dtype), shape) or not array.flags.c_contiguous:
        raise SnapshotCorrupt(path, f"it holds {array.dtype} {array.shape}, not {np.dtype(dtype)} {shape}")
    return array.view(np.ndarray)  # numba takes a plain array faster than a map; it keeps the map alive
