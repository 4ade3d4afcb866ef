"""A user folded in: the ridge regression by hand and by brute force, and whatever his ratings are, numbers come out."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from ratings.folding import CAUTION, ItemSide
from ratings.matrix import RatingsMatrix

IDS = np.array([10, 20, 30, 40], np.int64)
BIASES = np.array([0.5, -0.5, 0.0, 0.25], np.float32)


def side(factors: Any, **options: Any) -> ItemSide:
    given: dict[str, Any] = {"mu": 3.5, "scale": (0.5, 5.0), "factor_regularization": 0.1, "bias_damping": 5.0}
    return ItemSide(IDS, BIASES, np.asarray(factors, np.float32), **given | options)


def drawn(n: int, f: int, seed: int = 0) -> ItemSide:
    draw = np.random.default_rng(seed)
    return ItemSide(
        movie_ids=np.arange(1, n + 1, dtype=np.int64) * 3,
        item_biases=draw.normal(0, 0.3, n).astype(np.float32),
        item_factors=draw.normal(0, 0.4, (n, f)).astype(np.float32),
        mu=3.5,
        scale=(0.5, 5.0),
        factor_regularization=0.06,
        bias_damping=5.0,
    )


def ids(*movie_ids: int) -> NDArray[np.int64]:
    return np.array(movie_ids, np.int64)


def stars(*given: float) -> NDArray[np.float32]:
    return np.array(given, np.float32)


def test_without_factors_the_bias_is_the_damped_mean_of_what_is_left() -> None:
    user = side(np.zeros((4, 2))).fold_in(ids(10, 20), stars(5, 4))
    assert user.bias == pytest.approx(((5 - 3.5 - 0.5) + (4 - 3.5 + 0.5)) / (2 + 5))
    assert user.factors.tolist() == [0, 0]


def test_one_rating_and_one_factor_by_hand() -> None:
    weight = 0.1 * (1 + CAUTION)
    user = side([[2], [0], [0], [0]]).fold_in(ids(10), stars(5))  # e = 5 - 3.5 - .5 = 1
    # (1 + 5) b + 2 x = 1 and 2 b + (4 + weight) x = 2
    determinant = 6 * (4 + weight) - 4
    assert user.bias == pytest.approx((4 + weight - 4) / determinant)
    assert user.factors.tolist() == pytest.approx([(12 - 2) / determinant])


@pytest.mark.parametrize("n", [1, 3, 4, 5, 6, 40])
def test_the_answer_is_where_the_error_is_least(n: int) -> None:
    made = drawn(60, 4)
    draw = np.random.default_rng(1)
    rated, given_stars = made.movie_ids[draw.choice(60, n, replace=False)], draw.uniform(0.5, 5, n).astype(np.float32)
    rows = made.rows(rated)[0]

    def error(w: Any) -> float:
        left = given_stars - made.mu - made.item_biases[rows] - w[0] - made.item_factors[rows] @ w[1:]
        return float((left**2).sum() + (n + CAUTION) * 0.06 * (w[1:] ** 2).sum() + 5.0 * w[0] ** 2)

    best = minimize(error, np.zeros(5), tol=1e-12).x
    user = made.fold_in(rated, given_stars)
    assert [user.bias, *user.factors] == pytest.approx(best, abs=1e-4)


def test_what_is_predicted_is_mean_biases_and_affinity() -> None:
    made = side([[1, 0], [0, 1], [1, 1], [0, 0]])
    user = made.fold_in(ids(10, 20), stars(5, 1))
    expected = made.predict(user, ids(30, 10))
    assert expected.stars[0] == pytest.approx(3.5 + user.bias + user.factors.sum(), abs=1e-6)
    assert expected.stars[1] == pytest.approx(4.0 + user.bias + user.factors[0], abs=1e-6)
    assert expected.known.tolist() == [True, True]
    assert expected.stars.dtype == np.float32


def test_all_movies_at_once_are_what_each_is_alone_before_clipping() -> None:
    made = drawn(200, 8)
    user = made.fold_in(made.movie_ids[:30], np.linspace(0.5, 5, 30).astype(np.float32))
    alone = made.predict(user, made.movie_ids).stars
    assert np.clip(made.drawn_to(user), 0.5, 5) == pytest.approx(alone, abs=1e-5)


def test_unknown_movies_are_skipped_and_counted() -> None:
    made = drawn(50, 4)
    rated, given_stars = made.movie_ids[:5], stars(5, 4, 3, 2, 1)
    user = made.fold_in(np.append(rated, [7, 10_000]), np.append(given_stars, stars(1, 1)))
    same = made.fold_in(rated, given_stars)
    assert (user.used, user.skipped) == (5, 2)
    assert user.factors.tolist() == same.factors.tolist()


def test_of_an_unknown_movie_the_mean_and_the_user_are_known_and_it_says_so() -> None:
    made = side(np.eye(4))
    user = made.fold_in(ids(10), stars(5))
    expected = made.predict(user, ids(5, 10, 99))
    assert expected.known.tolist() == [False, True, False]
    assert expected.stars[[0, 2]] == pytest.approx(3.5 + user.bias)


@pytest.mark.parametrize("rated", [ids(), ids(7, 99)])
def test_a_user_without_a_usable_rating_gets_what_everybody_gets(rated: NDArray[np.int64]) -> None:
    made = side(np.eye(4))
    user = made.fold_in(rated, np.full(len(rated), 5, np.float32))
    assert (user.bias, user.used, user.skipped) == (0.0, 0, len(rated))
    assert made.predict(user, IDS).stars == pytest.approx(3.5 + BIASES)


def test_predictions_stay_within_the_scale() -> None:
    made = side(np.eye(4), scale=(1.0, 4.0), bias_damping=0.0)
    assert made.predict(made.fold_in(IDS, stars(5, 5, 5, 5)), IDS).stars.max() == 4.0
    assert made.predict(made.fold_in(IDS, stars(0.5, 0.5, 0.5, 0.5)), IDS).stars.min() == 1.0


def test_who_loves_one_kind_and_hates_the_other_is_understood_from_four_ratings() -> None:
    made = ItemSide(
        movie_ids=np.arange(10, dtype=np.int64),
        item_biases=np.zeros(10, np.float32),
        item_factors=np.tile([[1.0, 0.0], [0.0, 1.0]], (5, 1)).astype(np.float32),  # even and odd movies
        mu=3.0,
        scale=(0.5, 5.0),
        factor_regularization=0.02,
        bias_damping=5.0,
    )
    user = made.fold_in(ids(0, 2, 1, 3), stars(5, 5, 1, 1))
    even, odd = made.predict(user, ids(8, 9)).stars
    assert even > 4 > 2 > odd


@given(
    n=st.integers(0, 30),
    f=st.integers(0, 40),
    seed=st.integers(0, 2**32 - 1),
    constant=st.booleans(),
    length=st.sampled_from([0.0, 1e-20, 1.0, 1e4]),
)
def test_whatever_is_rated_numbers_within_the_scale_come_out(
    n: int, f: int, seed: int, constant: bool, length: float
) -> None:
    draw = np.random.default_rng(seed)
    made = ItemSide(
        np.arange(1, 41, dtype=np.int64),
        draw.normal(0, 1, 40).astype(np.float32),
        (draw.normal(0, 1, (40, f)) * length).astype(np.float32),
        3.5,
        (0.5, 5.0),
        0.06,
        float(draw.choice([0.0, 5.0])),
    )
    rated = draw.choice(60, n, replace=False).astype(np.int64)
    given_stars = np.full(n, 4.0) if constant else draw.uniform(0.5, 5, n)
    expected = made.predict(made.fold_in(rated, given_stars.astype(np.float32)), np.arange(60, dtype=np.int64))
    assert np.isfinite(expected.stars).all()
    assert ((expected.stars >= 0.5) & (expected.stars <= 5)).all()
    assert expected.known.sum() == 40


def test_the_arrays_of_a_side_make_the_same_side() -> None:
    made = drawn(9, 3)
    again = ItemSide.from_arrays(made.arrays())
    assert (again.mu, again.scale, again.factor_regularization, again.bias_damping) == (3.5, (0.5, 5.0), 0.06, 5.0)
    for name in ("movie_ids", "item_biases", "item_factors"):
        assert np.array_equal(getattr(again, name), getattr(made, name))


@pytest.mark.parametrize(
    "wrong",
    [
        {"factor_regularization": 0.0},
        {"factor_regularization": float("nan")},
        {"bias_damping": -1.0},
        {"item_biases": np.zeros(3, np.float32)},
        {"item_factors": np.zeros((3, 2), np.float32)},
        {"item_factors": np.zeros(4, np.float32)},
    ],
)
def test_sides_that_do_not_fit_together_are_refused(wrong: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "movie_ids": IDS,
        "item_biases": BIASES,
        "item_factors": np.zeros((4, 2), np.float32),
        "mu": 3.5,
        "scale": (0.5, 5.0),
        "factor_regularization": 0.1,
        "bias_damping": 5.0,
    }
    with pytest.raises(ValueError, match=r"4 movies|must be above 0"):
        ItemSide(**good | wrong)


def matrix(rows: list[dict[int, float]], movie_ids: NDArray[np.int64]) -> RatingsMatrix:
    triples = [(u, int(np.searchsorted(movie_ids, m)), r) for u, row in enumerate(rows) for m, r in row.items()]
    users, cols, given = (np.array(column) for column in zip(*triples, strict=True))
    shape = (len(rows), len(movie_ids))
    return RatingsMatrix(
        csr_matrix((given.astype(np.float32), (users, cols)), shape=shape), np.arange(len(rows)) + 1, movie_ids
    )


def test_all_users_of_a_matrix_folded_in_are_each_of_them_folded_in() -> None:
    from ratings.folding import fold_in_all

    made = drawn(12, 3)
    columns = np.append(made.movie_ids[::2], [1000])  # half of the movies, and one that the side does not know
    rows: list[dict[int, float]] = [{3: 5.0, 9: 1.0, 1000: 2.0}, {}, {1000: 4.0}]
    folded = fold_in_all(matrix(rows, columns), made)
    for row, given_stars in enumerate(rows):
        user = made.fold_in(np.array(list(given_stars), np.int64), np.array(list(given_stars.values()), np.float32))
        alone = made.predict(user, columns).stars
        cols = np.arange(len(columns), dtype=np.int32)
        assert folded.predict(np.full(len(cols), row, np.int32), cols) == pytest.approx(alone, abs=1e-6)
