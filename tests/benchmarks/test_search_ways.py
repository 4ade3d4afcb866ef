"""The other ways: with enough candidates each of them is exact, and with few it looks where it says."""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.search_ways import DirectionsWay, ListsWay, leading
from index.packed import Packed
from index.record_blocks import pack_records
from index.records import encode_record

DIMENSION, ROWS = 150, 60


@pytest.fixture
def packed() -> Packed:
    draw = np.random.default_rng(8)
    rows = np.maximum(draw.normal(-0.8, 1.0, (ROWS, DIMENSION)), 0).astype(np.float32)
    return pack_records([encode_record(row) for row in rows], DIMENSION)


def question() -> NDArray[np.float32]:
    return np.maximum(np.random.default_rng(9).normal(-0.8, 1.0, DIMENSION), 0).astype(np.float32)


def exact(packed: Packed, vector: NDArray[np.float32], among: NDArray[np.int64] | None = None) -> list[int]:
    rows = np.arange(ROWS) if among is None else among
    scores = packed.units(rows).astype(np.float64) @ vector.astype(np.float64)
    best: list[int] = rows[np.argsort(-scores)[:10]].tolist()
    return best


def test_with_all_candidates_both_ways_are_exact(packed: Packed) -> None:
    vector = question()
    want = exact(packed, vector)
    assert DirectionsWay.fitted(packed, 8).ask(vector, ROWS).tolist() == want
    assert ListsWay.of(packed).ask(vector, DIMENSION, ROWS).tolist() == want
    assert ListsWay.of(packed).ask(vector, DIMENSION, 10 * ROWS).tolist() == want


def test_all_lists_promise_the_exact_product(packed: Packed) -> None:
    vector = question()
    assert ListsWay.of(packed).ask(vector, DIMENSION, 10).tolist() == exact(packed, vector)


def test_lists_hold_every_number_once_in_the_order_of_rows(packed: Packed) -> None:
    lists, units = ListsWay.of(packed), packed.units(np.arange(ROWS))
    for number in range(DIMENSION):
        part = slice(lists.starts[number], lists.starts[number + 1])
        rows = np.flatnonzero(units[:, number])
        assert lists.rows[part].tolist() == rows.tolist()
        assert np.allclose(lists.values[part], units[rows, number], rtol=1e-6)


def test_only_the_lists_of_the_largest_numbers_are_walked(packed: Packed) -> None:
    vector, units = question(), packed.units(np.arange(ROWS))
    cut = np.where(vector >= np.sort(vector)[-5], vector, 0)
    candidates = np.sort(np.argsort(-(units @ cut))[:20])
    assert ListsWay.of(packed).ask(vector, 5, 20).tolist() == exact(packed, vector, candidates)


def test_directions_choose_by_their_own_product(packed: Packed) -> None:
    way, vector, units = DirectionsWay.fitted(packed, 4), question(), packed.units(np.arange(ROWS))
    promised = (units @ way.directions) @ (vector @ way.directions)
    assert way.ask(vector, 15).tolist() == exact(packed, vector, np.sort(np.argsort(-promised)[:15]))


def test_the_leading_eigenvectors_are_those_of_a_full_decomposition(packed: Packed) -> None:
    units = packed.units(np.arange(ROWS))
    gram = units @ units.T
    found, want = leading(gram, 5), np.linalg.eigh(gram.astype(np.float64))[1][:, ::-1][:, :5]
    assert np.allclose(np.abs((found * want).sum(0)), 1, atol=1e-3)
