from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from index.filtering import Among
from index.flat import MAX_K, Neighbour
from index.publishing import publish
from index.snapshot import Snapshot

REUSED = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
POWERS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.999, 1.0)


def score(row, query, debias):
    """`q . v / ||v||^b` in float64, rounded to float32; 0 for a row of length 0."""
    wide = row.astype(np.float64)
    length = float(np.sqrt((wide * wide).sum()))
    if length == 0:
        return 0.0
    return float(np.float32((wide * query.astype(np.float64)).sum() / length**debias)) + 0.0


def brute_force(ids, rows, query, k, debias, gone=()):
    """Every row scored and sorted, best first, ties by movie_id."""
    scored = [(-score(row, query, debias), movie_id) for row, movie_id in zip(rows, ids.tolist(), strict=True)]
    return [Neighbour(i, 0.0 - s) for s, i in sorted(scored) if i not in gone][:k]


def skewed(count=400, dimension=16, seed=0):
    """Vectors whose lengths differ by factors of a thousand, as popularity does; every fortieth is zero."""
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(count, dimension)) * draw.lognormal(0, 2, (count, 1))
    rows[::40] = 0
    return draw.permutation(np.arange(5, 5 + count)).astype(np.int64), rows.astype(np.float32)


@pytest.fixture
def rated(flat_space):
    """A space of inner products over these rows."""
    return lambda ids, rows: flat_space(ids, rows, "inner_product", name="ratings")


def test_a_known_answer_by_hand(rated):
    space = rated([1, 2, 3, 4], [[1, 0], [4, 3], [0.6, 0], [0, 0]])
    assert space.search_movie(1, 9) == [Neighbour(2, 4.0), Neighbour(3, pytest.approx(0.6)), Neighbour(4, 0.0)]
    halfway = space.search_movie(1, 9, debias=0.5)  # 4 / sqrt 5 = 1.79, 0.6 / sqrt 0.6 = 0.77
    assert [hit.score for hit in halfway] == pytest.approx([4 / 5**0.5, 0.6**0.5, 0.0])
    cosines = space.search_movie(1, 9, debias=1.0)
    assert cosines == [Neighbour(3, 1.0), Neighbour(2, pytest.approx(0.8)), Neighbour(4, 0.0)]


@pytest.mark.parametrize("debias", POWERS)
def test_every_power_equals_brute_force(rated, debias):
    ids, rows = skewed()
    space = rated(ids, rows)
    for row in (1, 40, 77, 399):
        own = int(ids[row])
        assert space.search_movie(own, 25, debias=debias) == brute_force(ids, rows, rows[row], 25, debias, {own})
    query = skewed(1, seed=4)[1][0] + np.float32(1)
    assert space.search_vector(query, 25, debias=debias) == brute_force(ids, rows, query, 25, debias)


@REUSED
@given(
    arrays(np.int8, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=st.integers(-2, 2)),
    st.floats(0, 1),
    st.data(),
)
def test_ties_go_by_movie_id_whatever_is_excluded(rated, small, debias, data):
    ids = np.array(data.draw(st.permutations(range(1, len(small) + 1))), dtype=np.int64)
    rows = small.astype(np.float32) * np.float32(data.draw(st.sampled_from([1, 1e-30, 1e-44, 3e9])))
    gone = np.array(data.draw(st.lists(st.integers(-3, len(small) + 5), max_size=12)), dtype=np.int64)
    query = data.draw(arrays(np.float32, rows.shape[1], elements=st.sampled_from([-1.0, 0.5, 1.0, 3.0])))
    k = data.draw(st.integers(1, 12))
    found = rated(ids, rows).search_vector(query, k, debias=debias, among=Among(exclude=gone))
    assert found == brute_force(ids, rows, query, k, debias, set(gone.tolist()))


@pytest.mark.parametrize("debias", [0.0, 0.25, 1.0])
def test_what_float32_cannot_tell_apart_is_still_ranked_exactly(rated, debias):
    draw = np.random.default_rng(5)
    query = draw.normal(0, 1e3, 256).astype(np.float32)
    aside = draw.normal(0, 1e3, (2000, 256))
    aside -= np.outer(aside @ query / (query @ query), query)  # nearly at right angles: large terms that cancel
    rows = (aside + np.outer(draw.uniform(0, 1e-6, 2000), query)).astype(np.float32)
    ids = np.arange(1, 2001, dtype=np.int64)
    assert rated(ids, rows).search_vector(query, 10, debias=debias) == brute_force(ids, rows, query, 10, debias)


def test_rows_too_small_for_float32_products_are_ranked_exactly(rated):
    draw = np.random.default_rng(9)
    rows = (draw.integers(1, 30, (300, 4)) * 2.0**-149).astype(np.float32)  # a few times the smallest number there is
    query = np.array([0.5, 0.25, 0.125, 0.3], np.float32)
    ids = np.arange(1, 301, dtype=np.int64)
    for debias in (0.9, 1.0):
        assert rated(ids, rows).search_vector(query, 5, debias=debias) == brute_force(ids, rows, query, 5, debias)


@pytest.mark.parametrize("debias", POWERS)
def test_a_question_from_a_zero_vector_is_answered_with_zeros_by_id(rated, debias):
    ids, rows = skewed()
    zero = int(ids[40])
    rest = [i for i in sorted(ids.tolist()) if i != zero]
    assert rated(ids, rows).search_movie(zero, 30, debias=debias) == [Neighbour(i, 0.0) for i in rest[:30]]


def test_equal_vectors_tie_at_every_power_and_come_by_id(rated):
    rows = skewed(33, 256, 6)[1]
    many = np.random.default_rng(7).permutation(np.arange(1, 331)).astype(np.int64)
    found = rated(many, np.tile(rows[1], (330, 1))).search_movie(100, 200, debias=0.37)
    assert [hit.movie_id for hit in found] == [i for i in range(1, 202) if i != 100]
    assert len({hit.score for hit in found}) == 1


