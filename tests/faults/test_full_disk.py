"""T6: a disk of ten megabytes fills up under a running service, which says so, goes on answering, and recovers.

The disk is a real one: a tmpfs, filled to its last page.
"""

import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from api.app import create_app
from catalog.catalog import Catalog
from catalog.content import ContentStore
from catalog.entries import NewMovie
from catalog.errors import CatalogBusy
from config.settings import Settings
from index import publishing
from index.errors import NoSpace
from index.live import LiveSnapshot
from index.publishing import publish
from tests.acceptance.installation import ADMIN_TOKEN, wait_until
from tests.api.place import Place
from tests.faults.snapshots import contents, differences, leftovers, ratings_only, served
from tests.faults.tiny_disk import TinyDisk, mounted
from tests.plan import Judge
from tests.verifier_here import VerifierHere

MEGABYTES = 10
EMBEDDED = range(1, 41)
ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TinyDisk]:
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)
    with mounted(tmp_path / "disk", MEGABYTES) as made:
        yield made


@pytest.fixture
def place(disk: TinyDisk) -> Iterator[Place]:
    """A data folder on the tiny disk, forty posters embedded and published."""
    settings = Settings(data_dir=disk.root / "data")
    catalog = Catalog.open(settings.catalog_url, settings.data_dir)
    made = Place(catalog, settings.index_dir, packed=True)
    made.add(*range(1, 51))
    made.embed(*EMBEDDED)
    made.rebuild()
    yield made
    catalog.close()


@pytest.fixture
def client(place: Place, disk: TinyDisk) -> Iterator[FlaskClient]:
    app = create_app(Settings(data_dir=disk.root / "data", admin_token=ADMIN_TOKEN))
    yield app.test_client()
    app.extensions["posterity"].close()


def new_movie(client: FlaskClient, number: int) -> Any:
    return client.post("/movies", json={"title": f"Movie of a full disk {number}", "movie_id": 1000 + number})


def neighbours(client: FlaskClient) -> Any:
    answer = client.get("/similar?movie_id=3&by=poster&k=5")
    return answer.status_code, answer.headers.get("X-Index-Version"), answer.get_data()


def test_a_service_on_a_full_disk_says_so_goes_on_answering_and_recovers(
    client: FlaskClient, place: Place, disk: TinyDisk, judge: Judge
) -> None:
    before, wrong = neighbours(client), list[str]()
    assert before[:2] == (200, "1")
    disk.fill()
    refused = {
        "POST /movies": new_movie(client, 1),
        "POST /admin/rebuild": client.post("/admin/rebuild", headers=ADMIN),
    }
    for what, answer in refused.items():
        body = answer.get_json()
        if answer.status_code not in (503, 507) or not body["detail"] or "Traceback" in body["detail"]:
            wrong.append(f"{what}: {answer.status_code} {body}")
        if answer.status_code == 503 and "Retry-After" not in answer.headers:
            wrong.append(f"{what}: 503 without Retry-After")
    with pytest.raises(NoSpace, match="make room"):
        place.rebuild()
    with pytest.raises(OSError, match="No space left") as full:
        place.catalog.posters.content.put(np.random.default_rng(0).bytes(20_000), "image/jpeg")
    wrong += [] if full.value.filename else ["a poster that could not be stored names no file"]
    with pytest.raises(CatalogBusy):
        place.catalog.editing.delete(50)
    wrong += [] if neighbours(client) == before else ["/similar answers otherwise than before"]
    wrong += [] if client.get("/movies/1").status_code == client.get("/readyz").status_code == 200 else ["reads fail"]
    disk.empty()
    taken = new_movie(client, 1)
    wrong += [] if taken.status_code == 202 else [f"after room was made: {taken.status_code}"]
    place.embed(41)
    place.rebuild()
    wait_until(lambda: neighbours(client)[1] == "2", 10, "the new version is served by the process of before")
    wrong += [f"left over: {leftovers(place.root)}"] if leftovers(place.root) else []
    judge(
        "T6",
        "a full disk under the API",
        1,
        "503 or 507, the old snapshot served, recovers by itself",
        f"{len(wrong)} broken {wrong}",
        not wrong,
    )


