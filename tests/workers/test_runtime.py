"""What one child does in its slices: fetching and encoding go on beside each other, a lost row excepted."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.catalog import Catalog
from catalog.entries import Kind, NewMovie, State
from catalog.storing import store_movies
from config.settings import Settings
from tests.workers.toy_encoder import ToyEncoder
from workers.runtime import Runtime

WITHIN_S = 20.0


class DeviceEncoder(ToyEncoder):
    """The toy with what a runtime asks of an encoder; waits in its gate."""

    device, batch = "cpu", 8

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.entered = threading.Event(), threading.Event()
        self.gate.set()

    def encode(self, pixels: Any) -> Any:
        self.entered.set()
        assert self.gate.wait(WITHIN_S)
        return super().encode(pixels)


@pytest.fixture
def encoder() -> DeviceEncoder:
    return DeviceEncoder()


@pytest.fixture
def settings(tmp_path: Path, picture: Callable[[int], bytes]) -> Settings:
    folder = tmp_path / "posters"
    folder.mkdir()
    for number in range(1, 41):
        (folder / f"{number}.jpg").write_bytes(picture(number))
    return Settings(data_dir=tmp_path / "data", poster_sources=f"folder:{folder}", embed_batch=4, fetch_batch=16)


@pytest.fixture
def running(settings: Settings, encoder: DeviceEncoder) -> Iterator[Callable[[int], Runtime]]:
    """A child with so many queued movies."""
    made: list[Runtime] = []

    def start(movies: int) -> Runtime:
        Catalog.open(settings.catalog_url, settings.data_dir).close()
        child = Runtime(settings)
        made.append(child)
        child.__dict__["encoder"] = encoder
        with child.catalog.database.write() as connection:
            store_movies(connection, [NewMovie(f"Movie {i}", i) for i in range(1, movies + 1)], {}, 0.0)
        child.catalog.work.enqueue_all()
        return child

    yield start
    encoder.gate.set()
    for child in made:
        child.close()


def lose(catalog: Catalog, kind: Kind) -> int:
    (movie_id,) = catalog.work.claim(kind, 1, -60).movie_ids
    return movie_id


def test_two_slices_fetch_and_embed_what_is_queued(running: Any, encoder: DeviceEncoder) -> None:
    child = running(12)
    child.fetch()
    child.embed()
    assert child.catalog.work.counts()[State.EMBEDDED] == 12
    assert encoder.batches[0] == 8  # the encoder's own batch is larger than the setting


def test_a_slice_goes_on_while_rows_are_due_however_fast_they_come(running: Any, encoder: DeviceEncoder) -> None:
    child = running(40)
    child.fetch()
    assert child.catalog.work.counts()[State.PENDING] <= 40 - 2 * 16
    child.embed()
    assert len(encoder.batches) >= 2


def test_the_slice_of_the_encoder_goes_on_fetching(running: Any) -> None:
    child = running(40)
    assert child.fetcher.claim() == 16
    child.fetcher.drain()
    child.embed()  # and no bell for fetching
    child.fetcher.drain()
    assert child.catalog.work.counts()[State.PENDING] <= 40 - 2 * 16


def test_the_slice_of_fetching_goes_on_encoding(running: Any, encoder: DeviceEncoder) -> None:
    child = running(12)
    child.fetch()
    assert not child.embedder.busy  # opened, as by an earlier bell
    child.fetch()
    assert encoder.entered.wait(WITHIN_S)
    child.embedder.drain()
    assert child.catalog.work.counts()[State.EMBEDDED] >= 8


def test_a_worker_that_only_embeds_opens_no_source(running: Any) -> None:
    child = running(3)
    child.embed()
    assert "fetcher" not in child.__dict__


def test_a_worker_that_only_fetches_loads_no_encoder(running: Any) -> None:
    child = running(3)
    child.fetch()
    assert "embedder" not in child.__dict__


def test_a_poster_that_killed_its_worker_is_fetched_with_nothing_in_the_encoder(
    running: Any, encoder: DeviceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = running(12)
    child.fetch()
    assert child.embedder.claim() == 8
    with child.catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE poster_work SET state = 'pending' WHERE movie_id = 12")
    lost = lose(child.catalog, Kind.FETCH)
    busy: list[bool] = []
    claim = child.fetcher.claim

    def claimed() -> int:
        busy.append(child.embedder.busy)
        return int(claim())

    monkeypatch.setattr(child.fetcher, "claim", claimed)
    child.fetch()
    assert lost == 12
    assert busy and not any(busy)
    assert child.catalog.movies.get(12).state == State.FETCHED


def test_a_child_that_ends_gives_back_what_the_encoder_has_not_begun(running: Any, encoder: DeviceEncoder) -> None:
    child = running(16)
    child.fetch()
    encoder.gate.clear()
    child.embedder.fill()
    assert encoder.entered.wait(WITHIN_S)
    open_gate = threading.Thread(target=lambda: child.embedder._closing.wait(WITHIN_S) and encoder.gate.set())
    open_gate.start()
    child.close()
    open_gate.join()
    with Catalog(child.settings.catalog_url, child.settings.data_dir).database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT state, attempt, token IS NULL, count(*) FROM poster_work GROUP BY 1, 2, 3 ORDER BY 1"
        ).all()
    assert [tuple(row) for row in rows] == [("embedded", 0, 1, 8), ("fetched", 0, 1, 8)]