def test_over_a_hundred_thousand_movies_the_answer_is_still_exact(rated):
    draw = np.random.default_rng(8)
    rows = (draw.normal(size=(120_000, 4)) * draw.lognormal(0, 2, (120_000, 1))).astype(np.float32)
    space = rated(np.arange(120_000), rows)
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    for debias in (0.25, 1.0):
        scores = rows.astype(np.float64) @ rows[3].astype(np.float64) / lengths**debias
        scores[3] = -np.inf
        want = np.argsort(-scores)[:100]
        found = space.search_movie(3, 100, debias=debias)
        assert [hit.score for hit in found] == pytest.approx(scores[want])
        assert {hit.movie_id for hit in found[:90]} <= set(want.tolist())


@pytest.mark.parametrize("debias", [-0.1, 1.01, float("nan"), float("inf")])
def test_a_power_outside_0_to_1_is_refused(flat_space, rated, debias):
    for space in (rated([1, 2], np.eye(2)), flat_space([1, 2], np.eye(2))):
        with pytest.raises(ValueError, match="give a number from 0"):
            space.search_movie(1, 1, debias=debias)
        with pytest.raises(ValueError, match="debias"):
            space.search_vector(np.ones(2, np.float32), 1, debias=debias)


def test_among_cosines_the_power_changes_nothing(flat_space):
    ids, rows = skewed()
    kept = np.abs(rows).sum(axis=1) > 0
    space = flat_space(ids[kept], rows[kept], name="ratings")
    movie_id = int(ids[kept][0])
    assert space.search_movie(movie_id, 20, debias=0.5) == space.search_movie(movie_id, 20)


@pytest.mark.parametrize("metric", ["cosine", "inner_product"])
@pytest.mark.parametrize("many", [1, 5, 16, 17, 300, 389])
def test_what_is_excluded_never_comes_back_and_k_is_filled_from_the_rest(flat_space, metric, many):
    ids, rows = skewed()
    kept = np.abs(rows).sum(axis=1) > 0
    ids, rows = ids[kept], rows[kept]
    cards = (np.arange(len(ids)) % 3 == 0).astype(np.uint8)
    space = flat_space(ids, rows, metric, cards, "ratings")
    every = [hit.movie_id for hit in space.search_vector(rows[5], MAX_K, debias=0.25)]
    gone = np.array([*every[:many], *every[:many], -1, 10**12], dtype=np.int64)  # twice, and two that nobody knows
    found = [hit.movie_id for hit in space.search_vector(rows[5], 20, debias=0.25, among=Among(exclude=gone))]
    assert found == every[many : many + 20]
    of_kind = {int(i) for i in ids[cards == 0]}
    found = [hit.movie_id for hit in space.search_vector(rows[5], 20, "real", 0.25, Among(exclude=gone))]
    assert found == [i for i in every[many:] if i in of_kind][:20]


@pytest.mark.parametrize("metric", ["cosine", "inner_product"])
def test_when_all_are_excluded_nothing_comes_back(flat_space, metric):
    space = flat_space(np.arange(1, 41), np.eye(40), metric, name="ratings")
    query = np.ones(40, np.float32)
    assert space.search_vector(query, 5, among=Among(exclude=np.arange(100))) == []
    assert space.search_vector(query, 5, among=Among(exclude=np.empty(0, np.int64))) == space.search_vector(query, 5)
    assert [hit.movie_id for hit in space.search_vector(query, 5, among=Among(exclude=np.arange(3, 100)))] == [1, 2]


def test_many_vectors_come_at_once_in_the_order_asked(rated):
    ids, rows = skewed()
    space = rated(ids, rows)
    asked = np.array([ids[7], -4, ids[3], 10**9, ids[7]], dtype=np.int64)
    found, vectors = space.vectors(asked)
    assert found.tolist() == [True, False, True, False, True]
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, rows[[7, 3, 7]])
    vectors[:] = 0
    assert np.array_equal(space.vectors(asked)[1], rows[[7, 3, 7]])


@pytest.mark.parametrize("asked", [[], [1000, -1]])
def test_of_movies_nobody_knows_there_are_no_vectors(flat_space, rated, asked):
    for space, dimension in ((rated(*skewed()), 16), (flat_space([], []), 4)):
        found, vectors = space.vectors(np.array(asked, dtype=np.int64))
        assert (found.tolist(), vectors.shape) == ([False] * len(asked), (0, dimension))


def test_threads_that_ask_with_different_powers_get_what_each_would_get_alone(rated):
    ids, rows = skewed()
    space = rated(ids, rows)
    asked = [(movie_id, POWERS[place % len(POWERS)]) for place, movie_id in enumerate(ids.tolist() * 2)]
    alone = [space.search_movie(movie_id, 10, debias=debias) for movie_id, debias in asked]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda one: space.search_movie(one[0], 10, debias=one[1]), asked)) == alone


@pytest.mark.usefixtures("verified_here")
def test_a_published_snapshot_is_asked_with_a_power_too(tmp_path, contents):
    publish(tmp_path, contents())
    snapshot = Snapshot.open(tmp_path / "v00000001")
    ratings = contents().spaces[1]
    rows = next(iter(ratings.blocks))
    for debias in POWERS:
        want = brute_force(ratings.movie_ids, rows, rows[0], 5, debias, {2})
        assert snapshot.similar("ratings", 2, 5, debias=debias) == want
    assert snapshot.similar("poster", 3, 5, debias=0.5) == snapshot.similar("poster", 3, 5)
