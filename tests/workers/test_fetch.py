"""Fetching: every poster of a claim ends where its answer says, under one deadline."""

import errno
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from catalog.catalog import Catalog
from catalog.entries import Kind, State
from catalog.errors import CatalogBusy
from catalog.work import PosterWork
from posters.errors import (
    PosterMissing,
    PosterRejected,
    PosterUnavailable,
    RejectReason,
    SourceTroubled,
    SourceWaiting,
)
from posters.poster import PosterImage, PosterRequest
from posters.sources import Found
from workers.fetch import Fetcher, FetchLimits, fetch_due

Known = Mapping[str, str]
Fetch = Callable[[PosterRequest, Known], Found]
Queue = Callable[[int], Catalog]


def test_a_fetched_poster_is_stored_before_its_row_says_so(
    queued: Queue, fetch: Fetch, image: Callable[[int], PosterImage]
) -> None:
    catalog = queued(3)
    assert fetch_due(catalog, fetch, FetchLimits()) == 3
    assert catalog.work.counts()[State.FETCHED] == 3
    file, content = catalog.posters.image(2)
    assert content == image(2).content
    assert (file.source, file.origin, file.generated) == ("folder", "2.jpg", False)


def test_nothing_due_is_nothing_done(queued: Queue, fetch: Fetch) -> None:
    assert fetch_due(queued(0), fetch, FetchLimits()) == 0


def test_a_batch_takes_the_most_rated_first(queued: Queue, fetch: Fetch) -> None:
    catalog = queued(5)
    fetch_due(catalog, fetch, FetchLimits(batch=2))
    assert [movie.movie_id for movie in catalog.movies.many([1, 2, 3, 4, 5]) if movie.state == State.FETCHED] == [1, 2]


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (PosterMissing("folder", "no file"), State.FAILED, "no_poster"),
        (PosterRejected(RejectReason.IMAGE_TRUNCATED, "1.jpg", "it ends early"), State.FAILED, "image_truncated"),
        (PosterUnavailable("tmdb", "no answer"), State.PENDING, "source_unavailable"),
        (SourceTroubled("tmdb", "answered 500", None), State.PENDING, "source_unavailable"),
        (SourceWaiting("tmdb", "answered 503", 4e9), State.PENDING, "source_unavailable"),
        (OSError("input/output error"), State.PENDING, "source_unavailable"),
        (RuntimeError("a bug"), State.PENDING, "internal_error"),
    ],
)
def test_each_kind_of_error_ends_in_its_own_state(queued: Queue, error: Exception, state: State, reason: str) -> None:
    catalog = queued(1)

    def failing(_: PosterRequest, known: Known) -> Found:
        raise error

    fetch_due(catalog, failing, FetchLimits())
    movie = catalog.movies.get(1)
    assert (movie.state, movie.reason) == (state, reason)
    assert movie.detail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_takes_nothing_costs_no_movie_an_attempt(queued: Queue, number: int) -> None:
    catalog = queued(1)

    def failing(_: PosterRequest, known: Known) -> Found:
        raise OSError(number, "the disk takes nothing", "posters/aa/x.jpg")

    fetch_due(catalog, failing, FetchLimits())
    movie = catalog.movies.get(1)
    assert movie.state == State.PENDING
    assert "disk takes nothing" in str(movie.detail)
    with catalog.database.read() as connection:
        assert connection.exec_driver_sql("SELECT attempt FROM poster_work").scalar() == 0
    assert catalog.work.next_attempt() == pytest.approx(time.time() + 60, abs=5)


def test_trouble_of_one_poster_does_not_touch_the_others(queued: Queue, fetch: Fetch) -> None:
    catalog = queued(4)

    def one_bad(movie: PosterRequest, known: Known) -> Found:
        if movie.movie_id == 2:
            raise PosterMissing("folder", "no file")
        return fetch(movie, known)

    fetch_due(catalog, one_bad, FetchLimits())
    assert [movie.state for movie in catalog.movies.many([1, 2, 3, 4])] == ["fetched", "failed", "fetched", "fetched"]


def test_what_hangs_is_postponed_and_what_waits_behind_it_loses_no_attempt(queued: Queue, fetch: Fetch) -> None:
    catalog = queued(3)
    let_go = threading.Event()

    def hanging(movie: PosterRequest, known: Known) -> Found:
        if movie.movie_id == 1:
            let_go.wait(30)
        return fetch(movie, known)

    try:
        fetch_due(catalog, hanging, FetchLimits(deadline_s=0.3, at_once=1))
    finally:
        let_go.set()
    states = {movie.movie_id: (movie.state, movie.reason) for movie in catalog.movies.many([1, 2, 3])}
    assert states == {1: ("pending", "source_unavailable"), 2: ("pending", None), 3: ("pending", None)}
    assert catalog.work.claim(Kind.FETCH, 10, 60).movie_ids == (2, 3), "movie 1 has to wait for its back-off"


def test_what_the_sources_did_not_have_is_remembered_and_handed_in_next_time(
    queued: Queue, image: Callable[[int], PosterImage]
) -> None:
    catalog, asked = queued(1), list[Known]()

    def second_source(movie: PosterRequest, known: Known) -> Found:
        asked.append(dict(known))
        return Found(image(1), {} if known else {"tmdb": "no poster"})

    fetch_due(catalog, second_source, FetchLimits())
    with catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE poster_work SET state = 'pending'")
    fetch_due(catalog, second_source, FetchLimits())
    assert asked == [{}, {"tmdb": "no poster"}]


