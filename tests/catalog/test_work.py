"""The claim protocol: leases, tokens, attempts, and that the innocent do not pay (reliability.md section 4)."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import SQLAlchemyError

from catalog.catalog import Catalog
from catalog.entries import Claim, Kind, PosterFile, Reason, State
from catalog.work import Embedded, Failure

Queue = Callable[[int], Catalog]
LEASE_S = 60.0


def vector(movie_id: int, record: bytes = b"r") -> Embedded:
    return Embedded(movie_id, f"{movie_id:064d}", "toy", record)


def lost(catalog: Catalog, clock: Any, kind: Kind, limit: int) -> Claim:
    """A claim whose worker died: its lease has run out."""
    claim = catalog.work.claim(kind, limit, LEASE_S)
    clock.now += LEASE_S + 1
    return claim


def test_queueing_again_queues_nothing(queued: Queue) -> None:
    assert queued(3).work.enqueue_all() == 0


def test_the_most_rated_are_claimed_first_and_nothing_twice(queued: Queue, clock: Any) -> None:
    catalog = queued(5)
    assert catalog.work.claim(Kind.FETCH, 3, LEASE_S).movie_ids == (1, 2, 3)
    assert catalog.work.claim(Kind.FETCH, 3, LEASE_S).movie_ids == (4, 5)
    assert catalog.work.claim(Kind.FETCH, 3, LEASE_S).movie_ids == ()


def test_a_row_passes_pending_fetched_embedded(
    queued: Queue, clock: Any, poster_file: Callable[[int], PosterFile]
) -> None:
    catalog = queued(1)
    claim = catalog.work.claim(Kind.FETCH, 1, LEASE_S)
    assert catalog.work.fetched(claim, [poster_file(1)]) == {1}
    assert catalog.movies.get(1).state == State.FETCHED
    assert catalog.work.embedded(catalog.work.claim(Kind.EMBED, 1, LEASE_S), [vector(1)]) == {1}
    assert catalog.movies.get(1).state == State.EMBEDDED
    assert catalog.posters.fingerprints() == {"toy": 1}


def test_a_stale_token_changes_nothing(queued: Queue, clock: Any, poster_file: Callable[[int], PosterFile]) -> None:
    catalog = queued(1)
    stale = lost(catalog, clock, Kind.FETCH, 1)
    fresh = catalog.work.claim(Kind.FETCH, 1, LEASE_S)
    assert fresh.movie_ids == (1,)
    assert catalog.work.fetched(stale, [poster_file(1)]) == set()
    assert catalog.work.failed(stale, [Failure(1, Reason.NO_POSTER, "")]) == set()
    catalog.work.postponed(stale, [Failure(1, Reason.SOURCE_UNAVAILABLE, "")])
    catalog.work.released(stale, [1])
    assert catalog.movies.get(1).state == State.PENDING
    assert catalog.posters.files([1]) == {}
    assert catalog.work.fetched(fresh, [poster_file(1)]) == {1}


def test_a_stale_vector_is_not_stored(queued: Queue, clock: Any, poster_file: Callable[[int], PosterFile]) -> None:
    catalog = queued(1)
    catalog.work.fetched(catalog.work.claim(Kind.FETCH, 1, LEASE_S), [poster_file(1)])
    stale = lost(catalog, clock, Kind.EMBED, 1)
    fresh = catalog.work.claim(Kind.EMBED, 1, LEASE_S)
    assert catalog.work.embedded(stale, [vector(1, b"stale")]) == set()
    assert catalog.work.embedded(fresh, [vector(1, b"fresh")]) == {1}
    (run,) = catalog.posters.vectors("toy")
    assert run[0].record == b"fresh"


def test_vector_and_state_are_stored_together_or_not_at_all(
    queued: Queue, clock: Any, poster_file: Callable[[int], PosterFile]
) -> None:
    catalog = queued(1)
    catalog.work.fetched(catalog.work.claim(Kind.FETCH, 1, LEASE_S), [poster_file(1)])
    claim = catalog.work.claim(Kind.EMBED, 1, LEASE_S)
    broken: Any = None
    with pytest.raises(SQLAlchemyError):
        catalog.work.embedded(claim, [vector(1, broken)])
    assert catalog.movies.get(1).state == State.FETCHED
    assert catalog.posters.fingerprints() == {}
    assert catalog.work.embedded(claim, [vector(1)]) == {1}


def test_a_lost_row_is_claimed_alone_and_the_least_lost_first(queued: Queue, clock: Any) -> None:
    catalog = queued(4)
    lost(catalog, clock, Kind.FETCH, 3)
    assert lost(catalog, clock, Kind.FETCH, 3).movie_ids == (1,), "a suspect comes alone"
    # Movie 1 was lost twice by now: 2 and 3, lost once, go before it.
    assert [catalog.work.claim(Kind.FETCH, 3, LEASE_S).movie_ids for _ in range(4)] == [(2,), (3,), (1,), (4,)]


def test_a_row_lost_three_times_fails_and_its_batch_does_not(queued: Queue, clock: Any) -> None:
    catalog = queued(1)
    for _ in range(3):
        assert lost(catalog, clock, Kind.FETCH, 8).movie_ids == (1,)
    assert catalog.work.claim(Kind.FETCH, 8, LEASE_S).movie_ids == ()
    assert catalog.work.sweep() == 1
    movie = catalog.movies.get(1)
    assert (movie.state, movie.reason) == (State.FAILED, "worker_lost")
    assert catalog.work.sweep() == 0


def test_a_death_in_company_is_charged_to_nobody_and_three_alone_end_a_row(queued: Queue, clock: Any) -> None:
    catalog = queued(2)
    assert lost(catalog, clock, Kind.FETCH, 2).movie_ids == (1, 2)
    for movie_id in (1, 2, 1, 2, 1):
        assert catalog.work.sweep() == 0
        assert lost(catalog, clock, Kind.FETCH, 2).movie_ids == (movie_id,)
    assert catalog.work.sweep() == 1
    assert catalog.movies.get(1).reason == "worker_lost"
    assert lost(catalog, clock, Kind.FETCH, 2).movie_ids == (2,)
    assert catalog.work.sweep() == 1


def test_a_row_taken_beside_others_in_hand_is_in_company_too(queued: Queue, clock: Any) -> None:
    catalog = queued(1)
    assert catalog.work.claim(Kind.FETCH, 1, LEASE_S, in_company=True).movie_ids == (1,)
    clock.now += LEASE_S + 1
    for _ in range(3):
        assert catalog.work.sweep() == 0
        assert lost(catalog, clock, Kind.FETCH, 1).movie_ids == (1,)
    assert catalog.work.sweep() == 1


def test_a_third_attempt_that_is_lost_in_company_is_no_proof_either(queued: Queue, clock: Any) -> None:
    catalog = queued(2)
    for _ in range(2):
        claim = catalog.work.claim(Kind.FETCH, 2, LEASE_S)
        catalog.work.postponed(claim, [Failure(i, Reason.SOURCE_UNAVAILABLE, "") for i in (1, 2)])
        clock.now += LEASE_S
    assert lost(catalog, clock, Kind.FETCH, 2).movie_ids == (1, 2)
    assert catalog.work.sweep() == 0
    assert lost(catalog, clock, Kind.FETCH, 2).movie_ids == (1,)
    assert catalog.work.sweep() == 1, "the third attempt was repeated, alone, and lost again"


def test_the_sweeper_leaves_a_third_attempt_under_lease_alone(queued: Queue, clock: Any) -> None:
    catalog = queued(1)
    lost(catalog, clock, Kind.FETCH, 1)
    lost(catalog, clock, Kind.FETCH, 1)
    assert catalog.work.claim(Kind.FETCH, 1, LEASE_S).movie_ids == (1,)
    assert catalog.work.sweep() == 0


def test_fetching_gives_the_embedding_its_own_attempts(
    queued: Queue, clock: Any, poster_file: Callable[[int], PosterFile]
) -> None:
    catalog = queued(1)
    lost(catalog, clock, Kind.FETCH, 1)
    lost(catalog, clock, Kind.FETCH, 1)
    catalog.work.fetched(catalog.work.claim(Kind.FETCH, 1, LEASE_S), [poster_file(1)])
    for _ in range(3):
        assert lost(catalog, clock, Kind.EMBED, 1).movie_ids == (1,)


def test_a_released_row_has_its_attempt_back(queued: Queue, clock: Any) -> None:
    catalog = queued(1)
    for _ in range(10):
        claim = catalog.work.claim(Kind.FETCH, 1, LEASE_S)
        assert claim.movie_ids == (1,)
        catalog.work.released(claim, [1])


def test_trouble_is_tried_again_after_a_growing_pause_and_ends_after_the_third_attempt(
    queued: Queue, clock: Any
) -> None:
    catalog = queued(1)
    for pause in (10, 20):
        claim = catalog.work.claim(Kind.FETCH, 1, LEASE_S)
        catalog.work.postponed(claim, [Failure(1, Reason.SOURCE_UNAVAILABLE, "no answer")])
        clock.now += pause - 0.5
        assert not catalog.work.due(Kind.FETCH)
        clock.now += 1
        assert catalog.work.due(Kind.FETCH)
    claim = catalog.work.claim(Kind.FETCH, 1, LEASE_S)
    catalog.work.postponed(claim, [Failure(1, Reason.SOURCE_UNAVAILABLE, "no answer")])
    movie = catalog.movies.get(1)
    assert (movie.state, movie.reason, movie.detail) == (State.FAILED, "source_unavailable", "no answer")


def test_retry_sends_back_only_the_reason_that_was_named(queued: Queue, clock: Any) -> None:
    catalog = queued(2)
    claim = catalog.work.claim(Kind.FETCH, 2, LEASE_S)
    catalog.work.failed(claim, [Failure(1, Reason.NO_POSTER, ""), Failure(2, Reason.IMAGE_INVALID, "")])
    assert catalog.work.retry(Reason.NO_POSTER) == 1
    assert [movie.state for movie in catalog.movies.many([1, 2])] == ["pending", "failed"]
    assert catalog.work.retry() == 1
    assert catalog.work.claim(Kind.FETCH, 2, LEASE_S).movie_ids == (1, 2)


def test_no_more_is_fetched_while_the_encoder_is_far_behind(
    queued: Queue, clock: Any, poster_file: Callable[[int], PosterFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.claiming.MOST_FETCHED_AHEAD", 2)
    catalog = queued(4)
    claim = catalog.work.claim(Kind.FETCH, 2, LEASE_S)
    catalog.work.fetched(claim, [poster_file(1), poster_file(2)])
    assert not catalog.work.due(Kind.FETCH)
    catalog.work.embedded(catalog.work.claim(Kind.EMBED, 1, LEASE_S), [vector(1)])
    assert catalog.work.claim(Kind.FETCH, 9, LEASE_S).movie_ids == (3, 4)


def test_whatever_a_source_says_is_kept_as_the_reason(queued: Queue) -> None:
    catalog = queued(1)
    claim = catalog.work.claim(Kind.FETCH, 1, LEASE_S)
    said = "404 \0 caf\u00e9 \ud800"
    assert catalog.work.failed(claim, [Failure(1, Reason.NO_POSTER, said, {"tmdb": said})]) == {1}
    assert catalog.movies.get(1).detail == "404  caf\u00e9 ?"
    assert catalog.misses.of([1]) == {1: {"tmdb": "404  caf\u00e9 ?"}}
