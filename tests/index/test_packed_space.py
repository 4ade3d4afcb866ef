from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import DimensionMismatch, NotFinite, NotInIndex, ZeroVector
from index.filtering import Among
from index.packed_parts import Tuning
from index.packed_space import ALL_BELOW
from tests.index.packed_spaces import DIMENSION, Oracle, agree, posters, space_of

COUNT = 500


@pytest.fixture(scope="module")
def movies():
    draw = np.random.default_rng(5)
    vectors = posters(COUNT)
    cards = (draw.random(COUNT) < 0.3).astype(np.uint8)
    ids = draw.permutation(np.arange(10, 10 + COUNT)).astype(np.int64)
    return space_of(ids, vectors, cards), Oracle(ids, vectors, cards)


@pytest.mark.parametrize("k", [1, 10, 100, 150, 400])
@pytest.mark.parametrize("kind", ["same", "any", "real", "generated"])
def test_a_movie_search_equals_brute_force_looked_up_or_not(movies, kind, k):
    space, oracle = movies
    for row in range(0, COUNT, 61):
        wanted = {"same": oracle.generated[row], "real": 0, "generated": 1}.get(kind)
        allowed = np.ones(COUNT, bool) if wanted is None else oracle.generated == wanted
        allowed[row] = False
        found = space.search_movie(int(oracle.ids[row]), k, kind)
        assert agree(found, oracle.nearest(oracle.vectors[row], k, allowed))
        exact = space.search_movie(int(oracle.ids[row]), k, kind, among=Among(exact=True))
        assert found == exact, "what is found first is what is found by looking at every row"


def test_a_question_that_no_fit_has_seen_equals_brute_force(movies):
    space, oracle = movies
    for query in posters(20, seed=99):
        assert agree(space.search_vector(query, 10), oracle.nearest(query, 10))
        doubled = [(hit.movie_id, pytest.approx(hit.score, abs=1e-7)) for hit in space.search_vector(query * 2, 10)]
        assert [(hit.movie_id, hit.score) for hit in space.search_vector(query, 10)] == doubled


@pytest.mark.parametrize("share", [0.02, 0.1, 0.6, 0.95])
def test_a_filter_is_applied_inside_the_search_so_k_come_back(movies, share):
    space, oracle = movies
    mask = np.random.default_rng(int(share * 100)).random(COUNT) < share
    for row in range(0, COUNT, 83):
        allowed = mask & (oracle.generated == oracle.generated[row])
        allowed[row] = False
        found = space.search_movie(int(oracle.ids[row]), 10, among=Among(rows=mask))
        assert agree(found, oracle.nearest(oracle.vectors[row], 10, allowed))
        assert len(found) == min(10, allowed.sum())
    query = posters(1, seed=7)[0]
    assert agree(space.search_vector(query, 10, among=Among(rows=mask)), oracle.nearest(query, 10, mask))
    assert mask.sum() == np.count_nonzero(mask), "the caller's mask is not written to"


def test_what_is_excluded_never_comes_back_and_others_take_its_place(movies):
    space, oracle = movies
    own = int(oracle.ids[3])
    first = space.search_movie(own, 30)
    gone = np.array([hit.movie_id for hit in first[:20]] + [999_999, -4], np.int64)
    assert space.search_movie(own, 10, among=Among(exclude=gone)) == first[20:30]
    query = posters(1, seed=3)[0]
    nearest = space.search_vector(query, 30)
    gone = np.array([hit.movie_id for hit in nearest[:20]], np.int64)
    assert space.search_vector(query, 10, among=Among(exclude=gone)) == nearest[20:30]


def test_a_filter_that_nothing_matches_gives_nothing(movies):
    space, oracle = movies
    nobody = Among(rows=np.zeros(COUNT, bool))
    assert space.search_movie(int(oracle.ids[0]), 10, among=nobody) == []
    assert space.search_vector(oracle.vectors[0], 10, among=nobody) == []


def test_a_mask_of_another_length_is_refused(movies):
    space, oracle = movies
    with pytest.raises(ValueError, match="mask"):
        space.search_movie(int(oracle.ids[0]), 10, among=Among(rows=np.ones(3, bool)))


def test_the_same_poster_many_times_ties_and_is_ordered_by_id():
    vectors = posters(600)
    vectors[::2] = vectors[0]  # 300 times the same
    ids = np.random.default_rng(1).permutation(np.arange(1, 601)).astype(np.int64)
    space = space_of(ids, vectors)
    same = np.sort(ids[::2])
    found = space.search_movie(int(ids[0]), 400)
    assert [hit.movie_id for hit in found[:299]] == [i for i in same.tolist() if i != ids[0]]
    assert {hit.score for hit in found[:299]} == {1.0}
    assert [hit.movie_id for hit in space.search_movie(int(ids[0]), 10)] == [hit.movie_id for hit in found[:10]], (
        "looked up or searched, the same"
    )
    assert [hit.movie_id for hit in space.search_vector(vectors[0], 5)] == same[:5].tolist()


