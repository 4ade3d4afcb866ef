"""What a caller hands over to be published."""

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.attachments import NPY_HEADER, Arrays, attached_bytes, check_attached
from index.errors import DimensionMismatch, NothingToPublish
from index.flat_files import file_size
from index.packed import Packed
from index.spaces import SPACE_NAMES, Metric, SpaceInfo, SpaceName
from index.vectors import checked_finite, checked_ids, unit_rows

_PACKED_SHARE = 0.1  # of float32: a poster's record takes .085
_PACKED_ROW = 1400  # bytes of a row beside its record: code 516, neighbours 800, id, flag, start, length


@dataclass(frozen=True, slots=True)
class SpaceContents:
    """The vectors of one space.

    Attributes:
        name, dimension, metric, fingerprint: as in `SpaceInfo`.
        movie_ids: int64 (n,), unique, in the order of the rows.
        blocks: float32 (any, dimension) arrays, together n rows; read once, one at a time, never kept. For cosine of
            any length: they are normalised on the way; for inner_product they are stored as they are.
        generated: uint8 (n,), 1 where the poster is a title card; None where the space knows no such difference.
    """

    name: SpaceName
    dimension: int
    metric: Metric
    fingerprint: str
    movie_ids: NDArray[np.int64]
    blocks: Iterable[NDArray[np.float32]]
    generated: NDArray[np.uint8] | None = None

    @property
    def info(self) -> SpaceInfo:
        """The space as the manifest will state it."""
        return SpaceInfo(self.name, self.dimension, "float32", self.metric, self.fingerprint, len(self.movie_ids))

    @property
    def size_bytes(self) -> int:
        """Bytes of the files it will make."""
        count = len(self.movie_ids)
        return file_size(self.dimension, count) + 9 * count + 2 * NPY_HEADER

    def stored_blocks(self) -> Iterator[NDArray[np.float32]]:
        """The blocks as they are to be stored, each one checked.

        Raises:
            InvalidVector: a row that must not get in, named by its movie; or more or fewer rows than ids.
        """
        done = 0
        for block in self.blocks:
            ids = self.movie_ids[done : done + len(block)]
            if block.ndim != 2 or block.shape[1] != self.dimension:
                raise DimensionMismatch(self.dimension, block.shape, f"a block of {self.name} vectors")
            if len(ids) != len(block):
                raise DimensionMismatch(len(self.movie_ids), f"at least {done + len(block)}", f"{self.name} rows")
            if self.metric == "cosine":
                yield unit_rows(block, ids)
            else:
                checked_finite(block, ids)
                yield block
            done += len(block)
        if done != len(self.movie_ids):
            raise DimensionMismatch(len(self.movie_ids), done, f"{self.name} rows")


@dataclass(frozen=True, slots=True)
class Run:
    """Some rows of a packed space.

    Attributes:
        movie_ids: int64 (r,). generated: uint8 (r,), 1 where the poster is a title card.
        records: r records as the catalog keeps them, or the rows that an earlier version made of them.
    """

    movie_ids: NDArray[np.int64]
    generated: NDArray[np.uint8]
    records: Sequence[bytes] | Packed


@dataclass(frozen=True, slots=True)
class PackedContents:
    """The vectors of a cosine space whose numbers are mostly zeros, as records.

    Attributes:
        name, dimension, fingerprint: as in `SpaceInfo`.
        runs: rows in the order in which they are to stand; read once, one at a time, never kept.
        expected: about how many rows there will be; 0 says that there are none.
    """

    name: SpaceName
    dimension: int
    fingerprint: str
    runs: Iterable[Run]
    expected: int

    @property
    def size_bytes(self) -> int:
        """About how many bytes the files will have."""
        return int(self.expected * (_PACKED_SHARE * 4 * self.dimension + _PACKED_ROW))


@dataclass(frozen=True, slots=True)
class SnapshotContents:
    """Everything that goes into one snapshot.

    Attributes:
        spaces: each kind at most once; one without movies counts as not given.
        source: anything JSON can say, remembered in the manifest: counts, model, how far the catalog was.
        attached: arrays that travel along, by name and array: `{"prediction": {"item_factors": float32 (n, k)}}`.
            Of any shape, finite, of a dtype in `index.attachments.DTYPES`; names are lower case.
    """

    spaces: tuple[SpaceContents | PackedContents, ...]
    source: Mapping[str, Any] = field(default_factory=dict)
    attached: Mapping[str, Arrays] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        """Bytes of the files it will make, without the manifest."""
        return sum(space.size_bytes for space in self.spaces) + attached_bytes(self.attached)


def checked_contents(contents: SnapshotContents) -> list[SpaceContents | PackedContents]:
    """The spaces that have movies, in their fixed order, once everything that can be known before writing was checked.

    Raises:
        NothingToPublish: no space has a movie. InvalidVector: ids or flags that do not fit. InvalidAttachment: an
        array that does not. ValueError: a bug of the caller: a kind given twice or unknown, a source that is not JSON,
        an attachment whose name cannot be one.
    """
    json.dumps(dict(contents.source), allow_nan=False)
    check_attached(contents.attached)
    names = [space.name for space in contents.spaces]
    if len(set(names)) != len(names) or not set(names) <= set(SPACE_NAMES):
        raise ValueError(f"spaces {names}: each of {SPACE_NAMES} at most once")
    spaces = sorted((space for space in contents.spaces if _rows(space)), key=lambda space: space.name)
    if not spaces:
        raise NothingToPublish
    for space in spaces:
        if isinstance(space, PackedContents):
            continue  # checked row by row while they are written
        checked_ids(space.movie_ids)
        flags = space.generated
        if flags is not None and (flags.dtype != np.uint8 or flags.shape != space.movie_ids.shape or flags.max() > 1):
            raise DimensionMismatch(
                f"uint8 {space.movie_ids.shape} of 0 and 1", f"{flags.dtype} {flags.shape}", "flags"
            )
    return spaces


def _rows(space: SpaceContents | PackedContents) -> int:
    return space.expected if isinstance(space, PackedContents) else len(space.movie_ids)


def npy_bytes(array: NDArray[Any]) -> bytes:
    """The content of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
