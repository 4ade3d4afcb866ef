"""Movies that are corrected or deleted: what is gone, what is remembered, what workers in the middle of it notice."""

from collections.abc import Callable

import pytest
from sqlalchemy import insert, select

from catalog.catalog import Catalog
from catalog.editing import MovieChanges
from catalog.entries import FIRST_LOCAL_ID, Kind, NewMovie, PosterFile, State
from catalog.errors import ConflictingMovie, UnknownMovie
from catalog.schema import metadata, ratings
from catalog.work import Embedded

Queue = Callable[[int], Catalog]
File = Callable[[int], PosterFile]


def rows_of(catalog: Catalog, movie_id: int) -> dict[str, int]:
    """How many rows each table has about a movie."""
    with catalog.database.read() as connection:
        counted = {
            table.name: len(connection.execute(select(table).where(table.c.movie_id == movie_id)).all())
            for table in metadata.sorted_tables
            if "movie_id" in table.c
        }
    return {name: number for name, number in counted.items() if number}


def embed(catalog: Catalog, file: PosterFile) -> None:
    claim = catalog.work.claim(Kind.FETCH, 1, 60)
    assert catalog.work.fetched(claim, [file], {file.movie_id: {"tmdb": "none there"}}) == {file.movie_id}
    claim = catalog.work.claim(Kind.EMBED, 1, 60)
    assert catalog.work.embedded(claim, [Embedded(file.movie_id, file.sha256, "toy", b"x")])


def test_of_a_deleted_movie_only_the_memory_of_its_id_is_left(queued: Queue, poster_file: File) -> None:
    catalog = queued(1)
    embed(catalog, poster_file(1))
    catalog.given.set_file(1, b"\xff\xd8\xff", "image/jpeg")
    catalog.add([NewMovie("Movie 1", 1)])
    with catalog.database.write() as connection:
        connection.execute(insert(ratings).values(user_id=1, movie_id=1, rating=4.0, rated_at=1))
    assert {"movies", "poster_files", "poster_vectors", "poster_work", "given_posters", "ratings"} <= set(
        rows_of(catalog, 1)
    )
    catalog.editing.delete(1)
    assert rows_of(catalog, 1) == {"deleted_movies": 1}
    with pytest.raises(UnknownMovie):
        catalog.editing.delete(1)


@pytest.mark.parametrize("kind", [Kind.FETCH, Kind.EMBED])
def test_a_worker_that_has_the_movie_in_hand_ends_without_error_and_brings_nothing_back(
    kind: Kind, queued: Queue, poster_file: File
) -> None:
    catalog = queued(2)
    claim = catalog.work.claim(Kind.FETCH, 2, 60)
    if kind == Kind.EMBED:
        catalog.work.fetched(claim, [poster_file(1), poster_file(2)])
        claim = catalog.work.claim(Kind.EMBED, 2, 60)
    catalog.editing.delete(1)
    if kind == Kind.FETCH:
        assert catalog.work.fetched(claim, [poster_file(1), poster_file(2)]) == {2}
    else:
        vectors = [Embedded(i, poster_file(i).sha256, "toy", b"x") for i in (1, 2)]
        assert catalog.work.embedded(claim, vectors) == {2}
    assert rows_of(catalog, 1) == {"deleted_movies": 1}


def test_a_local_id_is_given_once_and_an_explicit_one_brings_the_movie_back(catalog: Catalog) -> None:
    _, [first] = catalog.add([NewMovie("One")])
    assert first == FIRST_LOCAL_ID
    catalog.editing.delete(first)
    assert catalog.add([NewMovie("Two")])[1] == [first + 1]
    assert catalog.add([NewMovie("One again", first)])[1] == [first]
    assert "deleted_movies" not in rows_of(catalog, first)


def test_a_deletion_calls_for_a_new_snapshot_even_without_a_poster(queued: Queue) -> None:
    catalog = queued(1)
    before = catalog.posters.mark()
    catalog.editing.delete(1)
    assert catalog.posters.mark() != before


def test_a_correction_says_whether_what_a_card_shows_changed(queued: Queue) -> None:
    catalog = queued(1)
    assert not catalog.editing.edit(1, MovieChanges(title="Movie 1", year=2000))
    assert not catalog.editing.edit(1, MovieChanges(tmdb_id=5))
    assert catalog.editing.edit(1, MovieChanges(genres=("War", "Drama")))
    movie = catalog.movies.get(1)
    assert (movie.title, movie.genres, movie.tmdb_id) == ("Movie 1", ("War", "Drama"), 5)


def test_a_new_outside_id_lets_the_sources_be_asked_again(queued: Queue, poster_file: File) -> None:
    catalog = queued(1)
    embed(catalog, poster_file(1))
    assert "poster_misses" in rows_of(catalog, 1)
    catalog.editing.edit(1, MovieChanges(imdb_id="tt0000009"))
    assert "poster_misses" not in rows_of(catalog, 1)


def test_a_correction_with_an_id_of_another_movie_changes_nothing(queued: Queue) -> None:
    catalog = queued(2)
    catalog.editing.edit(2, MovieChanges(imdb_id="tt0000002"))
    with pytest.raises(ConflictingMovie, match="tt0000002"):
        catalog.editing.edit(1, MovieChanges(title="Other", imdb_id="tt0000002"))
    assert catalog.movies.get(1).title == "Movie 1"
    with pytest.raises(UnknownMovie):
        catalog.editing.edit(9, MovieChanges(title="x"))


def test_an_address_is_kept_with_the_movie_and_another_one_renews_it(queued: Queue, poster_file: File) -> None:
    catalog = queued(1)
    embed(catalog, poster_file(1))
    catalog.add([NewMovie("Movie 1", 1)])
    assert catalog.movies.get(1).state == State.EMBEDDED
    catalog.add([NewMovie("Movie 1", 1, poster_url="https://a.example/1.jpg")])
    assert catalog.given.of([1])[1].url == "https://a.example/1.jpg"
    assert (catalog.movies.get(1).state, catalog.movies.get(1).renewing) == (State.PENDING, True)
    embed(catalog, poster_file(1))
    catalog.add([NewMovie("Movie 1", 1, poster_url="https://a.example/1.jpg")])
    assert catalog.movies.get(1).state == State.EMBEDDED, "the same address again changes nothing"


def test_movies_are_listed_by_state_and_reason(queued: Queue, poster_file: File) -> None:
    catalog = queued(3)
    embed(catalog, poster_file(1))
    assert [movie.movie_id for movie in catalog.movies.page(state=State.PENDING).items] == [2, 3]
    assert [movie.movie_id for movie in catalog.movies.page(state=State.EMBEDDED).items] == [1]
    assert catalog.movies.page(state=State.NONE).items == []
