import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from index.errors import BadRecord, DimensionMismatch, InvalidVector, NotFinite, OutOfRange, ZeroVector
from index.records import MAX_DIMENSION, decode_record, decode_records, encode_record

GOLDEN = Path(__file__).parent / "golden" / "record-1.bin"
GOLDEN_VECTOR = np.array([0, 1, 0, -2.5, 0, 0, 0, 65504, 0, 6e-8, 0, 1 / 3], dtype=np.float32)


def sealed(body: bytes) -> bytes:
    """A record whose checksum is right, whatever it says."""
    return body + struct.pack("<I", zlib.crc32(body))


def poster_vector(seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return np.where(draw.random(25088) < 0.1065, draw.gamma(1, 10, 25088), 0).astype(np.float32)


def test_the_golden_record_is_written_and_read_for_ever():
    assert encode_record(GOLDEN_VECTOR) == GOLDEN.read_bytes()
    assert np.array_equal(decode_record(GOLDEN.read_bytes()), GOLDEN_VECTOR.astype(np.float16).astype(np.float32))


def test_the_layout_is_the_one_in_the_documents():
    record = encode_record(np.array([0, 1, 0, 0, 0, 0, 0, 0, 0, 2], dtype=np.float32))
    body = b"PV" + bytes([1, 0]) + (10).to_bytes(4, "little") + bytes([0b10, 0b10]) + np.array([1, 2], "<f2").tobytes()
    assert record == sealed(body)


@given(arrays(np.float32, array_shapes(max_dims=1, max_side=70), elements=st.floats(-7e4, 7e4, width=32)))
def test_what_is_encoded_comes_back_rounded_to_float16(vector):
    before = vector.copy()
    try:
        record = encode_record(vector)
    except InvalidVector as err:
        small = vector.astype(np.float64)
        halves = np.where(np.abs(small) > 65504, 0, small).astype(np.float16).astype(np.float64)
        shortest = min(np.linalg.norm(small), np.linalg.norm(halves))
        assert np.abs(small).max() > 65504 or shortest <= 1e-6, err
        return
    assert np.array_equal(decode_record(record), vector.astype(np.float16).astype(np.float32))
    assert encode_record(decode_record(record)) == record
    assert np.array_equal(vector, before)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_record_or_refused(content):
    for record in (content, sealed(content), sealed(b"PV\x01\x00" + content)):
        try:
            vector = decode_record(record)
        except BadRecord as err:
            assert "\n" not in str(err)
        else:
            assert np.isfinite(vector).all()


def test_a_poster_takes_under_nine_kilobytes_and_keeps_its_direction():
    vector = poster_vector()
    record = encode_record(vector)
    again = decode_record(record).astype(np.float64)
    assert 8000 < len(record) < 9000
    assert again @ vector / np.linalg.norm(again) / np.linalg.norm(vector.astype(np.float64)) > 0.9999999


def test_every_truncation_and_every_flipped_bit_is_refused():
    record = encode_record(GOLDEN_VECTOR)
    for length in range(len(record)):
        with pytest.raises(BadRecord):
            decode_record(record[:length])
    for place in range(len(record) * 8):
        flipped = bytearray(record)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(BadRecord):
            decode_record(bytes(flipped))
    with pytest.raises(BadRecord):
        decode_record(record + b"\0")


HEAD = b"PV\x01\x00"
LIES = {
    "another magic": (sealed(b"VP\x01\x00" + struct.pack("<I", 8) + b"\x01\x00\x3c"), "starts with"),
    "another format": (sealed(b"PV\x02\x00" + struct.pack("<I", 8) + b"\x01\x00\x3c"), "format 2"),
    "a reserved byte": (sealed(b"PV\x01\x07" + struct.pack("<I", 8) + b"\x01\x00\x3c"), "reserved byte 7"),
    "no dimension": (sealed(HEAD + struct.pack("<I", 0)), "dimension 0"),
    "a huge dimension": (sealed(HEAD + struct.pack("<I", 2**32 - 1)), "dimension 4294967295"),
    "a dimension without its bitmap": (sealed(HEAD + struct.pack("<I", MAX_DIMENSION)), "too short"),
    "a value without its bit": (sealed(HEAD + struct.pack("<I", 8) + b"\x00\x00\x3c"), "bitmap"),
    "a bit without its value": (sealed(HEAD + struct.pack("<I", 8) + b"\x03\x00\x3c"), "bitmap"),
    "a spare bit": (sealed(HEAD + struct.pack("<I", 4) + b"\x10\x00\x3c"), "bitmap"),
    "a stored zero": (sealed(HEAD + struct.pack("<I", 8) + b"\x01\x00\x00"), "zero or not finite"),
    "a stored NaN": (sealed(HEAD + struct.pack("<I", 8) + b"\x01\x00\x7e"), "zero or not finite"),
    "a stored infinity": (sealed(HEAD + struct.pack("<I", 8) + b"\x01\x00\x7c"), "zero or not finite"),
    "nothing": (b"", "0 bytes"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_record_that_lies_under_a_right_checksum_is_refused_by_name(name):
    record, why = LIES[name]
    with pytest.raises(BadRecord, match=why):
        decode_record(record)


@pytest.mark.parametrize(
    ("vector", "error"),
    [
        ([1, np.nan], NotFinite),
        ([1, np.inf], NotFinite),
        ([1, 65505], OutOfRange),
        ([1, -7e4], OutOfRange),
        ([0, 0], ZeroVector),
        ([1e-5, 1e-8], None),
        ([2e-6, 1e-8], None),
        ([1e-8] * 3000, ZeroVector),
        ([2.9e-8] * 25_088, ZeroVector),  # long enough as it is, and nothing of it in float16
    ],
)
def test_what_float16_cannot_keep_is_refused(vector, error):
    array = np.array(vector, dtype=np.float32)
    if error is None:
        assert decode_record(encode_record(array))[0] > 0
    else:
        with pytest.raises(error):
            encode_record(array)


def test_a_negative_zero_is_a_zero():
    record = encode_record(np.array([-0.0, 1], dtype=np.float32))
    assert record == encode_record(np.array([0.0, 1], dtype=np.float32))


def test_a_block_decodes_as_its_records_do_and_overwrites_all():
    vectors = [poster_vector(seed) for seed in range(4)]
    records = [encode_record(vector) for vector in vectors]
    out = np.full((4, 25088), np.nan, dtype=np.float32)
    assert decode_records(records, out) is out
    assert np.array_equal(out, np.stack([decode_record(record) for record in records]))


def test_a_block_says_which_of_its_records_is_bad():
    good, other = encode_record(np.ones(8, np.float32)), encode_record(np.ones(9, np.float32))
    out = np.empty((3, 8), np.float32)
    with pytest.raises(BadRecord, match="record 1 of the block"):
        decode_records([good, good[:-1], good], out)
    with pytest.raises(DimensionMismatch, match="record 2 of the block: expected 8, got 9"):
        decode_records([good, good, other], out)
    for wrong in (np.empty((2, 8), np.float32), np.empty((3, 8)), np.empty(24, np.float32)):
        with pytest.raises(DimensionMismatch):
            decode_records([good] * 3, wrong)
