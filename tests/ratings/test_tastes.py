"""The taste of a user and what speaks for a movie, by hand and against the sums they stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratings.tastes import TASTE_POWER, Taste


def taste(stars: list[float], vectors: list[list[float]], movie_ids: list[int] | None = None) -> Taste:
    ids = np.array(movie_ids or range(1, len(stars) + 1), np.int64)
    return Taste(ids, np.array(stars, np.float32), np.array(vectors, np.float32))


def drawn(n: int, seed: int = 3) -> Taste:
    draw = np.random.default_rng(seed)
    return taste(draw.uniform(0.5, 5, n).tolist(), draw.normal(0, 1, (n, 6)).tolist())


def rows(vectors: list[list[float]]) -> np.ndarray:
    return np.array(vectors, np.float32)


def test_the_vector_is_the_sum_of_what_was_rated_by_its_stars() -> None:
    asked = taste([5, 2.5], [[1, 0], [0, 4]]).vector()
    assert asked.tolist() == pytest.approx([1.0, 4 * 0.5**TASTE_POWER])
    assert asked.dtype == np.float32


def test_contributions_by_hand() -> None:
    made = taste([5, 5, 5], [[1, 0], [2, 0], [0, 1]], [10, 20, 30])
    [reasons] = made.because(rows([[3, 0]]))
    assert [(reason.movie_id, reason.contribution) for reason in reasons] == [(20, 6.0), (10, 3.0)]
    assert [reason.share for reason in reasons] == pytest.approx([2 / 3, 1 / 3])


def test_all_contributions_add_up_to_the_affinity() -> None:
    made = taste([4, 4, 4, 4], np.random.default_rng(0).uniform(0.1, 1, (4, 3)).tolist())  # all speak for it
    candidates = rows(np.random.default_rng(1).uniform(0.1, 1, (5, 3)).tolist())
    affinities = candidates.astype(np.float64) @ made.vector()
    for reasons, affinity in zip(made.because(candidates, top=4), affinities, strict=True):
        assert sum(reason.contribution for reason in reasons) == pytest.approx(affinity, rel=1e-5)
        assert sum(reason.share for reason in reasons) == pytest.approx(1)


def test_three_are_named_the_strongest_first() -> None:
    made = drawn(50)
    for reasons in made.because(made.vectors):
        assert len(reasons) <= 3
        assert [r.contribution for r in reasons] == sorted((r.contribution for r in reasons), reverse=True)


def test_what_speaks_against_a_movie_is_no_reason() -> None:
    assert taste([5, 5], [[-1, 0], [0, 1]]).because(rows([[1, 0]])) == [[]]


def test_a_movie_that_was_disliked_is_no_reason_however_alike() -> None:
    made = taste([1, 5], [[100, 0], [1, 0]], [10, 20])
    assert [reason.movie_id for reason in made.because(rows([[1, 0]]))[0]] == [20]


def test_four_stars_are_a_reason_for_who_gives_five_to_the_others() -> None:
    made = taste([5, 5, 4, 3.5], [[1, 0], [1, 0], [9, 0], [99, 0]], [10, 20, 30, 40])
    assert [reason.movie_id for reason in made.because(rows([[1, 0]]))[0]] == [30, 10, 20]


@pytest.mark.parametrize("stars", [0.5, 1.1, 3.3, 5.0])
def test_who_rates_everything_alike_has_reasons_all_the_same(stars: float) -> None:
    made = taste([stars] * 7, [[1, 0]] * 7)
    [reasons] = made.because(rows([[1, 0]]))
    assert [reason.movie_id for reason in reasons] == [1, 2, 3]  # equal ones by movie_id


def test_equal_contributions_are_ordered_by_movie() -> None:
    made = taste([5, 5, 5], [[1, 0]] * 3, [30, 10, 20])
    assert [reason.movie_id for reason in made.because(rows([[1, 0]]))[0]] == [10, 20, 30]


def test_no_ratings_and_no_candidates_give_nothing() -> None:
    nobody = Taste(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros((0, 3), np.float32))
    assert nobody.vector().tolist() == [0, 0, 0]
    assert nobody.because(np.ones((2, 3), np.float32)) == [[], []]
    assert drawn(4).because(np.zeros((0, 6), np.float32)) == []


@given(
    n=st.integers(1, 20), m=st.integers(0, 5), seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0, 1e-12, 1e6])
)
def test_shares_are_shares_whatever_the_vectors_are(n: int, m: int, seed: int, scale: float) -> None:
    draw = np.random.default_rng(seed)
    made = taste(draw.uniform(0.5, 5, n).tolist(), (draw.normal(0, 1, (n, 4)) * scale).tolist())
    for reasons in made.because((draw.normal(0, 1, (m, 4)) * scale).astype(np.float32)):
        assert all(0 < reason.share <= 1 and reason.contribution > 0 for reason in reasons)
        assert sum(reason.share for reason in reasons) <= 1 + 1e-9