def test_whatever_room_is_left_a_publication_is_whole_or_is_said_to_have_failed(
    disk: TinyDisk, judge: Judge, monkeypatch: pytest.MonkeyPatch, nightly: bool
) -> None:
    """The look at the free space is switched off: what is written must notice by itself, also a small index."""
    monkeypatch.setattr(publishing, "ROOM", 0.0)
    root, wrong, refused, tries, generation = disk.root / "index", list[str](), 0, 0, 1
    publish(root, contents(1))
    live = LiveSnapshot(root)
    live.get()
    for pages in range(0, 60, 1 if nightly else 3):
        disk.fill(pages)
        for made in (ratings_only(pages + 2), contents(pages + 2)):
            tries += 1
            try:
                generation = publish(root, made).generation
            except NoSpace as err:
                refused += 1
                wrong += [] if "make room" in str(err) else [f"{pages} pages: {err}"]
            live.refresh()
            found = served(root)
            if found is None or not found.generation == live.get().generation == generation or live.degraded:
                wrong.append(f"{pages} pages: {live.get().generation} is served, not {generation}: {live.degraded}")
            wrong += differences(live.get())
    disk.empty()
    publish(root, contents(99))
    wrong += [f"left over: {leftovers(root)}"] if leftovers(root) else []
    measured = f"{refused} of {tries} refused, {len(wrong)} broken {wrong[:3]}"
    judge(
        "T6",
        "a disk with 0 to 60 free pages under a publication",
        tries,
        "whole, or NoSpace and the old one",
        measured,
        0 < refused < tries and not wrong,
    )


def test_whatever_room_is_left_a_poster_is_whole_or_not_there(disk: TinyDisk, judge: Judge) -> None:
    store, stored, refused, wrong = ContentStore(disk.root / "posters"), 0, 0, list[str]()
    for pages in range(12):
        disk.fill(pages)
        content = np.random.default_rng(pages).bytes(20_000)
        try:
            store.put(content, "image/jpeg")
            stored += 1
        except OSError as err:
            refused += 1
            wrong += [] if err.errno == errno.ENOSPC and err.filename else [f"{pages} pages: {err!r}"]
    for path in (path for path in (disk.root / "posters").rglob("*") if path.is_file()):
        wrong += [] if path.suffix == ".jpg" and path.stat().st_size == 20_000 else [f"{path.name} is not whole"]
    measured = f"{stored} stored, {refused} refused, {len(wrong)} broken {wrong[:3]}"
    judge(
        "T6",
        "a disk with 0 to 11 free pages under a poster",
        12,
        "whole or not there",
        measured,
        stored > 0 < refused and not wrong,
    )


def test_whatever_room_is_left_what_the_catalog_acknowledged_is_there_and_nothing_else(
    place: Place, disk: TinyDisk, judge: Judge, nightly: bool
) -> None:
    acknowledged, refused, tries = set[int](), set[int](), 0
    for pages in range(40):
        for number in range(6 if nightly else 2):
            tries += 1
            disk.fill(pages)
            given = range(10_000 + 1000 * tries, 10_000 + 1000 * tries + 40 * (number + 1))
            try:
                place.catalog.add([NewMovie(f"A movie with a title that takes some room {i}", i) for i in given])
                acknowledged |= set(given)
            except CatalogBusy:
                refused |= set(given)
    disk.empty()
    wrong = []
    with sqlite3.connect(disk.root / "data" / "catalog.db") as beside:
        verdict = beside.execute("PRAGMA integrity_check").fetchone()[0]
        there = {row[0] for row in beside.execute("SELECT movie_id FROM movies WHERE movie_id >= 10000")}
        queued = {row[0] for row in beside.execute("SELECT movie_id FROM poster_work WHERE movie_id >= 10000")}
    beside.close()
    wrong += [] if verdict == "ok" else [verdict]
    wrong += (
        []
        if there == acknowledged == queued
        else [f"{len(there ^ acknowledged)} movies, {len(queued ^ acknowledged)} rows of work"]
    )
    place.catalog.add([NewMovie("there is room again", 5)])
    measured = f"{len(acknowledged):,} acknowledged, {len(refused):,} refused, {len(wrong)} broken {wrong}"
    judge(
        "T6",
        "a full disk under commits of SQLite",
        tries,
        "exactly what was acknowledged is there",
        measured,
        bool(acknowledged and refused and not wrong),
    )
