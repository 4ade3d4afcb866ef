"""Posters that make way for others: what counts meanwhile, and when one is asked for again."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from catalog.catalog import Catalog
from catalog.entries import MAX_ATTEMPTS, Claim, Kind, PosterFile, Reason, State
from catalog.misses import REMEMBERED_S
from catalog.work import MAX_TROUBLES, Embedded, Failure
from tests.catalog.conftest import Clock

Queue = Callable[[int], Catalog]
File = Callable[[int], PosterFile]


@pytest.fixture
def embedded(queued: Queue, poster_file: File) -> Callable[..., Catalog]:
    """Movies 1..n, all embedded; keyword arguments are those of their posters."""

    def make(n: int, **changes: object) -> Catalog:
        catalog = queued(n)
        files = [replace(poster_file(i), **changes) for i in range(1, n + 1)]  # type: ignore[arg-type]
        _fetch(catalog, files)
        _embed(catalog, files)
        return catalog

    return make


def _fetch(catalog: Catalog, files: list[PosterFile], misses: dict[int, dict[str, str]] | None = None) -> None:
    claim = catalog.work.claim(Kind.FETCH, 100, 60)
    assert len(catalog.work.fetched(claim, files, misses or {})) == len(files)


def _embed(catalog: Catalog, files: list[PosterFile], record: bytes = b"record") -> None:
    claim = catalog.work.claim(Kind.EMBED, 100, 60)
    vectors = [Embedded(file.movie_id, file.sha256, "toy", record, file.generated) for file in files]
    assert len(catalog.work.embedded(claim, vectors)) == len(files)


def _vectors(catalog: Catalog) -> dict[int, bytes]:
    return {stored.movie_id: stored.record for run in catalog.posters.vectors("toy") for stored in run}


def _state(catalog: Catalog, movie_id: int = 1) -> str:
    return catalog.movies.get(movie_id).state


def test_what_is_renewed_counts_until_the_new_poster_is_embedded(
    embedded: Callable[..., Catalog], poster_file: File
) -> None:
    catalog = embedded(2)
    assert catalog.work.renew([1]) == 1
    assert _state(catalog) == State.PENDING
    assert _vectors(catalog) == {1: b"record", 2: b"record"}, "the old vector is still published"
    new = replace(poster_file(1), sha256="b" * 64)
    _fetch(catalog, [new])
    assert _vectors(catalog) == {1: b"record", 2: b"record"}
    _embed(catalog, [new], b"newer")
    assert _vectors(catalog) == {1: b"newer", 2: b"record"}


def test_a_renewal_that_fails_leaves_what_was_there_and_says_why(embedded: Callable[..., Catalog]) -> None:
    catalog = embedded(1)
    catalog.work.renew([1])
    catalog.work.failed(
        catalog.work.claim(Kind.FETCH, 1, 60), [Failure(1, Reason.IMAGE_TRUNCATED, "upload: it ends early")]
    )
    movie = catalog.movies.get(1)
    assert (movie.state, movie.reason, movie.detail) == (State.EMBEDDED, "image_truncated", "upload: it ends early")
    assert _vectors(catalog) == {1: b"record"}


def test_a_renewal_whose_worker_dies_each_time_leaves_what_was_there(
    embedded: Callable[..., Catalog], clock: Clock
) -> None:
    catalog = embedded(1)
    catalog.work.renew([1])
    for _ in range(MAX_ATTEMPTS):
        assert catalog.work.claim(Kind.FETCH, 1, 60).movie_ids == (1,)
        clock.now += 61
    assert catalog.work.sweep() == 1
    assert catalog.movies.get(1).reason == Reason.WORKER_LOST
    assert _state(catalog) == State.EMBEDDED


def test_a_poster_out_of_date_that_nobody_has_any_more_is_not_kept(
    embedded: Callable[..., Catalog], clock: Clock
) -> None:
    catalog = embedded(1, expires_at=clock.now + 100)
    clock.now += 101
    assert catalog.work.refresh([]) == 1
    catalog.work.failed(catalog.work.claim(Kind.FETCH, 1, 60), [Failure(1, Reason.NO_POSTER, "none any more")])
    assert _state(catalog) == State.FAILED
    assert _vectors(catalog) == {}


def test_a_poster_is_fetched_again_when_its_time_is_over_and_not_before(
    embedded: Callable[..., Catalog], clock: Clock
) -> None:
    catalog = embedded(1, expires_at=clock.now + 100)
    assert catalog.work.refresh(["tmdb"]) == 0
    clock.now += 101
    assert catalog.work.refresh(["tmdb"]) == 1
    assert catalog.work.refresh(["tmdb"]) == 0, "it is on its way"


def test_a_title_card_makes_way_once_a_source_outside_can_be_asked(embedded: Callable[..., Catalog]) -> None:
    catalog = embedded(1, generated=True, source="titlecard")
    assert catalog.work.refresh([]) == 0, "cards only: nothing could replace it"
    assert catalog.work.refresh(["tmdb"]) == 1


def test_a_card_that_a_source_was_asked_about_stands_until_the_miss_is_forgotten(
    queued: Queue, poster_file: File, clock: Clock
) -> None:
    catalog = queued(1)
    card = replace(poster_file(1), generated=True, source="titlecard")
    _fetch(catalog, [card], {1: {"tmdb": "no poster"}})
    _embed(catalog, [card])
    assert catalog.misses.of([1]) == {1: {"tmdb": "no poster"}}
    assert catalog.work.refresh(["tmdb"]) == 0
    clock.now += REMEMBERED_S + 1
    assert catalog.misses.of([1]) == {}
    assert catalog.work.refresh(["tmdb"]) == 1


def test_a_real_poster_and_one_that_was_handed_in_are_left_alone(embedded: Callable[..., Catalog]) -> None:
    assert embedded(1).work.refresh(["tmdb"]) == 0


def test_a_movie_without_any_poster_is_tried_when_a_source_is_new(queued: Queue) -> None:
    catalog = queued(2)
    claim = catalog.work.claim(Kind.FETCH, 2, 60)
    missing = [Failure(1, Reason.NO_POSTER, "folder: none"), Failure(2, Reason.IMAGE_INVALID, "folder: no image")]
    catalog.work.failed(claim, missing)
    assert catalog.work.refresh(["tmdb"]) == 1
    assert (_state(catalog, 1), _state(catalog, 2)) == (State.PENDING, State.FAILED)


def test_a_card_whose_replacement_was_refused_is_not_tried_at_every_look(embedded: Callable[..., Catalog]) -> None:
    catalog = embedded(1, generated=True)
    catalog.work.refresh(["tmdb"])
    catalog.work.failed(catalog.work.claim(Kind.FETCH, 1, 60), [Failure(1, Reason.IMAGE_INVALID, "tmdb: no image")])
    assert catalog.work.refresh(["tmdb"]) == 0


def test_asking_for_a_renewal_takes_the_row_out_of_a_worker_that_has_it(
    embedded: Callable[..., Catalog], poster_file: File
) -> None:
    catalog = embedded(1)
    catalog.work.renew([1])
    late = catalog.work.claim(Kind.FETCH, 1, 60)
    catalog.work.renew([1])
    assert catalog.work.fetched(late, [poster_file(1)]) == set()
    assert catalog.work.claim(Kind.FETCH, 1, 60).movie_ids == (1,)


def test_asking_again_forgets_what_the_sources_did_not_have(queued: Queue) -> None:
    catalog = queued(1)
    claim = catalog.work.claim(Kind.FETCH, 1, 60)
    catalog.work.failed(claim, [Failure(1, Reason.NO_POSTER, "tmdb: none", {"tmdb": "none"})])
    assert catalog.misses.of([1])
    assert catalog.work.retry_movies([1, 2]) == 1
    assert catalog.misses.of([1]) == {}


def test_a_movie_that_nobody_queued_can_be_renewed(catalog: Catalog, queued: Queue) -> None:
    queued(1)
    with catalog.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM poster_work")
    assert catalog.work.renew([1, 99]) == 1
    assert _state(catalog) == State.PENDING


def test_trouble_of_a_source_uses_no_attempt_and_ends_after_many_in_a_row(queued: Queue, clock: Clock) -> None:
    catalog = queued(1)
    for number in range(MAX_TROUBLES):
        claim = _claimed(catalog)
        catalog.work.troubled(claim, [Failure(1, Reason.SOURCE_UNAVAILABLE, "tmdb: 500")], {1: 0.0})
        assert _attempts(catalog) == 0, number
        clock.now += 301
    assert (_state(catalog), catalog.movies.get(1).reason) == (State.FAILED, "source_unavailable")


def test_a_source_that_names_a_pause_gets_it(queued: Queue, clock: Clock) -> None:
    catalog = queued(1)
    failure = Failure(1, Reason.SOURCE_UNAVAILABLE, "tmdb: 429")
    catalog.work.troubled(_claimed(catalog), [failure], {1: 30.0})
    clock.now += 29
    assert not catalog.work.due(Kind.FETCH)
    clock.now += 2
    assert catalog.work.due(Kind.FETCH)


def test_waiting_for_a_source_uses_no_attempt_however_often(queued: Queue, clock: Clock) -> None:
    catalog = queued(1)
    for _ in range(20):
        catalog.work.put_off(_claimed(catalog), [1], clock.now + 10, "tmdb: no answer")
        assert not catalog.work.due(Kind.FETCH)
        clock.now += 11
    assert (_state(catalog), _attempts(catalog)) == (State.PENDING, 0)


def test_a_suspect_is_not_handed_out_in_company(queued: Queue, clock: Clock) -> None:
    catalog = queued(3)
    assert catalog.work.claim(Kind.FETCH, 1, 60).movie_ids == (1,)
    clock.now += 61
    assert catalog.work.suspect_due(Kind.FETCH)
    assert catalog.work.claim(Kind.FETCH, 1, 60, in_company=True).movie_ids == (2,)
    alone = catalog.work.claim(Kind.FETCH, 10, 60)
    assert (alone.movie_ids, alone.alone) == ((1,), True)


def _claimed(catalog: Catalog) -> Claim:
    claim = catalog.work.claim(Kind.FETCH, 1, 60)
    assert claim.movie_ids == (1,)
    return claim


def _attempts(catalog: Catalog) -> int:
    with catalog.database.read() as connection:
        attempt: int = connection.exec_driver_sql("SELECT attempt FROM poster_work WHERE movie_id = 1").scalar_one()
    return attempt
