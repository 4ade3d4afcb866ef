"""The neighbours of every movie, against a comparison of every pair in float64."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import neighbour_lists
from index.clusters import fit_clusters
from index.codes import Codes
from index.directions import encode_rows, fit_directions
from index.dots import cosines_of_pairs
from index.gram import gram_matrix
from index.neighbourhoods import Neighbourhoods, candidate_neighbours, exact_neighbours, updated_neighbours
from index.packed import Packed
from index.record_blocks import pack_records
from index.records import encode_record
from index.shortlists import among_all, within_clusters

DIMENSION = 128


def _quiet(phase: str, done: int, of: int) -> None:
    """Says nothing."""


@dataclass(frozen=True)
class Library:
    """Movies with posters: rows by id, so that they can come, go and change places."""

    vectors: dict[int, NDArray[np.float32]]
    cards: frozenset[int]

    @cached_property
    def movie_ids(self) -> NDArray[np.int64]:
        return np.array(list(self.vectors), np.int64)

    @cached_property
    def generated(self) -> NDArray[np.uint8]:
        return np.array([movie_id in self.cards for movie_id in self.vectors], np.uint8)

    @cached_property
    def packed(self) -> Packed:
        return pack_records([encode_record(vector) for vector in self.vectors.values()], DIMENSION)

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """Of every pair: float64 sums rounded once, by the one function that decides, held to NumPy's."""
        every = np.arange(len(self.vectors))
        scores = cosines_of_pairs(self.packed, np.repeat(every, len(every)), np.tile(every, len(every)))
        vectors = np.stack(list(self.vectors.values())).astype(np.float16).astype(np.float64)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        assert np.abs(scores.reshape(len(every), -1) - vectors @ vectors.T).max() < 1e-7
        return scores.reshape(len(every), -1)

    def without(self, gone: set[int]) -> "Library":
        return Library({m: v for m, v in self.vectors.items() if m not in gone}, self.cards)

    def shuffled(self, seed: int) -> "Library":
        order = np.random.default_rng(seed).permutation(list(self.vectors)).tolist()
        return Library({m: self.vectors[m] for m in order}, self.cards)

    def exact(self) -> Neighbourhoods:
        gram = gram_matrix(self.packed, np.arange(len(self.vectors)), _quiet)
        return exact_neighbours(self.packed, self.movie_ids, self.generated, gram, _quiet)

    def updated(self, before: "Library", lists: Neighbourhoods, changed: set[int] = frozenset()) -> Neighbourhoods:  # type: ignore[assignment]
        rows = {movie_id: row for row, movie_id in enumerate(before.vectors)}
        kept = np.array([-1 if m in changed else rows.get(m, -1) for m in self.vectors], np.int64)
        return updated_neighbours(self.packed, self.movie_ids, self.generated, lists, kept, _quiet)


