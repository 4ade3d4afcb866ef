"""Lists of unseen movies: known answers, a slow oracle, and implicit's own figures."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implicit.evaluation import ranking_metrics_at_k
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.errors import NothingToFit
from ratings.matrix import RatingsMatrix
from ratings.metrics import NotANumber
from ratings.ranking import Rankings, rank_unseen
from ratings.splits import Split, share_per_user

Scores = NDArray[np.float32]


class Says:
    """Ranks by a table."""

    def __init__(self, table: Scores) -> None:
        self.table = np.asarray(table, np.float32)

    def scores(self, rows: NDArray[np.int32]) -> Scores:
        return self.table[rows]


class ForImplicit:
    """The same table behind the interface of implicit's models."""

    def __init__(self, table: Scores) -> None:
        self.table = table

    def recommend(
        self,
        userid: NDArray[np.int32],
        user_items: csr_matrix,
        N: int,  # noqa: N803 - implicit calls it so
    ) -> tuple[NDArray[np.int32], Scores]:
        scores = self.table[userid].copy()
        scores[user_items.nonzero()] = -np.inf
        ids = np.argsort(-scores, axis=1)[:, :N].astype(np.int32)
        return ids, np.take_along_axis(scores, ids, axis=1)


def matrix_of(dense: NDArray[np.float32]) -> RatingsMatrix:
    user_items = csr_matrix(np.asarray(dense, np.float32))
    users, movies = user_items.shape
    return RatingsMatrix(user_items, np.arange(users, dtype=np.int64), np.arange(movies, dtype=np.int64))


def split_of(train: list[list[float]], test: list[list[float]]) -> Split:
    return Split(matrix_of(np.array(train, np.float32)), matrix_of(np.array(test, np.float32)))


def random_split(seed: int, users: int = 40, movies: int = 60, density: float = 0.4) -> Split:
    draw = np.random.default_rng(seed)
    stars = draw.integers(1, 11, (users, movies)) / 2
    return share_per_user(matrix_of(np.where(draw.random((users, movies)) < density, stars, 0)), 0.3, seed)


def slowly(table: Scores, split: Split) -> list[tuple[float, float, float, float]]:
    """NDCG@10, recall@20, reciprocal rank and popularity, user by user, as their definitions say."""
    train, test = split.train.user_items.toarray(), split.test.user_items.toarray()
    counts = (train > 0).sum(axis=0)
    found = []
    for user in range(len(train)):
        liked = {movie for movie, stars in enumerate(test[user]) if stars >= 4}
        if not liked or not train[user].any():
            continue
        order = sorted(np.flatnonzero(train[user] == 0).tolist(), key=lambda movie: -table[user, movie])
        gained = sum(1 / math.log2(place + 2) for place, movie in enumerate(order[:10]) if movie in liked)
        ideal = sum(1 / math.log2(place + 2) for place in range(min(10, len(liked))))
        recall = len(liked & set(order[:20])) / min(20, len(liked))
        first = next(place for place, movie in enumerate(order, 1) if movie in liked)
        found.append((gained / ideal, recall, 1 / first, float(np.mean([counts[movie] for movie in order[:10]]))))
    return found


def by_user(rankings: Rankings) -> list[tuple[float, ...]]:
    return list(zip(rankings.ndcg, rankings.recall, rankings.reciprocal_rank, rankings.popularity, strict=True))


def test_a_list_by_hand() -> None:
    train = [[5, 0, 0, 0, 0], [0, 0, 0, 0, 3]]
    test = [[0, 4, 3.5, 0, 5], [0, 0, 0, 0, 0]]
    # user 0 has seen movie 0; the list is 3, 1 (liked), 2 (not liked at 3.5), 4 (liked); user 1 likes nothing
    rankings = rank_unseen(Says(np.array([[9, 3, 2, 4, 1], [0, 0, 0, 0, 0]])), split_of(train, test))
    ideal = 1 + 1 / math.log2(3)
    assert rankings.ndcg == pytest.approx([(1 / math.log2(3) + 1 / math.log2(5)) / ideal])
    assert rankings.recall == pytest.approx([1.0])
    assert rankings.reciprocal_rank == pytest.approx([1 / 2])
    assert rankings.popularity == pytest.approx([1 / 4])  # of the four shown only movie 4 has a training rating
    assert rankings.shown.tolist() == [0, 1, 1, 1, 1]
    assert (rankings.coverage, rankings.coverage_share) == (4, 0.8)


