import numpy as np
import pytest

from index.errors import DimensionMismatch, NotInIndex
from index.filtering import Among
from index.side import OverlaidSpace, SideList
from tests.index.packed_spaces import Oracle, agree, packed_of, posters, space_of

BELOW, ADDED = 400, 30


@pytest.fixture(scope="module")
def both():
    """A published space with a side list, and the space that a rebuild would make of them."""
    draw = np.random.default_rng(2)
    vectors = posters(BELOW + ADDED)
    cards = (draw.random(len(vectors)) < 0.3).astype(np.uint8)
    ids = np.arange(1, len(vectors) + 1, dtype=np.int64)
    below = space_of(ids[:BELOW], vectors[:BELOW], cards[:BELOW])
    gone = np.array([7, 8, BELOW + 3, 99_999], np.int64)
    replaced = np.array([5], np.int64)  # movie 5 has got another poster
    side_ids = np.concatenate([ids[BELOW:], replaced])
    side_vectors = np.concatenate([vectors[BELOW:], posters(1, seed=77)])
    side_cards = np.append(cards[BELOW:], np.uint8(0))
    space = OverlaidSpace(below, SideList(side_ids, side_cards, packed_of(side_vectors), gone))
    there = ~np.isin(ids, gone) & (ids != 5)
    now = Oracle(
        np.append(ids[there], 5), np.concatenate([vectors[there], side_vectors[-1:]]), np.append(cards[there], 0)
    )
    return space, now


@pytest.mark.parametrize("kind", ["same", "any", "real", "generated"])
@pytest.mark.parametrize("exact", [False, True])
def test_it_answers_as_the_next_rebuild_will(both, kind, exact):
    space, oracle = both
    for row in [*range(0, len(oracle.ids), 37), len(oracle.ids) - 1]:
        wanted = {"same": oracle.generated[row], "real": 0, "generated": 1}.get(kind)
        allowed = np.ones(len(oracle.ids), bool) if wanted is None else oracle.generated == wanted
        allowed[row] = False
        found = space.search_movie(int(oracle.ids[row]), 12, kind, among=Among(exact=exact))
        assert agree(found, oracle.nearest(oracle.vectors[row], 12, allowed))


def test_a_vector_finds_what_came_and_not_what_left(both):
    space, oracle = both
    for query in posters(10, seed=31):
        assert agree(space.search_vector(query, 25), oracle.nearest(query, 25))


def test_a_new_movie_is_the_first_neighbour_of_its_twin():
    vectors = posters(50)
    below = space_of(np.arange(1, 51), vectors)
    twin = SideList(np.array([900], np.int64), np.zeros(1, np.uint8), packed_of(vectors[9:10]), np.empty(0, np.int64))
    space = OverlaidSpace(below, twin)
    assert space.search_movie(10, 3)[0].movie_id == 900
    assert space.search_movie(10, 3)[0].score == 1.0
    assert space.search_movie(900, 3)[0].movie_id == 10
    assert len(space) == 51
    assert space.has(900)


def test_masks_are_by_its_rows_those_below_first(both):
    space, oracle = both
    mask = np.random.default_rng(4).random(len(space)) < 0.3
    visible = dict(zip(space.movie_ids.tolist(), mask.tolist(), strict=True))  # of a replaced movie the later row
    allowed = np.array([visible[movie_id] for movie_id in oracle.ids.tolist()])
    query = posters(1, seed=8)[0]
    assert agree(space.search_vector(query, 10, among=Among(rows=mask)), oracle.nearest(query, 10, allowed))
    with pytest.raises(ValueError, match="mask"):
        space.search_vector(query, 10, among=Among(rows=mask[:-1]))


def test_what_is_excluded_stays_out_wherever_it_lies(both):
    space, _ = both
    query = posters(1, seed=6)[0]
    nearest = [hit.movie_id for hit in space.search_vector(query, 40)]
    rest = space.search_vector(query, 10, among=Among(exclude=np.array(nearest[:30], np.int64)))
    assert [hit.movie_id for hit in rest] == nearest[30:]


def test_a_movie_that_left_has_no_vector_any_more(both):
    space, _ = both
    for gone in (7, 99_999):
        assert not space.has(gone)
        for ask in (space.vector, space.stored, space.is_generated, lambda i: space.search_movie(i, 5)):
            with pytest.raises(NotInIndex):
                ask(gone)


def test_a_replaced_poster_is_asked_by_its_new_vector(both):
    space, oracle = both
    assert np.array_equal(space.stored(5), oracle.vectors[-1])
    found, vectors = space.vectors(np.array([5, 7, 1], np.int64))
    assert found.tolist() == [True, False, True]
    assert np.array_equal(vectors[0], space.vector(5))


def test_only_departures_are_a_side_list_too(both):
    below = space_of(np.arange(1, 21), posters(20))
    space = OverlaidSpace(below, SideList.only_gone(np.array([3], np.int64)))
    assert 3 not in [hit.movie_id for hit in space.search_movie(1, 400)]
    assert len(space.search_movie(1, 400)) == 18


def test_vectors_of_another_space_are_no_side_list():
    below = space_of(np.arange(1, 21), posters(20))
    with pytest.raises(DimensionMismatch):
        other = packed_of(posters(1, dimension=64))
        OverlaidSpace(below, SideList(np.array([50]), np.zeros(1, np.uint8), other, np.empty(0, np.int64)))
    with pytest.raises(DimensionMismatch):
        SideList(np.array([50, 51]), np.zeros(1, np.uint8), packed_of(posters(1)), np.empty(0, np.int64))