@pytest.mark.parametrize("count", [1, 2, 5, ALL_BELOW, ALL_BELOW + 2])
def test_k_larger_than_the_catalogue_gives_everybody_else(count):
    ids, vectors = np.arange(1, count + 1, dtype=np.int64), posters(count)
    space, oracle = space_of(ids, vectors), Oracle(ids, vectors, np.zeros(count, np.uint8))
    others = np.arange(count) > 0
    assert agree(space.search_movie(1, 400), oracle.nearest(vectors[0], 400, others))
    assert len(space.search_vector(vectors[0], 400)) == count
    assert space.search_movie(1, 400, "generated") == []


def test_a_card_alone_among_posters_has_nobody_of_its_kind():
    vectors, cards = posters(30), np.zeros(30, np.uint8)
    cards[4] = 1
    space = space_of(np.arange(1, 31), vectors, cards)
    assert space.search_movie(5, 10) == []
    assert len(space.search_movie(5, 10, "real")) == 10
    assert space.is_generated(5)
    assert not space.is_generated(6)


def test_a_question_with_negative_numbers_scores_no_less_than_nothing(movies):
    space, _ = movies
    assert all(hit.score == 0.0 for hit in space.search_vector(-posters(1)[0], 5, among=Among(exact=True)))


def test_what_is_no_question_is_refused_by_name(movies):
    space, _ = movies
    with pytest.raises(NotInIndex):
        space.search_movie(5, 10)
    with pytest.raises(DimensionMismatch):
        space.search_vector(np.ones(7, np.float32), 10)
    with pytest.raises(ZeroVector):
        space.search_vector(np.zeros(DIMENSION, np.float32), 10)
    with pytest.raises(NotFinite):
        space.search_vector(np.full(DIMENSION, np.nan, np.float32), 10)
    with pytest.raises(ValueError, match="debias"):
        space.search_vector(np.ones(DIMENSION, np.float32), 10, debias=2)


def test_vectors_come_back_at_length_one_and_as_they_are_stored(movies):
    space, oracle = movies
    own = int(oracle.ids[8])
    assert np.array_equal(space.stored(own), oracle.vectors[8])
    assert np.linalg.norm(space.vector(own)) == pytest.approx(1, abs=1e-6)
    found, vectors = space.vectors(np.array([own, 1, own], np.int64))
    assert found.tolist() == [True, False, True]
    assert np.array_equal(vectors, np.stack([space.vector(own)] * 2))
    assert space.has(own)
    assert not space.has(1)


def test_less_patience_never_finds_more(movies):
    space, oracle = movies
    hits = []
    for patience in (-50.0, 4.0):
        hasty = space.tuned(Tuning(patience=patience, candidates=60))
        found = [{h.movie_id for h in hasty.search_vector(query, 10)} for query in posters(20, seed=42)]
        best = [{h.movie_id for h in oracle.nearest(query, 10)} for query in posters(20, seed=42)]
        hits.append(sum(len(a & b) for a, b in zip(found, best, strict=True)))
    assert hits[0] <= hits[1]


def test_many_threads_get_the_same_answers(movies):
    space, oracle = movies
    ids = oracle.ids[:40].tolist()
    alone = [space.search_movie(i, 120, "any") for i in ids]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda i: space.search_movie(i, 120, "any"), ids)) == alone


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(0, 2**31), st.integers(1, 60), st.floats(0, 1))
def test_any_small_space_with_any_filter_equals_brute_force(count, seed, k, share):
    draw = np.random.default_rng(seed)
    vectors = posters(count, seed)[draw.integers(count, size=count)]  # some occur several times
    ids = draw.choice(10_000, count, replace=False).astype(np.int64) + 1
    cards = (draw.random(count) < 0.5).astype(np.uint8)
    space, oracle = space_of(ids, vectors, cards), Oracle(ids, vectors, cards)
    mask = draw.random(count) < share
    allowed = mask & (cards == cards[0]) & (ids != ids[0])
    wanted = oracle.nearest(vectors[0], k, allowed)
    found = space.search_movie(int(ids[0]), k, among=Among(rows=mask))
    assert agree(found, wanted)
    assert [hit.movie_id for hit in found] == [
        hit.movie_id for hit in sorted(found, key=lambda hit: (-hit.score, hit.movie_id))
    ]
