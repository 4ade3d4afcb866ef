"""Neighbour lists: who is near, and what the lists are made of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratings.neighbourly import most_rated, nearest, neighbour_quality

GENRES = [frozenset({"Drama", "Crime"}), frozenset({"Crime"}), frozenset({"Comedy"}), frozenset[str]()]


def cols(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


def test_genre_jaccard_is_common_genres_over_all_and_skips_the_unknown() -> None:
    found = neighbour_quality(cols(0, 3), np.array([[1, 2, 3], [0, 1, -1]]), GENRES, np.array([9, 4, 2, 7]))
    assert found.jaccard == pytest.approx([(1 / 2 + 0) / 2])  # the movie without genres is in no pair
    assert found.mean_jaccard == pytest.approx(1 / 4)
    assert (found.median_ratings, found.different, found.asked) == (4, 4, 2)  # of 4, 2, 7 and 9, 4


def test_without_any_list_nothing_is_claimed() -> None:
    found = neighbour_quality(cols(0), np.array([[-1]]), GENRES, np.array([1, 1, 1, 1]))
    assert np.isnan(found.mean_jaccard)
    assert (found.median_ratings, found.different) == (0, 0)


def test_the_most_rated_are_asked_for_and_the_unrated_never() -> None:
    assert most_rated(np.array([3, 0, 9, 3]), 3).tolist() == [2, 0, 3]
    assert most_rated(np.array([3, 0, 9, 3]), 10).tolist() == [2, 0, 3]


def test_debias_goes_from_inner_product_to_cosine() -> None:
    vectors = np.array([[1, 0], [3, 3], [0.5, 0.1], [0, 0], [-1, 0]], np.float32)
    assert nearest(vectors, cols(0), k=4).tolist() == [[1, 2, 4, -1]]  # 3, 0.5, -1; the zero vector is nobody's
    assert nearest(vectors, cols(0), k=4, debias=1.0).tolist() == [[2, 1, 4, -1]]  # .98, .71, -1
    assert nearest(vectors, cols(3), k=2).tolist() == [[-1, -1]]


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 15), st.sampled_from([0.0, 0.25, 1.0]))
@settings(max_examples=50, deadline=None)
def test_any_vectors_give_what_sorting_all_pairs_gives(seed: int, movies: int, k: int, debias: float) -> None:
    vectors = np.random.default_rng(seed).normal(size=(movies, 3)).astype(np.float32)
    scores = (vectors @ vectors.T) / np.linalg.norm(vectors, axis=1) ** debias
    expected = [sorted(set(range(movies)) - {one}, key=lambda it: -scores[one, it])[:k] for one in range(movies)]
    found = nearest(vectors, np.arange(movies, dtype=np.int32), k, debias)
    assert [[it for it in row if it >= 0] for row in found.tolist()] == expected


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    asked = np.arange(30, dtype=np.int32)
    whole = nearest(vectors, asked)
    monkeypatch.setattr("ratings.neighbourly.CELLS_AT_ONCE", 70)
    assert (nearest(vectors, asked) == whole).all()
