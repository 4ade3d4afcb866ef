"""The file of a flat FAISS index: written row by row, without ever being whole in memory; read memory-mapped.

It is byte for byte what `faiss.write_index` makes of an `IndexFlatIP` (`IxFI`; a test compares them), but FAISS's own
writer may swallow a full disk and never syncs, and its index would have to be built in memory first.
"""

import struct
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from index.durable import Buffer, FileDigest, write_durably
from index.errors import SnapshotCorrupt
from index.spaces import SpaceInfo

# fourcc, d, ntotal, two fixed dummies of FAISS, is_trained, metric (0 = inner product), number of floats that follow
_HEADER = struct.Struct("<4siqqqBiQ")
_DUMMY = 1 << 20
_LOOP_LIMIT = 1 << 20
_BYTE_SLACK = 1 << 20  # over the file's own size: FAISS counts in its own way, a hostile length is far larger
_limits = threading.Lock()  # FAISS keeps its reading limits once per process


def header(dimension: int, count: int) -> bytes:
    """The first bytes of the file of an `IndexFlatIP` with so many rows."""
    return _HEADER.pack(b"IxFI", dimension, count, _DUMMY, _DUMMY, 1, 0, dimension * count)


def file_size(dimension: int, count: int) -> int:
    """Bytes of the whole file."""
    return _HEADER.size + 4 * dimension * count


def write_flat(path: Path, info: SpaceInfo, blocks: Iterable[NDArray[np.float32]]) -> FileDigest:
    """Writes the index file of these rows, synced to the disk.

    Args:
        path: must not exist. info: its count and dimension are those of the rows.
        blocks: float32 (any, dimension) arrays that together have `info.count` rows, as they are to be stored.

    Raises:
        OSError: the disk is full or failing.
    """
    return write_durably(path, _bytes_of(info, blocks))


def _bytes_of(info: SpaceInfo, blocks: Iterable[NDArray[np.float32]]) -> Iterator[Buffer]:
    yield header(info.dimension, info.count)
    for block in blocks:
        yield np.ascontiguousarray(block, dtype="<f4").data.cast("B")


def open_flat(path: Path, info: SpaceInfo) -> Any:
    """The `faiss.IndexFlatIP` of a file, mapped into memory: pages are read on demand and shared between processes.

    The file must have been compared with its sha256 before: FAISS does not notice flipped bits.

    Raises:
        SnapshotCorrupt: not a flat inner-product index of exactly this dimension and count.
    """
    _demand_own_header(path, info)
    with _limits:
        faiss.set_deserialization_vector_byte_limit(path.stat().st_size + _BYTE_SLACK)
        faiss.set_deserialization_loop_limit(_LOOP_LIMIT)
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as err:
            raise SnapshotCorrupt(path, "FAISS cannot read it as an index") from err
    found = (type(index), index.d, index.ntotal, index.metric_type)
    if found != (faiss.IndexFlatIP, info.dimension, info.count, faiss.METRIC_INNER_PRODUCT):
        raise SnapshotCorrupt(
            path, f"it holds {type(index).__name__} of {index.ntotal} x {index.d}, not what is stated"
        )
    return index


def stored_rows(path: Path, info: SpaceInfo) -> NDArray[np.float32]:
    """The rows of the file, read without FAISS: a float32 (count, dimension) map of the file, not to be written to."""
    shape = (info.count, info.dimension)
    return np.memmap(path, dtype="<f4", mode="r", offset=_HEADER.size, shape=shape)


def _demand_own_header(path: Path, info: SpaceInfo) -> None:
    with path.open("rb") as file:
        found = file.read(_HEADER.size)
    if found[:4] != b"IxFI":
        raise SnapshotCorrupt(path, f"it starts with {found[:4]!r}: not a flat inner-product index of FAISS")
    if found != header(info.dimension, info.count) or path.stat().st_size != file_size(info.dimension, info.count):
        raise SnapshotCorrupt(path, f"it is not an index of {info.count} x {info.dimension} numbers, as was stated")
