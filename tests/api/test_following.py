"""One view after another: snapshots, the catalog, threads, a database that is away."""

import logging
import os
import sys
import threading
from typing import Any

import pytest

from api import following
from api.following import USUAL_S, Follower, giving_way
from api.shelf_view import Wish
from catalog.entries import NewMovie
from catalog.storing import store_movies
from index.live import LiveSnapshot
from tests.api.place import FINGERPRINT, FOUND_WITHIN_S, Place, away, near, until


def test_without_a_change_the_snapshot_is_served_as_it_was_published(follower: Follower, live: LiveSnapshot) -> None:
    view = follower.view()
    assert view.snapshot is live.current
    follower.refresh()
    assert follower.view() is view


@pytest.mark.parametrize("packed", [True, False])
def test_a_rebuild_folds_everything_in(place: Place, follower: Follower, live: LiveSnapshot) -> None:
    place.embed(13)
    place.embed(5, seed=1)
    place.catalog.editing.delete(4)
    follower.refresh()
    assert follower.view().snapshot is not live.current
    found = near(follower, 3)
    assert place.rebuild() == 2
    follower.refresh()
    assert follower.view().snapshot is live.current  # nothing beside it: the overlap's rows are the snapshot's own
    assert near(follower, 3) == found
    place.embed(14)
    follower.refresh()
    assert 14 in near(follower, 3)


def test_a_snapshot_that_somebody_else_loaded_is_taken_up_at_once(
    place: Place, follower: Follower, live: LiveSnapshot
) -> None:
    place.embed(13)
    place.rebuild()
    live.refresh()
    snapshot = follower.view().snapshot
    assert snapshot is not None and snapshot.generation == 2


def test_a_mask_of_a_searched_space_is_in_the_order_of_its_rows(place: Place, follower: Follower) -> None:
    place.embed(13, 14)
    place.embed(5, seed=1)  # occurs twice among the rows
    place.catalog.editing.delete(7)
    follower.refresh()
    view = follower.view()
    assert view.snapshot is not None
    ids = view.snapshot.space("poster").movie_ids
    mask = view.shelf.mask(ids, Wish(genre="comedy"))
    assert mask.tolist() == [i % 2 == 1 and i != 7 for i in ids.tolist()]
    assert {5, 13, 14} <= set(ids.tolist())


def test_a_database_that_is_away_leaves_what_is_known_and_is_told_once(
    place: Place, follower: Follower, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, following.__name__)  # its own level: another test may have set that of its room
    place.catalog.editing.delete(4)
    follower.refresh()
    before = near(follower, 3)
    with monkeypatch.context() as patched:
        for name in ("since", "deleted", "embedded_since"):
            patched.setattr(place.catalog.changes, name, away)
        for _ in range(3):
            follower.refresh()
        assert near(follower, 3) == before
    place.embed(13)
    follower.refresh()
    assert 13 in near(follower, 3)
    told = [r.getMessage() for r in caplog.records if r.name == following.__name__]
    assert told == [
        "the database at x does not answer; what was known before is served",
        "the database answers again",
    ]


