"""A catalogue that lives: movies are corrected, taken out, found by state; jobs say how fast they go."""

from collections.abc import Callable

import pytest

from catalog.catalog import Catalog
from catalog.editing import MovieChanges
from catalog.entries import FIRST_LOCAL_ID, Kind, NewMovie, PosterFile, Reason, State
from catalog.errors import ConflictingMovie, UnknownJob, UnknownMovie
from catalog.pace import pace_of
from catalog.storing import store_movies
from catalog.work import Embedded, Failure
from tests.catalog.conftest import Clock

Queue = Callable[[int], Catalog]
File = Callable[[int], PosterFile]


def _embed(catalog: Catalog, files: list[PosterFile]) -> None:
    catalog.work.fetched(catalog.work.claim(Kind.FETCH, len(files), 60), files)
    vectors = [Embedded(file.movie_id, file.sha256, "toy", b"record") for file in files]
    catalog.work.embedded(catalog.work.claim(Kind.EMBED, len(files), 60), vectors)


def test_a_correction_is_found_by_its_new_title_and_not_by_the_old(queued: Queue) -> None:
    catalog = queued(2)
    assert catalog.editing.edit(1, MovieChanges(title="Amélie", year=2001, genres=("Comedy", "Romance")))
    movie = catalog.movies.get(1)
    assert (movie.title, movie.year, movie.genres) == ("Amélie", 2001, ("Comedy", "Romance"))
    assert [found.movie_id for found in catalog.movies.page("amelie").items] == [1]
    assert catalog.movies.page("Movie 1").items == []
    assert [found.movie_id for found in catalog.movies.page(genre="romance").items] == [1]


def test_a_correction_that_changes_nothing_to_be_seen_says_so(queued: Queue) -> None:
    catalog = queued(1)
    assert not catalog.editing.edit(1, MovieChanges(title="Movie 1", imdb_id="tt0000009"))
    assert catalog.movies.get(1).imdb_id == "tt0000009"


def test_new_outside_ids_let_the_sources_be_asked_again(queued: Queue) -> None:
    catalog = queued(1)
    claim = catalog.work.claim(Kind.FETCH, 1, 60)
    catalog.work.failed(claim, [Failure(1, Reason.NO_POSTER, "no id", {"tmdb": "no id"})])
    catalog.editing.edit(1, MovieChanges(tmdb_id=42))
    assert catalog.misses.of([1]) == {}


def test_an_outside_id_of_another_movie_is_a_conflict_and_changes_nothing(queued: Queue) -> None:
    catalog = queued(2)
    catalog.editing.edit(1, MovieChanges(imdb_id="tt0000001"))
    with pytest.raises(ConflictingMovie, match="tt0000001 belongs to another movie"):
        catalog.editing.edit(2, MovieChanges(title="Changed", imdb_id="tt0000001"))
    assert catalog.movies.get(2).title == "Movie 2"


def test_what_is_not_there_can_be_neither_corrected_nor_taken_out(queued: Queue) -> None:
    catalog = queued(1)
    with pytest.raises(UnknownMovie):
        catalog.editing.edit(9, MovieChanges(title="x"))
    with pytest.raises(UnknownMovie):
        catalog.editing.delete(9)


def test_a_deleted_movie_is_gone_with_everything_and_a_worker_that_has_it_changes_nothing(
    queued: Queue, poster_file: File
) -> None:
    catalog = queued(2)
    _embed(catalog, [poster_file(1)])
    late = catalog.work.claim(Kind.FETCH, 1, 60)
    assert late.movie_ids == (2,)
    for movie_id in (1, 2):
        catalog.editing.delete(movie_id)
    assert catalog.movies.ids() == []
    assert catalog.posters.mark().count == 0
    assert catalog.work.fetched(late, [poster_file(2)]) == set()
    with pytest.raises(UnknownMovie):
        catalog.editing.delete(1)


def test_the_id_of_a_deleted_movie_is_not_given_to_another_one(catalog: Catalog) -> None:
    _, [first] = catalog.add([NewMovie("A")])
    assert first == FIRST_LOCAL_ID
    catalog.editing.delete(first)
    assert catalog.add([NewMovie("B")])[1] == [first + 1]


