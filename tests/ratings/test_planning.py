"""What is fitted is what memory has room for, and the line that says so has the numbers in it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from ratings.matrix import RatingsMatrix
from ratings.partial import bytes_by, cheaper_side
from ratings.planning import GIB, VectorMethod, plan_vectors


def matrix_with(users: int, n_ratings: list[int]) -> RatingsMatrix:
    """Each movie is rated by the first so many users, at most all of them."""
    cols = np.repeat(np.arange(len(n_ratings)), n_ratings)
    rows = np.concatenate([np.arange(count) for count in n_ratings]).astype(np.int64)
    shape = (users, len(n_ratings))
    user_items = csr_matrix((np.full(len(cols), 4, np.float32), (rows, cols)), shape=shape)
    return RatingsMatrix(user_items, np.arange(users, dtype=np.int64), np.arange(len(n_ratings), dtype=np.int64))


def needed(matrix: RatingsMatrix) -> int:
    """Bytes by the formulas of `ratings.partial`, two rows of X a user, and 24 bytes a rating; by the smaller side."""
    users, movies = 2 * len(matrix.user_ids), len(matrix.movie_ids)
    side = min(16 * users**2 + 20 * users * movies, 12 * movies**2)
    return side + 72 * len(matrix)


FEW_USERS = matrix_with(10, [3] * 100)
FEW_MOVIES = matrix_with(1000, [900, 500] + [10] * 98)
FLAT = matrix_with(1000, [10] * 100)


@pytest.mark.parametrize(("matrix", "side"), [(FEW_USERS, "by users"), (FEW_MOVIES, "by movies")])
def test_with_memory_enough_all_movies_are_fitted_by_the_smaller_side(matrix: RatingsMatrix, side: str) -> None:
    plan = plan_vectors(matrix, 10 * GIB)
    assert (plan.method, plan.fitted) == ("ease", None)
    assert "all 100 rated movies" in plan.why
    assert side in plan.why
    assert "of 5.0 GiB" in plan.why, "half of what is free"


@pytest.mark.parametrize("matrix", [FEW_USERS, FEW_MOVIES])
def test_it_fits_up_to_the_last_byte_of_half_the_free_memory(matrix: RatingsMatrix) -> None:
    assert plan_vectors(matrix, 2 * needed(matrix)).fitted is None
    less = plan_vectors(matrix, 2 * needed(matrix) - 2)
    assert less.method == "als" or less.fitted is not None


def test_the_side_changes_where_it_takes_as_much() -> None:
    """Both channels: a user is two rows. 16 r^2 + 20 r 100 is 12 x 100^2 at 44.3 rows."""
    for users, side in ((22, "by users"), (23, "by movies")):
        assert side in plan_vectors(matrix_with(users, [5] * 100), 10 * GIB).why


def test_with_less_memory_the_most_rated_are_fitted_and_the_others_folded_in() -> None:
    """Room for 12 x 20^2 bytes: 20 movies, which hold 900 + 500 + 18 x 10 of 2,380 ratings, not 80 %; 60 hold 83 %."""
    beside = 2 * 72 * len(FEW_MOVIES)
    plan = plan_vectors(FEW_MOVIES, beside + 2 * 12 * 60**2)
    assert (plan.method, plan.fitted) == ("ease", 60)
    assert "60 most-rated movies (83% of the ratings), 40 folded in" in plan.why
    assert "all would take movies" in plan.why
    assert plan_vectors(FEW_MOVIES, beside + 2 * 12 * 20**2).method == "als"


def test_where_the_fitted_would_hold_too_few_of_the_ratings_it_is_als() -> None:
    plan = plan_vectors(FLAT, 2 * 72 * len(FLAT) + 2 * 12 * 79**2)
    assert (plan.method, plan.fitted) == ("als", None)
    assert "implicit ALS" in plan.why
    assert "the 79 most-rated that fit hold only 79% of the ratings" in plan.why
    enough = plan_vectors(FLAT, 2 * 72 * len(FLAT) + 2 * 12 * 80**2)
    assert (enough.method, enough.fitted) == ("ease", 80)


@pytest.mark.parametrize("free", [0, -GIB, 1000])
def test_without_memory_it_is_als(free: int) -> None:
    plan = plan_vectors(FLAT, free)
    assert (plan.method, plan.fitted) == ("als", None)
    assert "0 most-rated" in plan.why


@pytest.mark.parametrize("asked", ["als", "sgd"])
@pytest.mark.parametrize("free", [0, 10 * GIB])
def test_what_is_asked_for_is_done(asked: VectorMethod, free: int) -> None:
    plan = plan_vectors(FLAT, free, asked)
    assert (plan.method, plan.fitted, plan.why) == (asked, None, f"{asked} was asked for")


def test_ease_that_is_asked_for_is_fitted_as_far_as_memory_goes() -> None:
    assert plan_vectors(FLAT, 10 * GIB, "ease").fitted is None
    plan = plan_vectors(FLAT, 2 * 72 * len(FLAT) + 2 * 12 * 30**2, "ease")
    assert (plan.method, plan.fitted) == ("ease", 30)
    assert "30% of the ratings" in plan.why


def test_a_real_size_by_hand() -> None:
    """671 users and 9,066 movies: 16 x 1,342^2 + 20 x 1,342 x 9,066 bytes are .25 GiB."""
    plan = plan_vectors(matrix_with(671, [1] * 9066), GIB)
    assert plan.why == "EASE of all 9,066 rated movies: it fits, by users, 0.25 GiB of 0.5 GiB"


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 60),
    st.lists(st.integers(0, 60), min_size=1, max_size=40),
    st.integers(-GIB, 10 * GIB) | st.integers(0, 100_000),
    st.sampled_from([None, "ease", "als", "sgd"]),
)
def test_any_matrix_and_memory_get_a_plan_that_fits(
    users: int, counts: list[int], free: int, asked: VectorMethod | None
) -> None:
    matrix = matrix_with(users, [min(count, users) for count in counts])
    plan = plan_vectors(matrix, free, asked)
    assert "\n" not in plan.why
    assert plan.method == asked or asked in (None, "ease")
    if plan.fitted is not None:
        assert plan.method == "ease"
        assert plan.fitted > 0
        assert 12 * plan.fitted**2 + 72 * len(matrix) <= free / 2


def test_the_side_that_takes_less_is_planned_even_where_it_has_more_rows() -> None:
    """By users costs a pair of rows and a cell more than by movies costs a pair of movies."""
    assert cheaper_side(rows=4_000, movies=4_500) == "movies"
    assert cheaper_side(rows=1_342, movies=9_066) == "users"
    assert bytes_by("movies", 4_000, 4_500) < bytes_by("users", 4_000, 4_500)
