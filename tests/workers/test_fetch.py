"""Fetching: every poster of a claim ends where its answer says, under one deadline."""

import threading
from collections.abc import Callable

import pytest

from catalog.catalog import Catalog
from catalog.entries import Kind, State
from posters.errors import PosterMissing, PosterRejected, PosterUnavailable, RejectReason
from posters.poster import PosterImage, PosterRequest
from workers.fetch import FetchLimits, fetch_due

Fetch = Callable[[PosterRequest], PosterImage]
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
        (OSError("input/output error"), State.PENDING, "source_unavailable"),
        (RuntimeError("a bug"), State.PENDING, "internal_error"),
    ],
)
def test_each_kind_of_error_ends_in_its_own_state(queued: Queue, error: Exception, state: State, reason: str) -> None:
    catalog = queued(1)

    def failing(_: PosterRequest) -> PosterImage:
        raise error

    fetch_due(catalog, failing, FetchLimits())
    movie = catalog.movies.get(1)
    assert (movie.state, movie.reason) == (state, reason)
    assert movie.detail


def test_trouble_of_one_poster_does_not_touch_the_others(queued: Queue, fetch: Fetch) -> None:
    catalog = queued(4)

    def one_bad(movie: PosterRequest) -> PosterImage:
        if movie.movie_id == 2:
            raise PosterMissing("folder", "no file")
        return fetch(movie)

    fetch_due(catalog, one_bad, FetchLimits())
    assert [movie.state for movie in catalog.movies.many([1, 2, 3, 4])] == ["fetched", "failed", "fetched", "fetched"]


def test_what_hangs_is_postponed_and_what_waits_behind_it_loses_no_attempt(queued: Queue, fetch: Fetch) -> None:
    catalog = queued(3)
    let_go = threading.Event()

    def hanging(movie: PosterRequest) -> PosterImage:
        if movie.movie_id == 1:
            let_go.wait(30)
        return fetch(movie)

    try:
        fetch_due(catalog, hanging, FetchLimits(deadline_s=0.3, at_once=1))
    finally:
        let_go.set()
    states = {movie.movie_id: (movie.state, movie.reason) for movie in catalog.movies.many([1, 2, 3])}
    assert states == {1: ("pending", "source_unavailable"), 2: ("pending", None), 3: ("pending", None)}
    assert catalog.work.claim(Kind.FETCH, 10, 60).movie_ids == (2, 3), "movie 1 has to wait for its back-off"