def test_a_deleted_movie_stays_away_from_imports_and_comes_back_when_it_is_asked_for(queued: Queue) -> None:
    catalog = queued(2)
    catalog.editing.delete(1)
    both = [NewMovie(f"Movie {i}", movie_id=i) for i in (1, 2)]
    with catalog.database.write() as connection:
        assert len(store_movies(connection, both, {}, 0.0).deleted_here) == 1
    assert list(catalog.movies.ids()) == [2]
    catalog.add([both[0]])
    assert list(catalog.movies.ids()) == [1, 2]
    with catalog.database.write() as connection:
        assert len(store_movies(connection, both, {}, 0.0).deleted_here) == 0


def test_movies_are_found_by_state_and_by_the_reason_of_their_failure(queued: Queue, poster_file: File) -> None:
    catalog = queued(4)
    claim = catalog.work.claim(Kind.FETCH, 3, 60)
    failures = [Failure(1, Reason.NO_POSTER, "none"), Failure(2, Reason.IMAGE_INVALID, "bad")]
    catalog.work.failed(claim, failures)
    catalog.work.fetched(claim, [poster_file(3)])

    def found(**wanted: object) -> list[int]:
        return [movie.movie_id for movie in catalog.movies.page(**wanted).items]  # type: ignore[arg-type]

    assert found(state=State.FAILED) == [1, 2]
    assert found(reason=Reason.NO_POSTER) == [1]
    assert found(state=State.FETCHED, reason=Reason.NO_POSTER) == []
    assert (found(state=State.PENDING), found(state=State.FETCHED)) == ([4], [3])
    with catalog.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM poster_work WHERE movie_id = 4")
    assert found(state=State.NONE) == [4]


def test_a_poster_address_is_kept_and_another_one_has_the_poster_fetched_anew(
    catalog: Catalog, poster_file: File
) -> None:
    movie = NewMovie("A", movie_id=1, poster_url="https://posters.example/a.jpg")
    catalog.add([movie])
    assert catalog.given.of([1])[1].url == "https://posters.example/a.jpg"
    _embed(catalog, [poster_file(1)])
    catalog.add([movie])
    assert catalog.movies.get(1).state == State.EMBEDDED, "the same again changes nothing"
    catalog.add([NewMovie("A", movie_id=1, poster_url="https://posters.example/b.jpg")])
    renewed = catalog.movies.get(1)
    assert (renewed.state, renewed.renewing) == (State.PENDING, True)


def test_jobs_come_in_pages_newest_first(catalog: Catalog, clock: Clock) -> None:
    made = []
    for number in range(5):
        clock.now += 1
        made.append(catalog.add([NewMovie(f"Movie {number}")], request_id=f"request-{number}")[0])
    first = catalog.jobs.newest(2)
    assert [job.job_id for job in first] == [made[4], made[3]]
    assert [job.job_id for job in catalog.jobs.newest(9, before=first[-1].job_id)] == made[2::-1]
    assert catalog.jobs.newest(9, kind="train") == []
    assert first[0].request_id == "request-4"
    with pytest.raises(UnknownJob):
        catalog.jobs.newest(2, before="none")


def test_a_job_says_how_fast_its_movies_come_and_how_long_the_rest_takes(
    catalog: Catalog, poster_file: File, clock: Clock
) -> None:
    job_id, _ = catalog.add([NewMovie(f"Movie {i}", movie_id=i) for i in range(1, 11)])
    assert catalog.jobs.get(job_id).rate_per_s is None, "nothing has happened yet"
    clock.now += 10
    _embed(catalog, [poster_file(i) for i in range(1, 6)])
    job = catalog.jobs.get(job_id)
    assert (job.rate_per_s, job.seconds_left) == (0.5, 10.0)


def test_a_running_build_says_how_long_it_takes_from_when_it_was_first_taken(catalog: Catalog, clock: Clock) -> None:
    catalog.jobs.open("train", request_id="from-curl")
    clock.now += 100
    job = catalog.jobs.claim(60)
    assert job is not None
    clock.now += 20
    catalog.jobs.keep(job, 60, {"phase": "training", "done": 5, "of": 20})
    running = catalog.jobs.get(job.job_id)
    assert (running.started_at, running.rate_per_s, running.seconds_left) == (clock.now - 20, 0.25, 60.0)
    assert running.request_id == "from-curl"


def test_nothing_is_said_about_a_pace_that_was_hardly_seen() -> None:
    assert pace_of(5, 0.5, 10).rate_per_s is None
    assert pace_of(0, 60, 10).seconds_left is None
    assert pace_of(10, 5, -3).seconds_left == 0
