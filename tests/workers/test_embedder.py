"""The conveyor belt: batches overlap, a picture is encoded once across them, nothing is lost, nothing stored twice."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from catalog.catalog import Catalog
from catalog.entries import Kind, State
from posters.poster import PosterImage
from posters.sources import Found
from tests.workers.toy_encoder import ToyEncoder
from workers.embed import Embedder, EmbedLimits
from workers.fetch import FetchLimits, fetch_due

WITHIN_S = 20.0  # for what happens at once; only a test that fails waits so long


class GatedEncoder(ToyEncoder):
    """Encodes while its gate is open; `entered` tells that it has begun."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.entered = threading.Event(), threading.Event()
        self.error: Exception | None = None

    def encode(self, pixels: Any) -> Any:
        self.entered.set()
        assert self.gate.wait(WITHIN_S)
        if self.error:
            error, self.error = self.error, None
            raise error
        return super().encode(pixels)


@pytest.fixture
def encoder() -> GatedEncoder:
    return GatedEncoder()


@pytest.fixture
def belt(
    queued: Callable[[int], Catalog], image: Callable[[int], PosterImage], encoder: GatedEncoder
) -> Iterator[Callable[..., Embedder]]:
    """An embedder over fetched movies; those with the same number have the same picture."""
    made: list[Embedder] = []

    def make(numbers: list[int], **limits: Any) -> Embedder:
        catalog = queued(len(numbers))
        fetch_due(catalog, lambda movie, known: Found(image(numbers[movie.movie_id - 1]), {}), FetchLimits())
        made.append(Embedder(catalog, encoder, EmbedLimits(**limits)))
        return made[-1]

    yield make
    encoder.gate.set()
    for embedder in made:
        embedder.close()


def states(catalog: Catalog, count: int) -> list[str]:
    return [movie.state for movie in catalog.movies.many(list(range(1, count + 1)))]


def lose(catalog: Catalog) -> None:
    """The leases of all rows in hand run out."""
    with catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE poster_work SET lease_until = 1 WHERE token IS NOT NULL")


def note_every_vector(catalog: Catalog) -> Callable[[], Counter[int]]:
    """The database itself notes what is stored; how often each movie was."""
    with catalog.database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE noted (movie_id INTEGER)")
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(
                "CREATE TRIGGER note AFTER INSERT ON poster_vectors BEGIN INSERT INTO noted VALUES (NEW.movie_id); END"
            )
        else:
            connection.exec_driver_sql(
                "CREATE RULE note AS ON INSERT TO poster_vectors DO ALSO INSERT INTO noted VALUES (NEW.movie_id)"
            )

    def noted() -> Counter[int]:
        with catalog.database.read() as connection:
            return Counter(connection.exec_driver_sql("SELECT movie_id FROM noted").scalars())

    return noted


