"""A block of records is read like its records one by one, and refused for the same reason."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import BadRecord, DimensionMismatch
from index.packed import lengths_of
from index.record_blocks import pack_records
from index.records import CRC, decode_record, encode_record, record_parts

DIMENSIONS = [1, 7, 8, 63, 64, 65, 200]


def records(count: int, dimension: int, seed: int) -> list[bytes]:
    draw = np.random.default_rng(seed)
    vectors = draw.normal(0, 1, (count, dimension)) * (draw.random((count, dimension)) < 0.3)
    vectors[:, draw.integers(dimension)] = 1.5  # none is empty
    return [encode_record(vector.astype(np.float32)) for vector in vectors]


def signed(body: bytes) -> bytes:
    """With a checksum that fits."""
    return body + CRC.pack(zlib.crc32(body))


def refusal_one_by_one(block: list[bytes], dimension: int) -> str | None:
    """Why the first bad record of the block is refused, by the reader of single records."""
    for record in block:
        try:
            parts = record_parts(record)
        except BadRecord as err:
            return str(err)
        if parts.dimension != dimension:
            return "dimension"
    return None


def refusal(block: list[bytes], dimension: int) -> str | None:
    try:
        pack_records(block, dimension)
    except BadRecord as err:
        return str(err)
    except DimensionMismatch:
        return "dimension"
    return None


@settings(deadline=None)  # the first call compiles
@given(st.sampled_from(DIMENSIONS), st.integers(0, 20), st.integers(0, 1000))
def test_a_block_holds_what_its_records_hold(dimension: int, count: int, seed: int) -> None:
    block = records(count, dimension, seed)
    packed = pack_records(block, dimension)
    assert len(packed) == count
    for row, record in enumerate(block):
        assert np.array_equal(packed.row(row), decode_record(record))
    assert np.array_equal(packed.norms, lengths_of(packed.values, packed.starts))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(DIMENSIONS),
    st.integers(1, 6),
    st.integers(0, 1000),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10**6), st.integers(1, 255), st.booleans()), max_size=3),
)
def test_a_block_is_refused_for_what_its_first_bad_record_is_refused_for(
    dimension: int, count: int, seed: int, damages: list[tuple[int, int, int, bool]]
) -> None:
    block = records(count, dimension, seed)
    for which, place, change, sign in damages:
        record = bytearray(block[which % count])
        record[place % len(record)] ^= change
        block[which % count] = signed(bytes(record[: -CRC.size])) if sign else bytes(record)
    assert refusal(block, dimension) == refusal_one_by_one(block, dimension)


@settings(deadline=None)
@given(st.integers(0, 5), st.integers(-40, 40))
def test_a_record_too_short_or_too_long_is_refused_like_any_other(which: int, by: int) -> None:
    block = records(6, 65, 3)
    longer = block[which] + bytes(range(1, by + 1)) if by >= 0 else block[which][:by]
    for record in (longer, signed(longer)):
        block[which] = record
        assert refusal(block, 65) == refusal_one_by_one(block, 65)


@pytest.mark.parametrize("dimension", [64, 66, 1])
def test_a_record_of_another_dimension_is_no_part_of_a_block(dimension: int) -> None:
    block = [*records(2, 65, 1), *records(1, dimension, 2)]
    with pytest.raises(DimensionMismatch, match="record 2 of the block"):
        pack_records(block, 65)
