"""Movies: stored once, found by what people type, listed page by page, added by any of their ids."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.catalog import Catalog
from catalog.entries import FIRST_LOCAL_ID, MAX_ID, NewMovie, State
from catalog.errors import ConflictingMovie, UnknownMovie
from catalog.storing import Stored, store_movies

NEW = [
    NewMovie("The Matrix", 1, 1999, ("Action", "Sci-Fi"), "tt0133093", 603),
    NewMovie("The Matrix Reloaded", 2, 2003, ("Action",), "tt0234215", 604),
    NewMovie("Léon", 3, 1994, ("Crime", "Drama"), "tt0110413", 101),
    NewMovie("100% Wolf_Man", 4, 2020, ("Animation",)),
]
RATINGS = {1: (50, 4.2), 2: (60, 3.0), 3: (10, 4.5)}


@pytest.fixture
def stored(catalog: Catalog) -> Catalog:
    with catalog.database.write() as connection:
        assert store_movies(connection, NEW, RATINGS, 1.0) == Stored(new=4, changed=0, unchanged=0)
    return catalog


def found(catalog: Catalog, q: str = "", genre: str = "") -> list[int]:
    return [movie.movie_id for movie in catalog.movies.page(q=q, genre=genre).items]


def test_storing_again_changes_nothing_and_a_correction_changes_one(stored: Catalog) -> None:
    with stored.database.write() as connection:
        assert store_movies(connection, NEW, RATINGS, 2.0) == Stored(new=0, changed=0, unchanged=4)
        stored_now = store_movies(connection, [replace(NEW[0], year=2000)], RATINGS, 2.0)
        assert stored_now == Stored(new=0, changed=1, unchanged=0)
    assert stored.movies.get(1).year == 2000
    assert stored.movies.count() == 4


def test_a_movie_has_all_that_was_given_and_its_state(stored: Catalog) -> None:
    movie = stored.movies.get(1)
    assert (movie.label, movie.genres, movie.imdb_id, movie.tmdb_id) == (
        "The Matrix (1999)", ("Action", "Sci-Fi"), "tt0133093", 603,
    )  # fmt: skip
    assert (movie.n_ratings, movie.mean_rating, movie.state) == (50, 4.2, State.NONE)
    with pytest.raises(UnknownMovie, match="movie 9 is not"):
        stored.movies.get(9)


def test_many_keep_the_order_asked_and_leave_out_the_unknown(stored: Catalog) -> None:
    assert [movie.movie_id for movie in stored.movies.many([3, 9, 1])] == [3, 1]


@pytest.mark.parametrize(
    ("q", "genre", "want"),
    [
        ("the matrix", "", [1, 2]),  # the very title before the one with more ratings
        ("matrix", "", [2, 1]),
        ("LEON", "", [3]),
        ("100%", "", [4]),
        ("%", "", [2, 1, 3, 4]),
        ("", "action", [2, 1]),
        ("", "Act", []),
        ("", "%", []),
        ("nothing like it", "", []),
    ],
)
def test_movies_are_found_by_what_people_type(stored: Catalog, q: str, genre: str, want: list[int]) -> None:
    assert found(stored, q, genre) == want


def test_pages_cover_every_movie_once_in_order(catalog: Catalog) -> None:
    new = [NewMovie(f"Same {i}", i, 2000) for i in range(1, 24)]
    with catalog.database.write() as connection:
        store_movies(connection, new, {i: (i % 3, 3.0) for i in range(1, 24)}, 1.0)
    seen, cursor = [], ""
    while True:
        page = catalog.movies.page(q="same", cursor=cursor, limit=5)
        seen += [(-movie.n_ratings, movie.movie_id) for movie in page.items]
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == 23


def test_a_foreign_cursor_is_a_value_error(stored: Catalog) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        stored.movies.page(cursor="x.y.z")


@pytest.mark.parametrize(
    "again", [NewMovie("x", movie_id=1), NewMovie("x", imdb_id="tt0133093"), NewMovie("x", tmdb_id=603)]
)
def test_adding_is_idempotent_by_each_id(stored: Catalog, again: NewMovie) -> None:
    assert stored.add([again])[1] == [1]
    assert stored.movies.get(1).title == "The Matrix"
    assert stored.movies.count() == 4
    assert stored.movies.get(1).state == State.PENDING


def test_movies_without_an_id_get_one_of_ours(catalog: Catalog) -> None:
    job_id, ids = catalog.add(
        [NewMovie("One"), NewMovie("Two", imdb_id="tt0000002"), NewMovie("Two", imdb_id="tt0000002")]
    )
    assert ids == [FIRST_LOCAL_ID, FIRST_LOCAL_ID + 1, FIRST_LOCAL_ID + 1]
    job = catalog.jobs.get(job_id)
    assert (job.state, dict(job.progress)) == ("pending", {"pending": 2})


def test_the_greatest_id_being_taken_leaves_room_for_others(catalog: Catalog) -> None:
    catalog.add([NewMovie("Last", movie_id=MAX_ID)])
    assert catalog.add([NewMovie("One"), NewMovie("Two")])[1] == [FIRST_LOCAL_ID, FIRST_LOCAL_ID + 1]


@pytest.mark.parametrize(
    ("conflict", "words"),
    [
        (NewMovie("x", movie_id=2, imdb_id="tt0133093"), "belongs to movie 1, not to 2"),
        (NewMovie("x", movie_id=77, imdb_id="tt0133093"), "belongs to movie 1, not to 77"),
        (NewMovie("x", movie_id=1, imdb_id="tt7777777"), "has imdb_id tt0133093, not tt7777777"),
        (NewMovie("x", imdb_id="tt0133093", tmdb_id=9), "has tmdb_id 603, not 9"),
    ],
)
def test_a_conflict_names_its_place_and_stores_nothing(stored: Catalog, conflict: NewMovie, words: str) -> None:
    with pytest.raises(ConflictingMovie, match=f"movie 1 of the request.*{words}"):
        stored.add([NewMovie("Fine"), conflict])
    assert stored.movies.count() == 4
    assert stored.jobs.newest() == []


def test_an_id_that_was_missing_is_filled_in(stored: Catalog) -> None:
    stored.add([NewMovie("x", movie_id=4, imdb_id="tt9999999")])
    assert stored.movies.get(4).imdb_id == "tt9999999"


def test_two_processes_adding_the_same_movie_make_one(database_url: str, catalog: Catalog, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from catalog.catalog import Catalog; from catalog.entries import NewMovie\n"
        "catalog = Catalog.open(sys.argv[1], Path(sys.argv[2]))\n"
        "for i in range(20): print(catalog.add([NewMovie('x', imdb_id=f'tt{i + 1:07d}')])[1][0])"
    )
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    first, second = (process.communicate(timeout=60)[0].split() for process in racing)
    assert first == second
    assert catalog.movies.count() == 20