def test_a_poster_that_was_handed_in_goes_before_every_source(
    queued: Queue, picture: Callable[[int], bytes], fetch: Fetch
) -> None:
    catalog = queued(1)
    catalog.given.set_file(1, picture(77), "image/jpeg")
    fetch_due(catalog, fetch, FetchLimits())
    file, content = catalog.posters.image(1)
    assert (file.source, content) == ("upload", picture(77))


def test_a_poster_that_was_handed_in_and_is_no_picture_fails_with_its_reason(queued: Queue, fetch: Fetch) -> None:
    catalog = queued(1)
    catalog.given.set_file(1, b"\xff\xd8\xff no picture", "image/jpeg")
    fetch_due(catalog, fetch, FetchLimits())
    assert catalog.movies.get(1).reason in ("image_invalid", "image_truncated")


def test_a_poster_with_a_lifetime_is_stored_with_its_end(queued: Queue, image: Callable[[int], PosterImage]) -> None:
    catalog = queued(1)
    fetch_due(catalog, lambda movie, known: Found(replace(image(1), lifetime_s=100.0), {}), FetchLimits())
    file = catalog.posters.files([1])[1]
    assert file.expires_at == file.fetched_at + 100


@contextmanager
def _fetcher(catalog: Catalog, fetch: Fetch, limits: FetchLimits) -> Iterator[Fetcher]:
    made = Fetcher(catalog, fetch, limits)
    try:
        yield made
    finally:
        made.close()


def test_one_slow_answer_holds_up_no_other(queued: Queue, fetch: Fetch) -> None:
    catalog, let_go = queued(200), threading.Event()

    def slow_first(movie: PosterRequest, known: Known) -> Found:
        if movie.movie_id == 1:
            let_go.wait(30)
        return fetch(movie, known)

    with _fetcher(catalog, slow_first, FetchLimits(batch=32)) as fetcher:

        def all_others_are_there() -> bool:
            fetcher.claim()
            return catalog.work.counts()[State.FETCHED] == 199

        _until(all_others_are_there, fetcher)
        assert catalog.movies.get(1).state == State.PENDING
        let_go.set()
        _until(lambda: catalog.movies.get(1).state == State.FETCHED, fetcher)


def test_what_comes_between_two_tasks_is_recorded_by_itself(queued: Queue, fetch: Fetch) -> None:
    catalog = queued(5)
    with _fetcher(catalog, fetch, FetchLimits()) as fetcher:
        fetcher.claim()
        _until(lambda: catalog.work.counts()[State.FETCHED] == 5, None)


def test_closing_gives_back_what_has_not_begun_with_all_its_attempts(queued: Queue, fetch: Fetch) -> None:
    catalog, let_go = queued(3), threading.Event()

    def hanging(movie: PosterRequest, known: Known) -> Found:
        let_go.wait(30)
        return fetch(movie, known)

    fetcher = Fetcher(catalog, hanging, FetchLimits(at_once=1))
    fetcher.claim()
    threading.Timer(0.2, let_go.set).start()
    fetcher.close()
    assert [movie.state for movie in catalog.movies.many([1, 2, 3])] == ["fetched", "pending", "pending"]
    with catalog.database.read() as connection:
        attempts = connection.exec_driver_sql("SELECT attempt FROM poster_work WHERE movie_id > 1").scalars().all()
    assert list(attempts) == [0, 0]


def test_a_row_that_was_lost_is_alone_while_it_is_under_way(queued: Queue, fetch: Fetch) -> None:
    catalog, let_go = queued(3), threading.Event()

    def hanging(movie: PosterRequest, known: Known) -> Found:
        let_go.wait(30)
        return fetch(movie, known)

    with catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE poster_work SET lost = 1 WHERE movie_id = 2")
    with _fetcher(catalog, hanging, FetchLimits()) as fetcher:
        assert fetcher.claim() == 1
        assert fetcher.claim() == 0, "the suspect is under way"
        let_go.set()
        fetcher.drain()
        assert fetcher.claim() == 2


def _until(condition: Callable[[], bool], fetcher: Fetcher | None) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        if fetcher is not None:
            fetcher.settle(0.05)
        else:
            time.sleep(0.02)


def test_what_the_catalog_does_not_take_at_once_is_told_again(
    queued: Queue, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, took = queued(3), catalog_fetched_once_busy(monkeypatch)
    with _fetcher(catalog, fetch, FetchLimits()) as fetcher:
        fetcher.claim()
        _until(lambda: catalog.work.counts()[State.FETCHED] == 3, None)
    assert took == ["busy"]


def catalog_fetched_once_busy(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The first attempt to record posters meets a database that does not answer."""
    met: list[str] = []
    record = PosterWork.fetched

    def busy_once(self: PosterWork, *arguments: Any, **named: Any) -> set[int]:
        if not met:
            met.append("busy")
            raise CatalogBusy("the database does not answer")
        return record(self, *arguments, **named)

    monkeypatch.setattr(PosterWork, "fetched", busy_once)
    return met
