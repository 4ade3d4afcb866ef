from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from index.errors import DimensionMismatch, NotFinite, NotInIndex, ZeroVector
from index.flat import MAX_K, Neighbour
from index.vectors import unit_rows

REUSED = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def brute_force(ids, rows, query, k, allowed=None, low=-np.inf, high=np.inf):
    """Every row by its float64 inner product rounded to float32, best first, ties by movie_id."""
    scores = np.array([np.float32((row.astype(np.float64) * query.astype(np.float64)).sum()) for row in rows])
    scores = scores.clip(np.float32(low), np.float32(high))
    ranked = sorted(zip((-scores).tolist(), ids.tolist(), strict=True))
    allowed = set(ids.tolist()) if allowed is None else allowed
    return [Neighbour(movie_id, -score + 0.0) for score, movie_id in ranked if movie_id in allowed][:k]


def posters(count=300, dimension=64, seed=0):
    draw = np.random.default_rng(seed)
    vectors = np.where(draw.random((count, dimension)) < 0.3, draw.gamma(1, 5, (count, dimension)), 0) + 1e-3
    ids = draw.permutation(np.arange(10, 10 + count)).astype(np.int64)
    return ids, vectors.astype(np.float32), (draw.random(count) < 0.2).astype(np.uint8)


@pytest.mark.parametrize("kind", ["same", "any", "real", "generated"])
def test_a_movie_search_equals_brute_force(flat_space, kind):
    ids, vectors, cards = posters()
    space, rows = flat_space(ids, vectors, generated=cards), unit_rows(vectors, ids)
    for row in range(0, len(ids), 13):
        own = int(ids[row])
        wanted = {"same": bool(cards[row]), "real": False, "generated": True}.get(kind)
        allowed = {int(i) for i, card in zip(ids, cards, strict=True) if wanted is None or bool(card) == wanted} - {own}
        for k in (1, 10, 100):
            want = brute_force(ids, rows, rows[row], k, allowed, 0, 1)
            assert space.search_movie(own, k, kind) == want


def test_a_vector_search_equals_brute_force_whatever_its_length(flat_space):
    ids, vectors, cards = posters()
    space, rows = flat_space(ids, vectors, generated=cards), unit_rows(vectors, ids)
    query = posters(1, seed=9)[1][0]
    want = brute_force(ids, rows, unit_rows(query[None], ids[:1])[0], 10, None, 0, 1)
    assert space.search_vector(query, 10) == want
    assert space.search_vector(query * np.float32(64), 10) == want


def test_inner_products_equal_brute_force(flat_space):
    draw = np.random.default_rng(1)
    ids = np.arange(1, 201, dtype=np.int64)
    rows = (draw.normal(size=(200, 16)) * draw.gamma(1, 10, (200, 1))).astype(np.float32)
    space = flat_space(ids, rows, "inner_product", name="ratings")
    for row in (0, 50, 199):
        allowed = set(ids.tolist()) - {row + 1}
        assert space.search_movie(row + 1, 20) == brute_force(ids, rows, rows[row], 20, allowed)


@REUSED
@given(arrays(np.int8, st.tuples(st.integers(1, 40), st.integers(1, 5)), elements=st.integers(-2, 2)), st.data())
def test_ties_go_by_movie_id_and_reach_over_the_end_of_the_list(flat_space, small, data):
    count = len(small)
    ids = np.array(data.draw(st.permutations(range(1, count + 1))), dtype=np.int64)
    cards = np.array(data.draw(st.lists(st.integers(0, 1), min_size=count, max_size=count)), dtype=np.uint8)
    k = data.draw(st.integers(1, count + 2))
    rows = small.astype(np.float32)
    space = flat_space(ids, rows, "inner_product", cards)
    row = data.draw(st.integers(0, count - 1))
    kind = data.draw(st.sampled_from(["same", "any", "real", "generated"]))
    wanted = {"same": cards[row], "real": 0, "generated": 1}.get(kind)
    allowed = {int(i) for i, card in zip(ids, cards, strict=True) if wanted is None or card == wanted} - {int(ids[row])}
    assert space.search_movie(int(ids[row]), k, kind) == brute_force(ids, rows, rows[row], k, allowed)


def test_many_movies_with_one_poster_are_answered_by_id(flat_space):
    ids = np.random.default_rng(2).permutation(np.arange(1, 501)).astype(np.int64)
    space = flat_space(ids, np.tile(posters(1, 4096)[1], (500, 1)))
    hits = space.search_movie(250, 100)
    assert [hit.movie_id for hit in hits] == list(range(1, 101))
    assert {hit.score for hit in hits} == {hits[0].score}
    assert hits[0].score == pytest.approx(1.0, abs=1e-6)
    assert hits[0].score <= 1.0


def test_the_answer_does_not_depend_on_the_order_of_the_rows(flat_space):
    ids, vectors, cards = posters(200, 513)
    vectors[100:150] = vectors[50:100] * np.float32(1.0000001)  # nearly equal: FAISS's own order would be chance
    order = np.random.default_rng(3).permutation(200)
    one = flat_space(ids, vectors, generated=cards)
    other = flat_space(ids[order], vectors[order], generated=cards[order])
    for movie_id in ids[::7].tolist():
        assert one.search_movie(movie_id, 25) == other.search_movie(movie_id, 25)


def test_a_movie_is_never_its_own_neighbour_not_even_among_twins(flat_space):
    ids = np.arange(1, 31, dtype=np.int64)
    space = flat_space(ids, np.ones((30, 8)))
    for movie_id in ids.tolist():
        found = [hit.movie_id for hit in space.search_movie(movie_id, 100)]
        assert found == [i for i in ids.tolist() if i != movie_id]


