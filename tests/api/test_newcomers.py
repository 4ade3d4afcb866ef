"""What came and went since a snapshot is found, or gone, as a rebuild would have it."""

import numpy as np
import pytest

from api import newcomers
from api.following import Follower
from index.live import LiveSnapshot
from index.records import decode_record, encode_record
from index.side import SideList
from tests.api.place import Place, by_hand, near, vector


@pytest.mark.parametrize("packed", [True, False])
def test_an_embedded_movie_is_found_as_a_rebuild_would_find_it(place: Place, follower: Follower) -> None:
    before = follower.view()
    place.embed(13)
    follower.refresh()
    assert near(follower, 3) == by_hand(3, {i: vector(i) for i in range(1, 14)})
    assert near(follower, 13) == by_hand(13, {i: vector(i) for i in range(1, 14)})
    assert follower.view().revision > before.revision
    assert before.snapshot is not None and not before.snapshot.has("poster", 13)  # a request keeps what it took


@pytest.mark.parametrize("packed", [True, False])
def test_a_replaced_poster_counts_with_its_new_vector(place: Place, follower: Follower) -> None:
    place.embed(5, seed=1)
    follower.refresh()
    now = {i: vector(i, int(i == 5)) for i in range(1, 13)}
    assert near(follower, 5) == by_hand(5, now)
    assert near(follower, 2) == by_hand(2, now)
    place.embed(5, seed=2)
    follower.refresh()
    now[5] = vector(5, 2)
    assert near(follower, 2) == by_hand(2, now)


def test_a_poster_that_became_a_card_answers_cards_only(place: Place, follower: Follower) -> None:
    place.embed(13, card=True)
    follower.refresh()
    assert 13 not in near(follower, 1)
    assert 13 in near(follower, 1, kind="any")


def test_a_poster_of_another_encoder_is_not_searched_along(place: Place, follower: Follower) -> None:
    before = follower.view().snapshot
    place.embed(13, fingerprint="another")
    follower.refresh()
    assert follower.view().snapshot is before


def test_a_deleted_movie_is_gone_whether_the_snapshot_holds_it_or_the_side_list(
    place: Place, follower: Follower
) -> None:
    place.embed(13)
    follower.refresh()
    place.catalog.editing.delete(13)
    place.catalog.editing.delete(4)
    follower.refresh()
    view = follower.view()
    assert near(follower, 3) == by_hand(3, {i: vector(i) for i in range(1, 13) if i != 4})
    assert view.snapshot is not None
    assert (view.snapshot.has("poster", 4), view.shelf.movie(4), view.shelf.movie(13)) == (False, None, None)


def test_what_was_deleted_before_the_process_began_is_gone_too(place: Place, live: LiveSnapshot) -> None:
    place.rebuild()
    place.catalog.editing.delete(4)
    fresh = Follower(place.catalog, live)
    fresh.refresh()
    assert 4 not in near(fresh, 3)


def test_a_movie_that_is_back_and_embedded_again_is_found(place: Place, follower: Follower) -> None:
    place.catalog.editing.delete(4)
    follower.refresh()
    place.add(4)
    place.embed(4, seed=3)
    follower.refresh()
    assert near(follower, 4) == by_hand(4, {i: vector(i, 3 * (i == 4)) for i in range(1, 13)})


def test_only_the_newest_are_searched_along_and_the_log_says_what_to_do(
    place: Place, follower: Follower, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(newcomers, "MOST_BESIDE", 2)
    place.add(21, 22, 23, 24)
    for movie_id in (21, 22, 23):
        place.embed(movie_id)
        follower.refresh()
    assert {21, 22, 23} & set(near(follower, 3)) == {22, 23}
    place.embed(24)
    follower.refresh()
    assert {21, 22, 23, 24} & set(near(follower, 3)) == {23, 24}
    warnings = [record.getMessage() for record in caplog.records if "rebuild" in record.getMessage()]
    assert warnings == [
        "more than 2 posters came since version 1: only the newest 2 are found before the next one; run: "
        "posterity rebuild"
    ]


def test_a_damaged_record_is_left_out_and_named_and_the_others_are_found(
    place: Place, follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    good, short = encode_record(vector(14)), encode_record(np.ones(5, np.float32))
    place.add(15)
    place.embed_records({13: b"damaged", 14: good, 15: short})
    follower.refresh()
    assert {13, 14, 15} & set(near(follower, 3)) == {14}
    told = " ".join(record.getMessage() for record in caplog.records)
    assert "movie 13 is not found before the next rebuild" in told
    assert "movie 15 is not found before the next rebuild" in told


def test_a_side_list_is_made_of_what_the_contract_says(place: Place, follower: Follower, live: LiveSnapshot) -> None:
    place.embed(13, card=True)
    place.catalog.editing.delete(4)
    made = newcomers.Newcomers(place.catalog, live.get())
    assert made.follow(None)
    side = made.beside()
    assert isinstance(side, SideList)
    assert (side.movie_ids.tolist(), side.generated.tolist(), side.gone.tolist()) == ([13], [1], [4])
    np.testing.assert_array_equal(side.packed.dense(np.array([0]))[0], decode_record(encode_record(vector(13))))
    assert not made.follow(None)  # nothing is new
