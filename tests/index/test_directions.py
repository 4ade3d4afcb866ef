"""Directions, codes and the products they come from, against NumPy in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index.directions import Directions, encode_rows, fit_directions, quantised
from index.gram import SIDE, gram_matrix, products, room
from index.packed import Packed
from index.record_blocks import pack_records
from index.records import encode_record


def _quiet(phase: str, done: int, of: int) -> None:
    """Says nothing."""


def packed(vectors: NDArray[np.float32]) -> Packed:
    return pack_records([encode_record(vector) for vector in vectors], vectors.shape[1])


def poster_like(count: int, dimension: int = 300, seed: int = 0, density: float = 0.2) -> NDArray[np.float32]:
    draw = np.random.default_rng(seed)
    values = draw.gamma(1.0, 10.0, (count, dimension)) * (draw.random((count, dimension)) < density)
    values[:, 0] += 1  # nobody is zero
    return values.astype(np.float16).astype(np.float32)


def cosines(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    units = vectors.astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    return np.asarray(units @ units.T)


def fit(rows: Packed, k: int) -> NDArray[np.float64]:
    return whole(fit_directions(rows, np.arange(len(rows)), k, _quiet))


def whole(directions: Directions) -> NDArray[np.float64]:
    return directions.numbers * directions.scales[:, None].astype(np.float64)


# One row, a few, a whole side of dense rows and one more; bitmaps of one chunk and of several.
@pytest.mark.parametrize("count", [1, 2, 7, SIDE, SIDE + 1, 300])
@pytest.mark.parametrize("dimension", [64, 300, 7000])
def test_the_gram_matrix_holds_the_cosines(count: int, dimension: int) -> None:
    vectors = poster_like(count, dimension)
    rows = packed(vectors)
    gram = gram_matrix(rows, np.arange(count), _quiet)
    assert np.abs(gram - cosines(vectors)).max() <= room(rows)
    assert (gram == gram.T).all()


def test_the_gram_matrix_takes_rows_in_the_order_given() -> None:
    vectors = poster_like(50)
    order = np.random.default_rng(1).permutation(50)[:20]
    gram = gram_matrix(packed(vectors), order, _quiet)
    assert np.abs(gram - cosines(vectors)[np.ix_(order, order)]).max() <= 1e-5


def test_strips_of_rows_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = packed(poster_like(300))
    whole_gram = gram_matrix(rows, np.arange(300), _quiet)
    monkeypatch.setattr("index.gram.STRIP", 70)
    monkeypatch.setattr("index.gram.SHORT_STRIP", 70)
    assert (gram_matrix(rows, np.arange(300), _quiet) == whole_gram).all()
    assert np.abs(products(rows, np.arange(300), np.arange(200)) - whole_gram[:, :200]).max() <= 1e-6


def test_products_are_the_cosines_of_the_rows_named() -> None:
    vectors = poster_like(200)
    rows = packed(vectors)
    left, right = np.arange(0, 200, 3), np.arange(199, 50, -1)
    close = products(rows, left, right)
    assert np.abs(close - cosines(vectors)[np.ix_(left, right)]).max() <= room(rows)
    assert products(rows, left, right[:0]).shape == (len(left), 0)
    assert products(rows, left[:0], right).shape == (0, len(right))


def test_numbers_of_either_sign_are_multiplied_too() -> None:
    vectors = np.random.default_rng(5).normal(0, 1, (60, 130)).astype(np.float16).astype(np.float32)
    rows = packed(vectors)
    assert np.abs(gram_matrix(rows, np.arange(60), _quiet) - cosines(vectors)).max() <= room(rows)


@pytest.mark.parametrize("threads", [1, 5])
def test_any_number_of_threads_makes_the_same_gram_matrix(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    rows = packed(poster_like(300))
    two = gram_matrix(rows, np.arange(300), _quiet)
    monkeypatch.setattr("index.gram.cores", lambda: threads)
    assert (gram_matrix(rows, np.arange(300), _quiet) == two).all()


def test_progress_ends_at_the_number_of_rows() -> None:
    told: list[tuple[str, int, int]] = []
    rows = packed(poster_like(150))
    fit_directions(rows, np.arange(150), 4, lambda *said: told.append(said))
    assert ("products", 150, 150) in told
    assert told[-1] == ("directions", 150, 150)


def test_rows_of_rank_three_lie_within_three_directions() -> None:
    parts = poster_like(3, 400)
    weights = np.random.default_rng(2).random((120, 3)) + 0.1
    vectors = (weights @ parts).astype(np.float32)
    rows = packed(vectors)
    directions = fit(rows, 5)
    units = rows.units(np.arange(120)).astype(np.float64)
    assert np.square(units @ directions).sum() == pytest.approx(120, rel=0.02)  # all of their energy
    # The fourth holds what float16 rounded off; it is a direction like any other, of hardly any energy.
    assert np.square(units @ directions[:, 3:]).sum() < 1e-3


def test_directions_beyond_the_rank_are_zero() -> None:
    same = np.repeat(poster_like(1), 20, axis=0)
    directions = fit(packed(same), 6)
    assert np.linalg.norm(directions[:, 0]) == pytest.approx(1, abs=0.01)
    assert not directions[:, 1:].any()


def test_directions_hold_as_much_as_the_singular_value_decomposition() -> None:
    rows = packed(poster_like(200))
    units = rows.units(np.arange(200)).astype(np.float64)
    strengths = np.linalg.svd(units, compute_uv=False)[:32]
    ours = np.square(units @ fit(rows, 32)).sum()
    assert ours == pytest.approx(np.square(strengths).sum(), rel=0.02)


def test_directions_stand_at_right_angles_at_length_one() -> None:
    directions = fit(packed(poster_like(200)), 24)
    assert np.abs(directions.T @ directions - np.eye(24)).max() < 0.02  # rounded to int8


def test_the_strongest_direction_comes_first() -> None:
    rows = packed(poster_like(200))
    energy = np.square(rows.units(np.arange(200)) @ fit(rows, 16)).sum(axis=0)
    assert (np.diff(energy) <= 1e-3 * energy[0]).all()


def test_the_number_of_largest_size_in_each_direction_is_positive() -> None:
    directions = fit(packed(poster_like(200)), 24)
    assert (directions[np.abs(directions).argmax(axis=0), np.arange(24)] > 0).all()


def test_a_second_fit_makes_the_same_bytes() -> None:
    rows = packed(poster_like(150))
    one, two = (fit_directions(rows, np.arange(150), 16, _quiet) for _ in range(2))
    assert one.numbers.tobytes() == two.numbers.tobytes()
    assert one.scales.tobytes() == two.scales.tobytes()


def test_a_gram_matrix_that_is_there_already_changes_nothing() -> None:
    rows = packed(poster_like(150))
    every = np.arange(150)
    given_it = fit_directions(rows, every, 16, _quiet, gram_matrix(rows, every, _quiet))
    assert (given_it.numbers == fit_directions(rows, every, 16, _quiet).numbers).all()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_fit_on_hardly_any_rows_holds_all_of_them(count: int) -> None:
    rows = packed(poster_like(count))
    directions = fit_directions(rows, np.arange(count), count, _quiet)
    codes, scales = encode_rows(rows, np.arange(count), directions)
    coordinates = codes * scales[:, None].astype(np.float64)
    assert np.linalg.norm(coordinates, axis=1) == pytest.approx(np.ones(count), abs=0.02)


@pytest.mark.parametrize(("rows", "k"), [(10, 11), (10, 0), (0, 1), (600, 513)])
def test_a_fit_that_cannot_be_is_refused(rows: int, k: int) -> None:
    with pytest.raises(ValueError, match=f"{k} directions of {rows} rows"):
        fit_directions(packed(poster_like(600, 64)), np.arange(rows), k, _quiet)


def test_codes_are_the_coordinates_of_rows_at_length_one() -> None:
    rows = packed(poster_like(300))
    directions = fit_directions(rows, np.arange(0, 300, 2), 32, _quiet)  # half of the rows were never seen
    codes, scales = encode_rows(rows, np.arange(300), directions)
    exact = rows.units(np.arange(300)).astype(np.float64) @ whole(directions)
    assert codes.dtype == np.int8 and scales.dtype == np.float32
    assert (np.abs(codes * scales[:, None].astype(np.float64) - exact) <= 0.51 * scales[:, None] + 1e-6).all()


def test_codes_come_in_the_order_of_the_rows_asked_for() -> None:
    rows = packed(poster_like(600, 128))
    directions = fit_directions(rows, np.arange(50), 8, _quiet)
    codes, scales = encode_rows(rows, np.arange(600), directions)
    order = np.random.default_rng(3).permutation(600)
    mixed_codes, mixed_scales = encode_rows(rows, order, directions)
    assert (mixed_codes == codes[order]).all() and (mixed_scales == scales[order]).all()


def test_a_row_that_shares_nothing_with_the_fit_has_a_code_of_zeros() -> None:
    vectors = np.zeros((3, 128), np.float32)
    vectors[:2, :20], vectors[2, 100] = 1, 5
    rows = packed(vectors)
    directions = fit_directions(rows, np.arange(2), 2, _quiet)
    codes, scales = encode_rows(rows, np.arange(3), directions)
    assert not codes[2].any() and scales[2] == 0
    assert scales[0] > 0


@given(
    st.lists(
        st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=4, max_size=4),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=200, deadline=None)
def test_rounding_to_int8_is_off_by_half_a_step_at_most(numbers: list[list[float]]) -> None:
    given_rows = np.array(numbers, np.float32)
    codes, scales = quantised(given_rows)
    assert np.abs(codes.astype(int)).max() <= 127
    back = codes * scales[:, None].astype(np.float64)
    # Numbers so small that float32 has few digits left for the step are kept as coarsely as float32 keeps them.
    tiny = 127 * float(np.finfo(np.float32).smallest_subnormal)
    assert (np.abs(back - given_rows) <= 0.5001 * scales[:, None].astype(np.float64) + tiny).all()
