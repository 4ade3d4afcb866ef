"""Rating columns and the matrix made from them."""

import numpy as np
import pytest

from ratings.columns import RatingColumns, in_order, latest_of_each_pair
from ratings.errors import UnknownUser, UnratedMovie
from ratings.matrix import RatingsMatrix


def columns(*rows: tuple[int, int, float, int]) -> RatingColumns:
    users, movies, stars, times = zip(*rows, strict=True)
    return RatingColumns(
        np.array(users, np.int32), np.array(movies, np.int32), np.array(stars, np.float32), np.array(times, np.int64)
    )


def test_at_the_same_time_the_later_row_wins() -> None:
    kept, superseded = latest_of_each_pair(columns((1, 1, 2.0, 5), (1, 1, 4.0, 5)))
    assert (kept.ratings.tolist(), superseded) == ([4.0], 1)


def test_the_matrix_is_as_wide_as_there_are_movies_not_as_their_largest_id() -> None:
    matrix = RatingsMatrix.from_columns(columns((7, 2_000_000_000, 4.0, 1), (9, 3, 2.0, 1)))
    assert matrix.user_items.shape == (2, 2)
    assert matrix.user_items[matrix.row_of_user(7), matrix.row_of_movie(2_000_000_000)] == 4.0
    assert matrix.sparsity == 0.5
    with pytest.raises(UnknownUser, match="8"):
        matrix.row_of_user(8)
    with pytest.raises(UnratedMovie, match="4"):
        matrix.row_of_movie(4)


def test_columns_that_are_in_order_come_back_uncopied() -> None:
    given = columns((1, 2, 3.5, 9), (1, 3, 0.5, 8), (2, 1, 1.0, 7))
    latest, superseded = latest_of_each_pair(given)
    assert (latest, superseded) == (given, 0)
    assert np.shares_memory(RatingsMatrix.from_columns(given).user_items.data, given.ratings)


@pytest.mark.parametrize("seed", range(5))
def test_the_matrix_holds_the_latest_of_each_pair_whatever_the_order(seed: int) -> None:
    draw = np.random.default_rng(seed)
    users, movies, times = draw.integers(1, 6, 60), draw.integers(10**9, 10**9 + 6, 60), draw.integers(0, 9, 60)
    stars = draw.choice([0.5, 2.0, 3.5, 5.0], 60)
    rows = list(zip(users.tolist(), movies.tolist(), stars.tolist(), times.tolist(), strict=True))
    want: dict[tuple[int, int], tuple[int, float]] = {}
    for user, movie, star, when in rows:
        if when >= want.get((user, movie), (-1, 0.0))[0]:
            want[user, movie] = (when, star)
    matrix = RatingsMatrix.from_columns(columns(*rows))
    got = {
        (int(matrix.user_ids[row]), int(matrix.movie_ids[col])): float(star)
        for row, col, star in zip(*matrix.triples(), strict=True)
    }
    assert got == {pair: star for pair, (_, star) in want.items()}
    assert matrix.n_ratings.sum() == len(matrix) == len(want)


def test_order_is_checked_across_runs_and_against_what_went_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratings.columns.PAIRS_AT_ONCE", 2)
    good = columns((1, 2, 1.0, 0), (1, 3, 1.0, 0), (2, 1, 1.0, 0), (3, 1, 1.0, 0))
    assert in_order(good)
    assert in_order(good, after=(1, 1))
    assert not in_order(good, after=(1, 2))
    assert not in_order(columns((1, 2, 1.0, 0), (1, 3, 1.0, 0), (1, 3, 1.0, 0)))
    assert not in_order(columns((1, 2, 1.0, 0), (2, 1, 1.0, 0), (1, 9, 1.0, 0)))


def test_the_largest_ids_sort_as_numbers_do() -> None:
    top = 2**31 - 1
    assert in_order(columns((1, top, 1.0, 0), (2, 1, 1.0, 0), (top, 1, 1.0, 0), (top, top, 1.0, 0)))
