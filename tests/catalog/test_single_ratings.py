"""Single ratings: the latest of a user and a movie counts, all are taken or none, on both databases."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from catalog.catalog import Catalog
from catalog.errors import UnknownMovies
from catalog.rating_rows import GivenRating, RatingsTaken


def rated(user_id: int, movie_id: int, stars: float = 4.0, rated_at: int = 100) -> GivenRating:
    return GivenRating(user_id, movie_id, stars, rated_at)


@pytest.fixture
def stocked(queued: Callable[[int], Catalog]) -> Catalog:
    return queued(9)


def test_what_was_given_is_there_by_movie(stocked: Catalog) -> None:
    assert stocked.ratings.give([rated(7, 3), rated(7, 1, 0.5), rated(8, 3)]) == RatingsTaken(3, 0, 0, 0)
    assert stocked.ratings.single_of(7) == [rated(7, 1, 0.5), rated(7, 3)]
    assert stocked.ratings.single_of(9) == []
    assert stocked.ratings.count() == 3


def test_a_later_rating_takes_the_place_of_an_earlier_one(stocked: Catalog) -> None:
    stocked.ratings.give([rated(7, 3, 4.0, 100)])
    assert stocked.ratings.give([rated(7, 3, 2.0, 101), rated(7, 4)]) == RatingsTaken(2, 1, 0, 0)
    assert stocked.ratings.single_of(7)[0] == rated(7, 3, 2.0, 101)


def test_of_the_same_moment_the_one_given_later_counts(stocked: Catalog) -> None:
    stocked.ratings.give([rated(7, 3, 4.0, 100)])
    assert stocked.ratings.give([rated(7, 3, 2.0, 100)]) == RatingsTaken(1, 1, 0, 0)
    assert stocked.ratings.single_of(7) == [rated(7, 3, 2.0, 100)]


def test_an_earlier_rating_that_comes_late_changes_nothing_and_is_counted(stocked: Catalog) -> None:
    stocked.ratings.give([rated(7, 3, 4.0, 100)])
    assert stocked.ratings.give([rated(7, 3, 2.0, 99), rated(7, 4)]) == RatingsTaken(1, 0, 0, 1)
    assert stocked.ratings.single_of(7)[0] == rated(7, 3, 4.0, 100)


def test_doubles_within_one_call_are_counted_and_the_latest_of_them_counts(stocked: Catalog) -> None:
    given = [rated(7, 3, 1.0, 100), rated(7, 3, 2.0, 102), rated(7, 3, 3.0, 101), rated(7, 3, 4.0, 102)]
    assert stocked.ratings.give(given) == RatingsTaken(1, 0, 3, 0)
    assert stocked.ratings.single_of(7) == [rated(7, 3, 4.0, 102)]


def test_unknown_movies_are_named_and_nothing_is_stored(stocked: Catalog) -> None:
    with pytest.raises(UnknownMovies, match=r"movies 98, 99 are not in the catalog") as caught:
        stocked.ratings.give([rated(7, 3), rated(7, 99), rated(8, 98), rated(9, 99)])
    assert caught.value.movie_ids == [98, 99]
    assert stocked.ratings.count() == 0


def test_many_unknown_movies_make_no_endless_message(stocked: Catalog) -> None:
    with pytest.raises(UnknownMovies, match=r"1019, \.\.\. are not") as caught:
        stocked.ratings.give([rated(7, movie_id) for movie_id in range(1000, 1500)])
    assert len(caught.value.movie_ids) == 500


def test_a_movie_that_is_deleted_takes_its_ratings_along(stocked: Catalog) -> None:
    stocked.ratings.give([rated(7, 3), rated(7, 4)])
    stocked.editing.delete(3)
    assert [rating.movie_id for rating in stocked.ratings.single_of(7)] == [4]


def test_whether_a_movie_was_rated_singly(stocked: Catalog) -> None:
    stocked.ratings.give([rated(7, 3)])
    assert stocked.ratings.given_singly(3)
    assert not stocked.ratings.given_singly(4)


def test_a_thousand_at_once_are_the_same_as_one_by_one(stocked: Catalog) -> None:
    draw = random.Random(5)
    given = [
        rated(draw.randint(1, 40), draw.randint(1, 9), draw.randint(1, 10) / 2, draw.randint(1, 5)) for _ in range(1000)
    ]
    taken = stocked.ratings.give(given)
    latest: dict[tuple[int, int], GivenRating] = {}
    for rating in given:
        before = latest.get((rating.user_id, rating.movie_id))
        if before is None or rating.rated_at >= before.rated_at:
            latest[rating.user_id, rating.movie_id] = rating
    assert taken == RatingsTaken(len(latest), 0, 1000 - len(latest), 0)
    stored = [rating for user_id in range(1, 41) for rating in stocked.ratings.single_of(user_id)]
    assert stored == [latest[pair] for pair in sorted(latest)]


def test_requests_that_meet_lose_nothing_and_the_latest_wins(stocked: Catalog) -> None:
    """Eight hands rate the same pairs in different orders: no deadlock, no error, the latest of each pair stays."""

    def hand(number: int) -> RatingsTaken:
        pairs = [(user, movie) for user in range(1, 6) for movie in range(1, 10)]
        random.Random(number).shuffle(pairs)
        return stocked.ratings.give([rated(user, movie, 0.5 * number, number) for user, movie in pairs])

    with ThreadPoolExecutor(8) as hands:
        taken = list(hands.map(hand, range(1, 9)))
    assert all(of_one.accepted + of_one.outdated == 45 for of_one in taken)
    for user_id in range(1, 6):
        assert {(r.stars, r.rated_at) for r in stocked.ratings.single_of(user_id)} == {(4.0, 8)}


def test_counts_are_noted_where_they_changed_and_nowhere_else(stocked: Catalog) -> None:
    known = {movie_id: stocked.movies.get(movie_id).n_ratings for movie_id in stocked.movies.ids()}
    first, *others = known
    assert stocked.ratings.counted({first: (7, 3.5), 2**30 + 99: (1, 1.0)}) == 1
    assert stocked.ratings.counted({first: (7, 3.5 + 1e-9)}) == 0
    movie = stocked.movies.get(first)
    assert (movie.n_ratings, movie.mean_rating) == (7, 3.5)
    assert all(stocked.movies.get(movie_id).n_ratings == known[movie_id] for movie_id in others)