def test_the_next_batch_is_decoded_while_this_one_is_encoded(
    belt: Any, catalog: Catalog, encoder: GatedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = belt([1, 2, 3, 4], batch=2)
    assert embedder.claim() == 2
    assert encoder.entered.wait(WITHIN_S)
    read, reads = threading.Semaphore(0), catalog.posters.content.get

    def get(sha256: str, media_type: str) -> bytes | None:
        content = reads(sha256, media_type)
        read.release()
        return content

    monkeypatch.setattr(catalog.posters.content, "get", get)
    assert embedder.claim() == 2
    assert all(read.acquire(timeout=WITHIN_S) for _ in range(2))
    assert encoder.batches == []  # the first batch is in the encoder all the while
    encoder.gate.set()
    embedder.drain()
    assert encoder.batches == [2, 2]
    assert states(catalog, 4) == ["embedded"] * 4


def test_the_next_batch_is_encoded_while_this_one_is_stored(
    belt: Any, catalog: Catalog, encoder: GatedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder, stored, storing = belt([1, 2, 3, 4], batch=2), catalog.work.embedded, threading.Event()

    def embedded(*given: Any) -> Any:
        storing.set()
        assert second.wait(WITHIN_S), "the second batch waits for the first to be stored"
        return stored(*given)

    second = threading.Event()
    monkeypatch.setattr(catalog.work, "embedded", embedded)
    encoder.gate.set()
    assert embedder.claim() == 2
    assert storing.wait(WITHIN_S)
    encoder.entered.clear()
    assert embedder.claim() == 2
    assert encoder.entered.wait(WITHIN_S)
    second.set()
    embedder.drain()
    assert states(catalog, 4) == ["embedded"] * 4


def test_a_picture_that_is_in_two_batches_under_way_is_encoded_once(
    belt: Any, catalog: Catalog, encoder: GatedEncoder
) -> None:
    embedder = belt([7, 8, 7, 7, 9, 8], batch=2)
    assert [embedder.claim(), embedder.claim()] == [2, 2]
    encoder.gate.set()
    embedder.fill()
    embedder.drain()
    embedder.fill()
    embedder.drain()
    assert sum(encoder.batches) == 3
    assert states(catalog, 6) == ["embedded"] * 6
    ((*stored,),) = catalog.posters.vectors("toy")
    records = {one.movie_id: one.record for one in stored}
    assert records[1] == records[3] == records[4]
    assert records[2] == records[6]
    assert len(set(records.values())) == 3


def test_no_more_batches_wait_for_the_encoder_than_agreed(belt: Any, encoder: GatedEncoder) -> None:
    embedder = belt([1, 2, 3, 4], batch=1, ahead=2)
    assert [embedder.claim(), embedder.claim(), embedder.claim()] == [1, 1, 0]


def test_closing_gives_back_what_is_not_being_encoded_and_ends_what_is(
    belt: Any, catalog: Catalog, encoder: GatedEncoder
) -> None:
    embedder = belt([1, 2, 3, 4], batch=2)
    assert [embedder.claim(), embedder.claim()] == [2, 2]
    assert encoder.entered.wait(WITHIN_S)
    with ThreadPoolExecutor(1) as other:
        closed = other.submit(embedder.close)
        assert embedder._closing.wait(WITHIN_S)
        encoder.gate.set()
        closed.result(WITHIN_S)
    assert states(catalog, 4) == ["embedded", "embedded", "fetched", "fetched"]
    again = catalog.work.claim(Kind.EMBED, 10, 60)
    assert (again.movie_ids, again.alone) == ((3, 4), False)  # no attempt lost, no suspicion
    assert embedder.claim() == 0


def test_a_lost_row_is_claimed_alone_and_waits_until_nothing_else_is_in_hand(
    belt: Any, catalog: Catalog, encoder: GatedEncoder
) -> None:
    embedder = belt([1, 2, 3, 4], batch=1)
    assert embedder.claim() == 1
    lost = catalog.work.claim(Kind.EMBED, 1, -60)
    assert lost.movie_ids == (2,)
    assert catalog.work.suspect_due(Kind.EMBED)
    assert embedder.claim() == 1  # the third movie
    encoder.gate.set()
    embedder.drain()
    assert states(catalog, 4) == ["embedded", "fetched", "embedded", "fetched"]
    encoder.gate.clear()
    assert embedder.claim() == 1
    assert embedder.claim() == 0  # nothing keeps it company, though the fourth movie is due
    encoder.gate.set()
    embedder.drain()
    assert states(catalog, 4) == ["embedded", "embedded", "embedded", "fetched"]


def test_what_goes_wrong_with_one_batch_is_told_once_and_does_no_harm_to_the_next(
    belt: Any, catalog: Catalog, encoder: GatedEncoder
) -> None:
    embedder, encoder.error = belt([1, 2, 3, 4], batch=2), RuntimeError("the device is gone")
    assert [embedder.claim(), embedder.claim()] == [2, 2]
    encoder.gate.set()
    with pytest.raises(RuntimeError, match="the device is gone"):
        embedder.drain()
    embedder.drain()
    assert states(catalog, 4) == ["fetched", "fetched", "embedded", "embedded"]
    assert not catalog.work.due(Kind.EMBED)  # the others keep their lease, and are then taken for lost
    lose(catalog)
    assert embedder.claim() == 1
    embedder.drain()
    assert states(catalog, 4)[0] == "embedded"


def test_an_error_that_nobody_waited_for_is_in_the_log(
    belt: Any, encoder: GatedEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    embedder, encoder.error = belt([1], batch=2), RuntimeError("the device is gone")
    embedder.claim()
    encoder.gate.set()
    assert encoder.entered.wait(WITHIN_S)
    embedder.close()
    assert "the device is gone" in caplog.text


@pytest.mark.parametrize("seed", range(3))
def test_two_workers_at_once_store_every_movie_exactly_once(
    belt: Any, catalog: Catalog, encoder: GatedEncoder, seed: int
) -> None:
    dice = np.random.default_rng(seed)
    numbers = dice.integers(0, 12, 30).tolist()
    one = belt(numbers, batch=int(dice.integers(1, 5)), ahead=3, decoders=3)
    other = Embedder(catalog, ToyEncoder(), EmbedLimits(batch=int(dice.integers(1, 5))))
    noted = note_every_vector(catalog)
    encoder.gate.set()

    def work(embedder: Embedder) -> None:
        while embedder.claim() or embedder.busy:
            embedder.settle(WITHIN_S)

    with ThreadPoolExecutor(2) as both:
        for worked in [both.submit(work, one), both.submit(work, other)]:
            worked.result(WITHIN_S)
    other.close()
    assert noted() == Counter(range(1, 31))
    assert catalog.work.counts()[State.EMBEDDED] == 30
    assert sum(encoder.batches) <= len(set(numbers))  # of one worker's batches, each picture is encoded once