@pytest.mark.parametrize(("k", "count"), [(-5, 1), (0, 1), (1, 1), (99, 99), (100, 100), (10**9, MAX_K)])
def test_k_is_taken_as_one_to_the_most_there_are(flat_space, k, count):
    ids, vectors, _ = posters(MAX_K + 2)
    assert len(flat_space(ids, vectors).search_movie(int(ids[0]), k)) == count
    assert len(flat_space(ids, vectors).search_vector(vectors[0], k)) == count


def test_when_there_are_fewer_than_k_all_come_back_and_no_padding(flat_space):
    ids, vectors, _ = posters(60)
    cards = np.zeros(60, np.uint8)
    cards[:3] = 1
    space = flat_space(ids, vectors, generated=cards)
    assert {hit.movie_id for hit in space.search_movie(int(ids[0]), 100)} == set(ids[1:3].tolist())
    assert {hit.movie_id for hit in space.search_movie(int(ids[9]), 100, "generated")} == set(ids[:3].tolist())
    assert len(space.search_movie(int(ids[9]), 100)) == 56
    assert len(space.search_movie(int(ids[9]), 100, "any")) == 59


def test_one_movie_has_no_neighbour_and_no_movie_is_no_error(flat_space):
    one = flat_space([7], [[1, 0, 0, 0]], generated=[0])
    assert one.search_movie(7, 10) == []
    assert one.search_movie(7, 10, "generated") == []
    assert one.search_vector(np.array([2, 0, 0, 0], np.float32), 10) == [Neighbour(7, 1.0)]
    none = flat_space([], [], generated=[])
    assert len(none) == 0
    assert none.search_vector(np.ones(4, np.float32), 10) == []
    assert not none.has(7)


def test_poster_scores_stay_in_0_to_1_and_cosines_in_minus_1_to_1(flat_space):
    ids, rows = [1, 2, 3, 4], [[1, 0], [-1, 0], [-1, 1e-3], [0, 1]]
    found = flat_space(ids, rows).search_movie(1, 10)
    assert found == [Neighbour(2, 0.0), Neighbour(3, 0.0), Neighbour(4, 0.0)]
    found = flat_space(ids, rows, name="ratings").search_movie(1, 10)
    assert [hit.movie_id for hit in found] == [4, 3, 2]
    assert found[-1].score == -1.0
    draw = np.random.default_rng(4)
    twins = np.repeat(draw.random((50, 7)), 2, axis=0)
    scores = [flat_space(np.arange(100), twins).search_movie(i, 1)[0].score for i in range(100)]
    assert max(scores) <= 1.0


def test_a_negative_poster_score_does_not_hide_a_smaller_id_behind_the_cut(flat_space):
    rows = np.array([[1, 0]] + [[-1, -i] for i in range(1, 61)], dtype=np.float32)  # all of them score 0
    found = flat_space(np.arange(1, 62), rows).search_movie(1, 3)
    assert found == [Neighbour(2, 0.0), Neighbour(3, 0.0), Neighbour(4, 0.0)]


def test_a_question_that_is_no_vector_of_the_space_is_refused(flat_space):
    ids, vectors, _ = posters(20)
    space = flat_space(ids, vectors)
    with pytest.raises(DimensionMismatch, match="expected 64"):
        space.search_vector(np.ones(65, np.float32), 10)
    with pytest.raises(DimensionMismatch):
        space.search_vector(np.ones(64), 10)
    with pytest.raises(DimensionMismatch):
        space.search_vector(np.ones((1, 64), np.float32), 10)
    with pytest.raises(NotFinite):
        space.search_vector(np.full(64, np.nan, np.float32), 10)
    with pytest.raises(ZeroVector):
        space.search_vector(np.zeros(64, np.float32), 10)


def test_a_movie_without_a_vector_is_named(flat_space):
    ids, vectors, _ = posters(20)
    space = flat_space(ids, vectors)
    for ask in (space.search_movie, lambda movie_id, _: space.vector(movie_id), lambda m, _: space.is_generated(m)):
        with pytest.raises(NotInIndex, match="movie 5 has no poster vector"):
            ask(5, 10)
    assert not space.has(5)
    assert not space.has(10**6)
    assert all(space.has(i) for i in ids.tolist())


def test_a_space_without_cards_knows_same_and_any_only(flat_space):
    space = flat_space([1, 2, 3], np.eye(3), "inner_product", name="ratings")
    assert space.search_movie(1, 5, "same") == space.search_movie(1, 5, "any") == [Neighbour(2, 0.0), Neighbour(3, 0.0)]
    assert not space.is_generated(1)
    with pytest.raises(ValueError, match="no title cards"):
        space.search_movie(1, 5, "generated")


def test_a_stored_vector_comes_back_as_a_copy(flat_space):
    ids, vectors, cards = posters(20)
    space = flat_space(ids, vectors, generated=cards)
    vector = space.vector(int(ids[3]))
    assert np.array_equal(vector, unit_rows(vectors, ids)[3])
    vector[:] = 0
    assert space.vector(int(ids[3])).any()
    assert [space.is_generated(i) for i in ids.tolist()] == cards.astype(bool).tolist()


def test_threads_that_search_at_once_get_what_each_would_get_alone(flat_space):
    ids, vectors, cards = posters()
    space = flat_space(ids, vectors, generated=cards)
    asked = ids.tolist() * 3
    alone = [space.search_movie(movie_id, 10) for movie_id in asked]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda movie_id: space.search_movie(movie_id, 10), asked)) == alone


def test_parts_that_do_not_fit_together_are_refused(flat_space):
    with pytest.raises(DimensionMismatch):
        flat_space([1, 2, 3], np.eye(3), generated=[0, 1])