def test_who_likes_more_than_twenty_needs_only_twenty_of_them() -> None:
    train, test = np.zeros((2, 60)), np.zeros((2, 60))
    train[:, 59], test[:, :30] = 3, 5  # thirty liked; of the first twenty they are all, or fifteen
    table = np.stack([np.arange(60, 0, -1), np.roll(np.arange(60, 0, -1), 15)])
    rankings = rank_unseen(Says(table), split_of(train.tolist(), test.tolist()))
    assert rankings.recall.tolist() == [1, 15 / 20]
    assert rankings.ndcg == pytest.approx([1, 1])


def test_a_user_without_a_training_rating_does_not_count() -> None:
    rankings = rank_unseen(Says(np.eye(2)), split_of([[0, 0], [1, 0]], [[5, 0], [0, 5]]))
    assert rankings.ndcg.tolist() == [1.0]


def test_a_perfect_list_has_one_everywhere() -> None:
    split = random_split(1)
    rankings = rank_unseen(Says(split.test.user_items.toarray()), split)
    # with two liked of four stars and one of five any order of the liked is perfect: gains are 0 or 1
    assert (rankings.ndcg > 1 - 1e-12).all()
    assert (rankings.recall == 1).all()
    assert (rankings.reciprocal_rank == 1).all()


@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_any_split_gives_what_the_definitions_say(seed: int, users: int, movies: int) -> None:
    split = random_split(seed, users, movies)
    draw = np.random.default_rng(seed)
    table = draw.permutation(users * movies).reshape(users, movies).astype(np.float32) - users * movies / 2
    expected = slowly(table, split)
    if not expected:
        with pytest.raises(NothingToFit):
            rank_unseen(Says(table), split)
        return
    assert np.array(by_user(rank_unseen(Says(table), split))) == pytest.approx(np.array(expected))


@pytest.mark.parametrize("seed", range(3))
def test_ndcg_is_that_of_implicit(seed: int) -> None:
    split = random_split(seed, users=200, movies=300)
    table = np.random.default_rng(seed).normal(size=(200, 300)).astype(np.float32)
    liked = split.test.user_items.copy()
    liked.data = (liked.data >= 4).astype(np.float32)
    liked.eliminate_zeros()
    theirs = ranking_metrics_at_k(
        ForImplicit(table), split.train.user_items, liked, K=10, show_progress=False, num_threads=1
    )
    assert rank_unseen(Says(table), split).ndcg.mean() == pytest.approx(theirs["ndcg"])


def test_blocks_of_users_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    split, table = random_split(3), np.random.default_rng(3).normal(size=(40, 60))
    whole = rank_unseen(Says(table), split)
    monkeypatch.setattr("ratings.ranking.CELLS_AT_ONCE", 130)  # two users
    parts = rank_unseen(Says(table), split)
    assert by_user(parts) == by_user(whole)
    assert (parts.shown == whole.shown).all()


def test_equal_scores_do_not_favour_small_ids() -> None:
    """All scores equal: were the order that of the ids, the liked first movies would be first for everybody."""
    train = np.zeros((3, 1000), np.float32)
    train[:, 999] = 3
    test = np.zeros((3, 1000), np.float32)
    test[:, :10] = 5
    split = Split(matrix_of(train), matrix_of(test))
    rankings = rank_unseen(Says(np.zeros((3, 1000))), split)
    assert (rankings.ndcg < 0.5).all()
    assert rankings.coverage == 10  # everybody has the same list
    signs = np.where(np.arange(3000).reshape(3, 1000) % 2, -0.0, 0.0)
    assert by_user(rankings) == by_user(rank_unseen(Says(signs), split))  # -0 equals 0


def test_infinite_scores_are_an_order_like_any_other_and_never_bring_a_seen_movie_back() -> None:
    table = np.array([[np.inf, -np.inf, np.inf, 0]])
    rankings = rank_unseen(Says(table), split_of([[5, 0, 0, 0]], [[0, 5, 0, 0]]))
    assert rankings.reciprocal_rank.tolist() == [1 / 3]
    assert rankings.shown.tolist() == [0, 1, 1, 1]


def test_a_score_of_nan_is_an_error_of_the_method_and_no_figure() -> None:
    with pytest.raises(NotANumber, match="1 scores that are not numbers"):
        rank_unseen(Says(np.array([[0, np.nan, 1]])), split_of([[5, 0, 0]], [[0, 5, 0]]))