def library(count: int, seed: int = 0, copies: int = 1, cards: float = 0.0) -> Library:
    """`count` movies with ids in no order; every poster is there `copies` times."""
    draw = np.random.default_rng(seed)
    pictures = draw.gamma(1.0, 10.0, (-(-count // copies), DIMENSION)) * (draw.random((1, DIMENSION)) < 0.5)
    pictures *= draw.random(pictures.shape) < 0.4
    pictures[:, 0] += 1
    vectors = np.repeat(pictures, copies, axis=0)[:count].astype(np.float32)
    ids = draw.permutation(10 * count)[:count].tolist()
    return Library(dict(zip(ids, vectors, strict=True)), frozenset(m for m in ids if draw.random() < cards))


def brute_force(movies: Library, row: int) -> tuple[list[int], NDArray[np.float32]]:
    """All others of the row's kind in order, and their scores."""
    ids, kinds = movies.movie_ids, movies.generated
    others = np.flatnonzero((kinds == kinds[row]) & (np.arange(len(ids)) != row))
    scores = movies.scores[row, others]
    order = np.lexsort((ids[others], -scores))
    return others[order].tolist(), scores[order]


def assert_true(lists: Neighbourhoods, movies: Library, at_least: int) -> None:
    """Every list is the beginning of what brute force finds, as long as `at_least` where there are so many."""
    assert lists.rows.shape == lists.scores.shape == (len(movies.vectors), 100)
    for row in range(len(movies.vectors)):
        rows, scores = brute_force(movies, row)
        length = int((lists.rows[row] >= 0).sum())
        assert length >= min(at_least, len(rows), 100)
        assert lists.rows[row, :length].tolist() == rows[:length]
        assert lists.scores[row, :length].tobytes() == scores[:length].tobytes()
        assert (lists.rows[row, length:] == -1).all() and not lists.scores[row, length:].any()


@pytest.mark.parametrize("count", [1, 2, 3, 101, 102, 300])
def test_every_list_is_what_brute_force_finds(count: int) -> None:
    movies = library(count)
    assert_true(movies.exact(), movies, 100)


@pytest.mark.parametrize("cards", [0.0, 0.3, 0.97, 1.0])
def test_posters_neighbour_posters_and_cards_neighbour_cards(cards: float) -> None:
    movies = library(150, cards=cards)
    lists = movies.exact()
    kinds = movies.generated
    for row, neighbours in enumerate(lists.rows):
        assert (kinds[neighbours[neighbours >= 0]] == kinds[row]).all()
    assert_true(lists, movies, 100)


@pytest.mark.parametrize(("count", "copies"), [(60, 30), (240, 120), (300, 300), (310, 7)])
def test_equal_posters_tie_and_stand_by_movie_id(count: int, copies: int) -> None:
    movies = library(count, copies=copies, cards=0.2)
    assert_true(movies.exact(), movies, 100)


def test_where_too_many_tie_a_list_ends_and_never_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbour_lists, "MOST_SCORED", 110)
    equal, others = library(200, copies=200), library(150, seed=1)
    movies = Library(equal.vectors | {m + 5000: v for m, v in others.vectors.items()}, frozenset()).shuffled(0)
    lists = movies.exact()
    assert_true(lists, movies, 0)
    lengths = dict(zip(movies.vectors, lists.lengths().tolist(), strict=True))
    assert {lengths[m] for m in equal.vectors} == {0}  # 199 are equally near
    assert sum(lengths[m + 5000] == 100 for m in others.vectors) > 0


def test_nobody_is_their_own_neighbour() -> None:
    movies = library(120, copies=3)
    assert (movies.exact().rows != np.arange(120)[:, None]).all()


def test_the_gram_matrix_is_only_read() -> None:
    movies = library(60)
    gram = gram_matrix(movies.packed, np.arange(60), _quiet)
    before = gram.copy()
    exact_neighbours(movies.packed, movies.movie_ids, movies.generated, gram, _quiet)
    assert (gram == before).all()


def test_progress_rises_to_the_number_of_rows() -> None:
    told: list[int] = []
    movies = library(300, cards=0.5)
    gram = gram_matrix(movies.packed, np.arange(300), _quiet)
    exact_neighbours(movies.packed, movies.movie_ids, movies.generated, gram, lambda *said: told.append(said[1]))
    assert told[-1] == 300
    assert all(a < b for a, b in pairwise(told))


# Of 300 movies: none, some and all are fresh. Some are gone, or so many that most lists are too short and made anew.
@pytest.mark.parametrize("fresh", [0, 1, 30, 299, 300])
@pytest.mark.parametrize("gone", [0, 5, 500])
def test_an_update_is_as_exact_as_a_new_start(fresh: int, gone: int) -> None:
    movies = library(300 + gone, cards=0.2)
    ids = list(movies.vectors)
    before, after = movies.without(set(ids[:fresh])), movies.without(set(ids[300:])).shuffled(1)
    lists = before.exact() if before.vectors else Neighbourhoods.empty(0)
    assert_true(after.updated(before, lists), after, 50)


@pytest.mark.parametrize("copies", [30, 150])
def test_equal_posters_that_come_late_stand_by_movie_id_as_well(copies: int) -> None:
    movies = library(300, copies=copies).shuffled(2)
    before = movies.without(set(list(movies.vectors)[::4]))
    assert_true(movies.updated(before, before.exact()), movies, 50)


@pytest.mark.parametrize("count", [2, 3, 60, 100, 101])
def test_lists_that_hold_everybody_still_do_after_an_update(count: int) -> None:
    movies = library(count)
    before = movies.without({next(iter(movies.vectors))})
    assert_true(movies.updated(before, before.exact()), movies, 100)


def test_a_replaced_poster_leaves_every_list_and_comes_into_others() -> None:
    movies = library(250, cards=0.2)
    replaced = set(list(movies.vectors)[:20])
    fresh = dict(zip(movies.vectors, library(250, seed=9).vectors.values(), strict=True))
    after = Library({m: fresh[m] if m in replaced else v for m, v in movies.vectors.items()}, movies.cards)
    assert_true(after.updated(movies, movies.exact(), replaced), after, 50)


def test_a_movie_that_gets_a_poster_for_its_card_changes_sides() -> None:
    movies = library(200, cards=0.5)
    changed = set(sorted(movies.cards)[:10])
    after = Library(movies.vectors, movies.cards - changed)
    assert_true(after.updated(movies, movies.exact(), changed), after, 50)


def test_the_last_of_its_kind_ends_with_an_empty_list() -> None:
    movies = library(40)
    ids = list(movies.vectors)
    movies = Library(movies.vectors, frozenset(ids[:2]))
    after = movies.without({ids[0]})
    lists = after.updated(movies, movies.exact())
    assert_true(lists, after, 39)
    assert (lists.rows[0] == -1).all()


def test_many_updates_in_a_row_lose_nothing() -> None:
    movies = library(400, copies=2, cards=0.1)
    ids = list(movies.vectors)
    now = movies.without(set(ids[100:]))
    lists = now.exact()
    for step in range(6):
        then = movies.without(set(ids[: 25 * step]) | set(ids[150 + 45 * step :])).shuffled(step)
        lists, now = then.updated(now, lists), then
        assert_true(lists, now, 50)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_coming_and_going_makes_a_list_wrong(data: st.DataObject) -> None:
    levels = st.lists(st.integers(0, 2), min_size=3, max_size=3)  # 26 different posters: ties everywhere
    pictures = data.draw(st.lists(levels.filter(any), min_size=1, max_size=40))
    vectors = {}
    for movie_id, level in enumerate(pictures):
        vectors[movie_id] = np.zeros(DIMENSION, np.float32)
        vectors[movie_id][[3, 64, 127]] = level
    everybody = range(len(pictures))
    cards = frozenset(data.draw(st.sets(st.sampled_from(everybody))))
    coming = data.draw(st.sets(st.sampled_from(everybody)))
    going = data.draw(st.sets(st.sampled_from(everybody))) - coming
    movies = Library(vectors, cards)
    before, after = movies.without(coming), movies.without(going).shuffled(data.draw(st.integers(0, 5)))
    if not after.vectors:
        return
    lists = before.exact() if before.vectors else Neighbourhoods.empty(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbour_lists, "MOST_SCORED", data.draw(st.sampled_from([3, 1024])))
        assert_true(after.updated(before, lists), after, 0)


def test_candidates_are_ranked_by_their_exact_scores() -> None:
    movies = library(200, copies=4, cards=0.3)
    every = np.arange(200)
    blocks = [(every[:70], np.tile(every, (70, 1))), (every[70:], np.tile(every[::-1], (130, 1)))]
    lists = candidate_neighbours(movies.packed, movies.movie_ids, movies.generated, blocks, _quiet)
    assert_true(lists, movies, 100)


def test_of_candidates_strangers_doubles_and_the_movie_itself_are_passed_over() -> None:
    movies = library(6)
    movies = Library(movies.vectors, frozenset(list(movies.vectors)[3:]))
    found = np.array([[0, 1, 1, -1, 4, 2, -1, 2]])
    lists = candidate_neighbours(movies.packed, movies.movie_ids, movies.generated, [(np.array([0]), found)], _quiet)
    assert sorted(lists.rows[0, :2].tolist()) == [1, 2]
    assert (lists.rows[0, 2:] == -1).all()
    assert (lists.rows[1:] == -1).all()  # nobody asked for those


def codes_of(movies: Library) -> Codes:
    every = np.arange(len(movies.vectors))
    directions = fit_directions(movies.packed, every, min(64, len(every)), _quiet)
    return Codes(*encode_rows(movies.packed, every, directions))


@pytest.mark.parametrize("cards", [0.0, 0.4])
def test_codes_of_every_row_find_nearly_all_neighbours(cards: float) -> None:
    movies = library(400, cards=cards)
    blocks = among_all(codes_of(movies), movies.generated, 200)
    lists = candidate_neighbours(movies.packed, movies.movie_ids, movies.generated, blocks, _quiet)
    assert found_of(lists, movies) > 0.99


def test_codes_of_the_nearest_clusters_find_nearly_all_neighbours_when_most_are_looked_at() -> None:
    movies = library(400, cards=0.2)
    codes = codes_of(movies)
    clusters = fit_clusters(codes, 20, _quiet)
    ordered = Codes(codes.numbers[clusters.rows], codes.scales[clusters.rows])
    blocks = within_clusters(ordered, clusters, movies.generated, 200, looked_at=300)
    lists = candidate_neighbours(movies.packed, movies.movie_ids, movies.generated, blocks, _quiet)
    assert found_of(lists, movies) > 0.95


@pytest.mark.parametrize("count", [1, 2, 5])
def test_more_candidates_than_movies_are_no_fault(count: int) -> None:
    movies = library(count)
    codes = codes_of(movies)
    clusters = fit_clusters(codes, 1, _quiet)
    ordered = Codes(codes.numbers[clusters.rows], codes.scales[clusters.rows])
    for blocks in (among_all(codes, movies.generated), within_clusters(ordered, clusters, movies.generated)):
        lists = candidate_neighbours(movies.packed, movies.movie_ids, movies.generated, blocks, _quiet)
        assert_true(lists, movies, 100)


def found_of(lists: Neighbourhoods, movies: Library) -> float:
    """Of the ten nearest of every movie, the share that is in its list."""
    hits = [np.isin(brute_force(movies, row)[0][:10], lists.rows[row]).mean() for row in range(len(movies.vectors))]
    return float(np.mean(hits))
