"""Many records at once, checked to the last bit and laid out as packed rows: 10 us a poster instead of 60 one by one.

`index.records` says what a record is and reads one of them; here machine code does the same for a block, and whatever
it refuses is given to `record_parts`, which has the words.
"""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from index.errors import BadRecord, DimensionMismatch
from index.machine import HALVES, compiled, ones_in
from index.packed import Packed, words_of
from index.records import CRC, FORMAT, HEADER, INFINITE, MAGIC, record_parts

_FINE = -1  # no record is refused


def pack_records(records: Sequence[bytes], dimension: int) -> Packed:
    """Records of the catalog as packed rows, each record checked to its last bit.

    Args:
        records: n records in format 1. dimension: that each of them must have.

    Memory: twice that of the records.

    Raises:
        BadRecord: a record is damaged. DimensionMismatch: it is of another dimension. The first such record counts.
    """
    n_bitmap = (dimension + 7) // 8
    sizes = np.array([len(record) for record in records], np.int64)
    rest = sizes - (HEADER.size + n_bitmap + CRC.size)
    wrong = (rest < 0) | (rest % 2 != 0)
    end = int(wrong.argmax()) if wrong.any() else len(records)  # behind the first of a wrong size nothing counts
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(rest[:end] // 2)])
    bitmaps = np.zeros((end, words_of(dimension)), np.uint64)
    values, norms = np.empty(int(starts[-1]), np.float16), np.empty(end, np.float64)
    block = np.frombuffer(b"".join(records[:end]), np.uint8)
    at = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes[:end])])
    head = np.frombuffer(HEADER.pack(MAGIC, FORMAT, 0, dimension), np.uint8)
    first = _lay_out(block, at, head, n_bitmap, dimension % 8, starts, bitmaps, values.view(np.uint16), HALVES, norms)
    if first == _FINE:
        first = _first_with_another_sum(records[:end])
    if first != _FINE or end < len(records):
        _refuse(records, end if first == _FINE else first, dimension)
    return Packed(dimension, bitmaps, values, starts, norms)


def _first_with_another_sum(records: Sequence[bytes]) -> int:
    """The number of the first record whose checksum does not fit, or -1."""
    for number, record in enumerate(records):
        body = len(record) - CRC.size
        if zlib.crc32(memoryview(record)[:body]) != CRC.unpack_from(record, body)[0]:
            return number
    return _FINE


def _refuse(records: Sequence[bytes], first: int, dimension: int) -> None:
    """Raises what is to be said of the first record that was refused, or of one before it that is damaged unseen."""
    for position, record in enumerate(records[: first + 1]):
        parts = record_parts(record)
        if parts.dimension != dimension:
            raise DimensionMismatch(dimension, parts.dimension, f"record {position} of the block")
    raise BadRecord(f"record {first} of the block is refused, and nobody can say why: please report it")


@compiled
def _lay_out(
    block: NDArray[np.uint8],
    at: NDArray[np.int64],
    head: NDArray[np.uint8],
    n_bitmap: int,
    used: int,
    starts: NDArray[np.int64],
    bitmaps: NDArray[np.uint64],
    halves: NDArray[np.uint16],
    table: NDArray[np.float32],
    norms: NDArray[np.float64],
) -> int:
    """Copies bitmaps and numbers, and measures the rows; the number of the first record that is wrong, or -1."""
    for row in range(len(norms)):
        record = block[at[row] : at[row + 1]]
        for i in range(len(head)):
            if record[i] != head[i]:
                return row
        bitmap, into = record[len(head) : len(head) + n_bitmap], bitmaps[row].view(np.uint8)
        for i in range(n_bitmap):
            into[i] = bitmap[i]
        if used and bitmap[n_bitmap - 1] >> used != 0:
            return row
        there = np.uint64(0)
        for word in bitmaps[row]:
            there += ones_in(word)
        first, count = starts[row], starts[row + 1] - starts[row]
        if np.int64(there) != count:
            return row
        numbers, total, fine = record[len(head) + n_bitmap :], 0.0, True
        for i in range(count):
            half = np.uint16(numbers[2 * i]) | (np.uint16(numbers[2 * i + 1]) << np.uint16(8))
            size = half & np.uint16(0x7FFF)
            fine &= (size != 0) & (size < INFINITE)
            halves[first + i] = half
            value = np.float64(table[half])
            total += value * value
        if not fine:
            return row
        norms[row] = np.sqrt(total)
    return _FINE
