"""Writing a packed space: the records first, row by row, then everything that is worked out from them."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.arranging import arrange
from index.contents import PackedContents, Run, npy_bytes
from index.durable import FileDigest, write_durably
from index.errors import BadRecord, DimensionMismatch, ZeroVector
from index.growing import GrowingArray
from index.packed import Packed, words_of
from index.packed_files import map_array
from index.packed_layout import PackedInfo, array_file
from index.packed_space import PackedSpace
from index.record_blocks import pack_records
from index.reporting import Progress
from index.spaces import SpaceInfo
from index.vectors import MIN_NORM, checked_ids


@dataclass(frozen=True, slots=True)
class Written:
    """A packed space on the disk, as the manifest will state it."""

    info: SpaceInfo
    packed: PackedInfo
    files: dict[str, FileDigest]


@dataclass(slots=True)
class _Rows:
    """The columns of the rows written so far, and the digests of the files that hold the rest."""

    ids: NDArray[np.int64]
    generated: NDArray[np.uint8]
    counts: NDArray[np.int64]
    norms: NDArray[np.float64]
    files: dict[str, FileDigest]


def write_packed(
    folder: Path, contents: PackedContents, before: PackedSpace | None, report: Progress
) -> Written | None:
    """Writes every file of a packed space, synced; None when there were no rows after all.

    Needs memory for one run of records, and for what `arrange` says.

    Args:
        folder: of the version being made. before: the same space as it was served before, whose work is used again.
        report: told the name of the space and rows written, then the phases of `arrange`.

    Raises:
        InvalidVector: a record that must not get in, named by its movie; ids that occur twice.
        OSError: the disk is full or failing.
    """
    rows = _write_rows(folder, contents, report)
    if not len(rows.ids):
        return None
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(rows.counts)])
    name, count = contents.name, len(rows.ids)
    bitmaps = map_array(folder / array_file(name, "bitmaps"), np.uint64, (count, words_of(contents.dimension)))
    values = map_array(folder / array_file(name, "values"), np.float16, (int(starts[-1]),))
    packed = Packed(contents.dimension, bitmaps, values, starts, rows.norms)
    arranged = arrange(packed, rows.ids, rows.generated, _usable(before, contents), report)
    columns: dict[str, NDArray[Any]] = {
        "ids": rows.ids,
        "generated": rows.generated,
        "starts": starts,
        "norms": rows.norms,
    }
    files = rows.files | _write_arrays(folder, name, {**columns, **arranged.arrays()})
    info = SpaceInfo(name, contents.dimension, "float16", "cosine", contents.fingerprint, count)
    return Written(info, arranged.info(int(starts[-1])), files)


def _usable(before: PackedSpace | None, contents: PackedContents) -> PackedSpace | None:
    """The space as it was, if its vectors were made in the same way."""
    if before is None:
        return None
    same = (before.info.fingerprint, before.info.dimension) == (contents.fingerprint, contents.dimension)
    return before if same else None


def _write_rows(folder: Path, contents: PackedContents, report: Progress) -> _Rows:
    name, width = contents.name, words_of(contents.dimension)
    ids, generated, counts, norms = (
        [np.empty(0, np.int64)],
        [np.empty(0, np.uint8)],
        [np.empty(0, np.int64)],
        [np.empty(0)],
    )
    done = 0
    with ExitStack() as files:
        bitmaps = files.enter_context(GrowingArray(folder / array_file(name, "bitmaps"), np.uint64, width))
        values = files.enter_context(GrowingArray(folder / array_file(name, "values"), np.float16))
        for run in contents.runs:
            packed = _packed(run, contents.dimension)
            bitmaps.add(packed.bitmaps)
            values.add(packed.values)
            ids.append(run.movie_ids)
            generated.append(run.generated)
            counts.append(np.diff(packed.starts))
            norms.append(packed.norms)
            done += len(packed)
            report(name, done, max(done, contents.expected))
        digests = {array_file(name, "bitmaps"): bitmaps.finish(), array_file(name, "values"): values.finish()}
    return _Rows(
        checked_ids(np.concatenate(ids)),
        np.concatenate(generated),
        np.concatenate(counts),
        np.concatenate(norms),
        digests,
    )


def _packed(run: Run, dimension: int) -> Packed:
    if not len(run.records) == len(run.movie_ids) == len(run.generated):
        raise DimensionMismatch(len(run.records), f"{len(run.movie_ids)} ids, {len(run.generated)} flags", "a run")
    if len(run.generated) and run.generated.max() > 1:
        raise DimensionMismatch("flags of 0 and 1", run.generated.max(), "title cards")
    if isinstance(run.records, Packed):
        if run.records.dimension != dimension:
            raise DimensionMismatch(dimension, run.records.dimension, "rows of an earlier version")
        return run.records
    try:
        packed = pack_records(run.records, dimension)
    except BadRecord as err:
        movies = f"movies {run.movie_ids[0]} to {run.movie_ids[-1]}"
        raise BadRecord(f"{err.why} (of {movies}); embed that poster again with `posterity retry`") from err
    short = packed.norms <= MIN_NORM
    if short.any():
        raise ZeroVector(int(run.movie_ids[short.argmax()]))
    return packed


def _write_arrays(folder: Path, name: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, FileDigest]:
    return {
        array_file(name, key): write_durably(folder / array_file(name, key), [npy_bytes(np.ascontiguousarray(array))])
        for key, array in arrays.items()
    }
