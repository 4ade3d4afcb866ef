"""Storing a file's movies: what is the same stays, what was deleted stays away, an IMDb id has one owner."""

from dataclasses import replace

import pytest
from sqlalchemy import insert

from catalog.catalog import Catalog
from catalog.entries import NewMovie
from catalog.schema import deleted_movies
from catalog.storing import Ratings, Stored, store_movies

NEW = [
    NewMovie("Heat", 6, 1995, ("Action", "Crime"), "tt0113277", 949),
    NewMovie("Sabrina", 7, 1995, ("Comedy",), "tt0114319", 11860),
    NewMovie("Tom and Huck", 8, 1995, (), None, None),
]
RATINGS = {6: (104, 3.88), 7: (53, 3.21)}


def store(catalog: Catalog, new: list[NewMovie], ratings: Ratings | None = None, keep_links: bool = False) -> Stored:
    with catalog.database.write() as connection:
        return store_movies(connection, new, ratings, 5.0, keep_links)


@pytest.fixture
def stored(catalog: Catalog) -> Catalog:
    assert store(catalog, NEW, RATINGS) == Stored(new=3, changed=0, unchanged=0)
    return catalog


def test_each_movie_is_counted_once_as_new_changed_or_unchanged(stored: Catalog) -> None:
    given = [replace(NEW[0], title="Heat!"), NEW[1], NewMovie("Sudden Death", 9, 1995)]
    assert store(stored, given, RATINGS) == Stored(new=1, changed=1, unchanged=1)
    assert [movie.title for movie in stored.movies.many([6, 7, 8, 9])] == [
        "Heat!", "Sabrina", "Tom and Huck", "Sudden Death",
    ]  # fmt: skip


def test_a_movie_that_was_deleted_here_stays_away_and_is_named(stored: Catalog) -> None:
    with stored.database.write() as connection:
        connection.execute(insert(deleted_movies).values(movie_id=9, deleted_at=1.0))
    assert store(stored, [*NEW, NewMovie("Sudden Death", 9)], RATINGS) == Stored(0, 0, 3, deleted_here=(9,))
    assert stored.movies.many([9]) == []


def test_without_ratings_numbers_and_means_stay(stored: Catalog) -> None:
    assert store(stored, NEW) == Stored(0, 0, 3)
    assert (stored.movies.get(6).n_ratings, stored.movies.get(6).mean_rating) == (104, 3.88)


def test_new_ratings_hold_for_every_movie_given_or_not(stored: Catalog) -> None:
    assert store(stored, [NEW[0]], {6: (105, 3.9), 8: (1, 5.0)}) == Stored(new=0, changed=3, unchanged=0)
    assert [(movie.n_ratings, movie.mean_rating) for movie in stored.movies.many([6, 7, 8])] == [
        (105, 3.9), (0, None), (1, 5.0),
    ]  # fmt: skip


def test_without_links_known_outside_ids_are_kept(stored: Catalog) -> None:
    bare = [replace(movie, imdb_id=None, tmdb_id=None) for movie in NEW]
    assert store(stored, [*bare, NewMovie("Sudden Death", 9)], keep_links=True) == Stored(1, 0, 3)
    assert [movie.imdb_id for movie in stored.movies.many([6, 9])] == ["tt0113277", None]


def test_two_movies_may_swap_their_imdb_ids(stored: Catalog) -> None:
    swapped = [replace(NEW[0], imdb_id=NEW[1].imdb_id), replace(NEW[1], imdb_id=NEW[0].imdb_id), NEW[2]]
    assert store(stored, swapped) == Stored(0, 2, 1)
    assert [movie.imdb_id for movie in stored.movies.many([6, 7])] == ["tt0114319", "tt0113277"]


@pytest.mark.parametrize("heir", [8, 99])
def test_an_imdb_id_goes_over_to_the_movie_that_the_file_gives_it_to(stored: Catalog, heir: int) -> None:
    """As when a later edition merges two entries, or a movie was added by hand before the file brought it."""
    result = store(stored, [NewMovie("Heat", heir, 1995, (), "tt0113277", 949)])
    assert (result.new, result.changed) == ((0, 2) if heir == 8 else (1, 1))
    assert [movie.imdb_id for movie in stored.movies.many([6, heir])] == [None, "tt0113277"]


def test_many_changes_are_a_few_statements(catalog: Catalog) -> None:
    from sqlalchemy import event

    many = [NewMovie(f"Movie {i}", i, 2000, ("Drama",), f"tt{i:07d}", i) for i in range(1, 2001)]
    store(catalog, many, {})
    statements: list[str] = []
    event.listen(catalog.database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    changed = [replace(movie, title=f"{movie.title}!") for movie in many]
    assert store(catalog, changed, dict.fromkeys(range(1, 2001), (1, 3.0))).changed == 2000
    assert len(statements) < 10
