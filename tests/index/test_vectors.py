import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from index.errors import DimensionMismatch, DuplicateId, InvalidVector, NotFinite, OutOfRange, ZeroVector
from index.vectors import MAX_NORM, MIN_NORM, checked, checked_ids, unit_rows

BAD = [
    ([np.nan, 1, 2], NotFinite),
    ([np.inf, 1, 2], NotFinite),
    ([-np.inf, np.inf, 2], NotFinite),
    ([0, 0, 0], ZeroVector),
    ([-0.0, 0, 0], ZeroVector),
    ([1e-23, 0, 0], ZeroVector),
    ([1e-40, 0, 0], ZeroVector),
    ([MIN_NORM / 2, 0, 0], ZeroVector),
    ([1e20, 0, 0], OutOfRange),
    ([MAX_NORM * 2, 0, 0], OutOfRange),
    ([3e38, 3e38, 3e38], OutOfRange),
]


@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(width=32)))
def test_unit_rows_are_of_length_one_or_a_named_movie_is_refused(vectors):
    ids = np.arange(len(vectors), dtype=np.int64) + 100
    before = vectors.copy()
    with np.errstate(all="raise"):
        wide = vectors.astype(np.float64)
    norms = np.sqrt((wide * wide).sum(axis=1))
    good = np.isfinite(norms) & (norms > MIN_NORM) & (norms < MAX_NORM)
    if good.all():
        units = unit_rows(vectors, ids)
        assert units.dtype == np.float32
        assert np.abs(np.linalg.norm(units.astype(np.float64), axis=1) - 1).max() < 1e-6
        assert np.allclose(units * norms[:, None], vectors, rtol=1e-5, atol=1e-30)
        assert not np.shares_memory(units, vectors)
    else:
        with pytest.raises(InvalidVector, match=r"movie 1\d\d"):
            unit_rows(vectors, ids)
    assert np.array_equal(vectors, before, equal_nan=True)


@pytest.mark.parametrize(("vector", "error"), BAD)
def test_a_bad_row_among_good_ones_is_named_by_its_movie(vector, error):
    vectors = np.ones((3, 3), dtype=np.float32)
    vectors[1] = vector
    with pytest.raises(error, match="movie 42") as raised:
        unit_rows(vectors, np.array([7, 42, 9]))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("vector", "error"), BAD)
def test_a_single_vector_meets_the_same_gate(vector, error):
    with pytest.raises(error):
        checked(np.array(vector, dtype=np.float32), 42)


def test_a_good_single_vector_comes_back_itself():
    vector = np.array([3, 4], dtype=np.float32)
    assert checked(vector) is vector


@pytest.mark.parametrize(
    ("vectors", "ids"),
    [
        (np.ones((2, 3)), np.arange(2)),
        (np.ones((2, 3), np.float16), np.arange(2)),
        (np.ones(3, np.float32), np.arange(3)),
        (np.ones((2, 3), np.float32), np.arange(3)),
    ],
)
def test_other_dtypes_and_shapes_are_refused(vectors, ids):
    with pytest.raises(DimensionMismatch):
        unit_rows(vectors, ids)


def test_a_vector_of_another_shape_is_refused():
    with pytest.raises(DimensionMismatch, match=r"float64 \(2,\)"):
        checked(np.ones(2))
    with pytest.raises(DimensionMismatch):
        checked(np.ones((1, 2), np.float32))


def test_an_id_given_twice_is_named():
    with pytest.raises(DuplicateId, match="movie 5 "):
        checked_ids(np.array([9, 5, 7, 5]))
    ids = np.array([9, 5, 7])
    assert checked_ids(ids) is ids
    with pytest.raises(DimensionMismatch):
        checked_ids(ids.astype(np.int32))