def test_a_snapshot_published_while_the_database_is_away_still_hides_who_left(
    place: Place, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = place.catalog.posters.mark()
    stored = [one for run in place.catalog.posters.vectors(FINGERPRINT) for one in run]
    place.catalog.editing.delete(4)
    follower.refresh()
    place.publish(stored, mark)  # its rebuild began before the deletion
    for name in ("since", "deleted"):
        monkeypatch.setattr(place.catalog.changes, name, away)
    follower.refresh()
    snapshot = follower.view().snapshot
    assert snapshot is not None
    assert (snapshot.generation, 4 in near(follower, 3)) == (2, False)


def test_a_look_that_fails_in_the_middle_is_made_up_for_by_the_next(
    place: Place, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unforeseen(*_: Any) -> Any:
        raise RuntimeError("unforeseen")

    place.rebuild()
    with monkeypatch.context() as patched:
        patched.setattr(place.catalog.changes, "embedded_since", unforeseen)
        follower.notice()
    follower.refresh()
    snapshot = follower.view().snapshot
    assert snapshot is not None and snapshot.generation == 2


def test_an_import_is_seen_by_the_next_look(place: Place, follower: Follower) -> None:
    with place.catalog.database.write() as connection:
        store_movies(connection, [NewMovie("Imported", 30, 1950, ("Western",))], None, 0.0)
    follower.refresh()
    assert follower.view().shelf.movies([30])[0].title == "Imported"
    assert follower.view().shelf.genres() == ("Comedy", "Drama", "Western")


def test_what_was_changed_past_the_program_is_seen_when_everything_is_read_again(
    place: Place, live: LiveSnapshot, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "REREAD_S", 0.0)
    restless = Follower(place.catalog, live)
    restless.refresh()
    with place.catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE movies SET title = 'By hand' WHERE movie_id = 3")
    titles = []
    for each in (follower, restless):
        each.refresh()
        titles.append(each.view().shelf.movies([3])[0].title)
    assert titles == ["Movie 3", "By hand"]


def test_a_large_catalog_is_read_beside_the_requests_which_ask_the_catalog_meanwhile(
    place: Place, live: LiveSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_WAITED_FOR", 3)
    monkeypatch.setattr(following, "EVERY_S", 0.05)
    place.rebuild()
    gate, read_all = threading.Event(), place.catalog.changes.all
    monkeypatch.setattr(place.catalog.changes, "all", lambda: gate.wait(10) and read_all())
    made = Follower(place.catalog, live)
    try:
        made.watch()
        place.embed(13)
        made.refresh()  # the reader holds nobody up
        assert 13 in near(made, 3)
        assert (made.view().shelf.revision, made.view().shelf.movies([3])[0].title) == (0, "Movie 3")
        gate.set()
        until(lambda: made.view().shelf.revision > 0)
        assert made.view().shelf.movies([3])[0].title == "Movie 3"
    finally:
        gate.set()
        made.close()


def test_its_own_thread_finds_what_came_and_loses_what_left_within_two_seconds(
    place: Place, follower: Follower
) -> None:
    follower.watch()
    follower.watch()  # once is enough
    assert [thread.name for thread in threading.enumerate()].count("follow") == 1
    place.embed(13)
    assert until(lambda: 13 in near(follower, 3)) <= FOUND_WITHIN_S
    place.catalog.editing.delete(13)
    place.catalog.editing.delete(2)
    assert until(lambda: not {2, 13} & set(near(follower, 3))) <= FOUND_WITHIN_S
    place.rebuild()
    until(lambda: getattr(follower.view().snapshot, "generation", 0) == 2)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # PostgreSQL's connections do not outlive a fork
def test_a_forked_child_follows_by_itself(place: Place, follower: Follower) -> None:
    follower.watch()
    follower.close()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        place.catalog.database.engine.dispose(close=False)
        follower.watch()
        alive = sum(thread.name == "follow" for thread in threading.enumerate())
        os.write(writing, f"{alive}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"1"
    os.close(reading)
    os.close(writing)


def test_a_look_that_fails_does_not_end_the_following(
    place: Place, follower: Follower, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(following, "EVERY_S", 0.02)
    since, failed = place.catalog.changes.since, list[int]()

    def once(mark: Any) -> Any:
        if not failed:
            failed.append(1)
            raise RuntimeError("unforeseen")
        return since(mark)

    follower.watch()
    monkeypatch.setattr(place.catalog.changes, "since", once)
    place.embed(13)
    until(lambda: 13 in near(follower, 3))
    assert "what changed could not be followed" in caplog.text


def test_nobody_waits_for_the_thread_that_looks(place: Place, follower: Follower, live: LiveSnapshot) -> None:
    before = follower.view()
    place.rebuild()
    live.refresh()  # a new snapshot is there, and the thread is about to take it up
    with follower._looking:
        assert follower.view() is before
    assert follower.view().snapshot is live.current


def test_threads_give_way_only_while_one_looks() -> None:
    usual = sys.getswitchinterval()
    with giving_way():
        assert sys.getswitchinterval() < usual
    assert sys.getswitchinterval() == usual == USUAL_S


def test_threads_give_way_to_each_other_while_a_follower_looks(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []
    monkeypatch.setattr(follower, "_look", lambda: seen.append(sys.getswitchinterval()))
    follower.refresh()
    assert seen == [pytest.approx(following.GIVE_WAY_S)]
