"""A small catalog in every state, snapshots of toy vectors, and a client that checks each answer with the document."""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient

from api.app import create_app
from api.following import Follower
from catalog.catalog import Catalog
from catalog.entries import Kind, NewMovie, PosterFile, Reason
from catalog.storing import store_movies
from catalog.work import Embedded, Failure
from config.settings import Settings
from index import publishing
from index.contents import SnapshotContents, SpaceContents
from index.live import LiveSnapshot
from index.manifest import Manifest
from ratings.folding import ItemSide
from tests.api.place import Place
from tests.verifier_here import VerifierHere

TOKEN = "an-admin-token-for-tests-of-32-bytes-or-more"
DIMENSION, FACTORS = 48, 6
EMBEDDED = range(1, 25)  # of these every fourth has a title card
FETCHED, FAILED, PENDING, NEVER_ASKED, LATE = 25, 26, 27, 28, 29
RATED = range(1, 21)  # in the snapshot; 21 is rated too, but after the training
MU, SCALE = 3.5, (0.5, 5.0)
PNG = b"\x89PNG\r\n\x1a\n toy"


def generated(movie_id: int) -> bool:
    return movie_id % 4 == 0


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with movies 1..30 in every state; made once, copied for each test."""
    folder = tmp_path_factory.mktemp("stocked")
    made = Settings(data_dir=folder)
    catalog = Catalog.open(made.catalog_url, made.data_dir)
    new = [
        NewMovie(f"Movie {i}", i, 1970 + i, ("Comedy", "Drama") if i % 2 else ("Film-Noir",), f"tt{i:07d}", 100 + i)
        for i in range(1, 31)
    ]
    rated = {i: (1000 - i, 3.5) for i in (*RATED, 21)}
    with catalog.database.write() as connection:
        store_movies(connection, new, rated, 0.0)
    add_work(catalog, [*EMBEDDED, FETCHED, FAILED, LATE], PENDING)
    catalog.close()
    return folder


@pytest.fixture
def settings(stocked: Path, tmp_path: Path) -> Settings:
    shutil.copytree(stocked, tmp_path / "data")
    return Settings(data_dir=tmp_path / "data", admin_token=TOKEN)


@pytest.fixture
def catalog(settings: Settings) -> Iterator[Catalog]:
    """Movies 1..30: embedded, fetched, failed, pending, never asked for, embedded after the snapshot; 30 is like 28."""
    opened = Catalog(settings.catalog_url, settings.data_dir)
    yield opened
    opened.close()


def add_work(catalog: Catalog, movie_ids: list[int], pending: int) -> None:
    catalog.work.enqueue_all()
    with catalog.database.write() as connection:
        connection.exec_driver_sql(f"DELETE FROM poster_work WHERE movie_id IN ({NEVER_ASKED}, 30)")
        connection.exec_driver_sql(f"UPDATE poster_work SET next_attempt_at = 9e12 WHERE movie_id = {pending}")
    claim = catalog.work.claim(Kind.FETCH, 100, 60)
    assert set(claim.movie_ids) == set(movie_ids)
    catalog.work.failed(claim, [Failure(FAILED, Reason.NO_POSTER, "no source has one")])
    catalog.work.fetched(claim, [poster_file(catalog, movie_id) for movie_id in movie_ids if movie_id != FAILED])
    claim = catalog.work.claim(Kind.EMBED, 100, 60)
    done = [Embedded(movie_id, "", "toy", b"") for movie_id in movie_ids if movie_id not in (FETCHED, FAILED)]
    catalog.work.embedded(claim, done)
    catalog.work.released(claim, [FETCHED])


def poster_file(catalog: Catalog, movie_id: int) -> PosterFile:
    content = PNG + str(movie_id).encode()
    return PosterFile(
        movie_id=movie_id,
        sha256=catalog.posters.content.put(content, "image/png"),
        media_type="image/png",
        width=20,
        height=30,
        size_bytes=len(content),
        source="titlecard" if generated(movie_id) else "folder",
        origin=f"{movie_id}.png",
        generated=generated(movie_id),
        attribution=None,
        fetched_at=time.time(),
    )


@pytest.fixture
def poster_bytes() -> Callable[[int], bytes]:
    return lambda movie_id: PNG + str(movie_id).encode()


@pytest.fixture
def poster_rows() -> dict[int, Any]:
    """Toy poster features by movie, non-negative; 1 and 2 are the same picture."""
    draw = np.random.default_rng(7)
    rows = {i: np.maximum(draw.normal(0, 1, DIMENSION), 0).astype(np.float32) for i in EMBEDDED}
    rows[2] = rows[1].copy()
    return rows


@pytest.fixture
def rating_rows() -> dict[int, Any]:
    draw = np.random.default_rng(8)
    return {i: draw.normal(0, 1, FACTORS).astype(np.float32) for i in RATED}


@pytest.fixture
def item_side() -> ItemSide:
    """The movies' side of a toy model; in it movie i had 5 i ratings."""
    draw = np.random.default_rng(9)
    return ItemSide(
        movie_ids=np.array(RATED, np.int64),
        item_biases=draw.normal(0, 0.4, len(RATED)).astype(np.float32),
        item_factors=draw.normal(0, 1, (len(RATED), 3)).astype(np.float32),
        mu=MU,
        scale=SCALE,
        factor_regularization=0.05,
        bias_damping=5.0,
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    made = create_app(settings)
    broken: list[str] = []
    made.after_request(lambda response: agrees_with_document(made, response, broken))
    yield made
    made.extensions["posterity"].close()
    assert broken == []


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def agrees_with_document(app: Any, response: Response, broken: list[str]) -> Response:
    """Notes every answer whose status or body the OpenAPI document does not declare."""
    rule = str(request.url_rule or "").replace("<", "{").replace(">", "}")
    operation = app.api_doc["paths"].get(rule, {}).get(request.method.lower())
    if operation is None:
        return response
    declared = operation["responses"].get(str(response.status_code))
    if declared is None:
        broken.append(f"{request.method} {rule} answers {response.status_code}, which is not declared")
    elif response.is_json:
        schema = {**declared["content"][response.mimetype]["schema"], "components": app.api_doc["components"]}
        validator = jsonschema.Draft202012Validator(schema)
        broken += [f"{request.method} {rule}: {error.message}" for error in validator.iter_errors(response.json)]
    return response


@pytest.fixture
def publish(
    app: Flask,
    settings: Settings,
    poster_rows: dict[int, Any],
    rating_rows: dict[int, Any],
    item_side: ItemSide,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Manifest]:
    """Publishes the toy vectors as the next snapshot, and has the app serve it."""
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)

    def make(posters: bool = True, ratings: bool = True, predictions: bool = True) -> Manifest:
        ids = np.array(sorted(poster_rows), np.int64)
        rated = np.array(sorted(rating_rows), np.int64)
        cards = np.array([generated(int(i)) for i in ids], np.uint8)
        spaces = []
        if posters:
            rows = np.stack([poster_rows[int(i)] for i in ids])
            spaces.append(SpaceContents("poster", DIMENSION, "cosine", "toy", ids, [rows], cards))
        if ratings:
            factors = np.stack([rating_rows[int(i)] for i in rated])
            spaces.append(SpaceContents("ratings", FACTORS, "inner_product", "toy", rated, [factors]))
        prediction = {**item_side.arrays(), "n_ratings": 5 * item_side.movie_ids}
        attached = {"prediction": prediction} if predictions else {}
        manifest = publishing.publish(settings.index_dir, SnapshotContents(tuple(spaces), attached=attached))
        app.extensions["posterity"].live.refresh()
        return manifest

    return make


@pytest.fixture
def admin() -> dict[str, str]:
    """The headers of somebody who has the token."""
    return {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def sha256() -> Callable[[bytes], str]:
    return lambda content: hashlib.sha256(content).hexdigest()


@pytest.fixture
def packed() -> bool:
    """Whether posters are published as records; a test may ask for both by its parameters."""
    return True


@pytest.fixture
def place(database_url: str, tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Movies 1 to 12 embedded, 13 and 14 waiting; nothing published."""
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)
    catalog = Catalog.open(database_url, tmp_path / "data")
    made = Place(catalog, tmp_path / "index", packed)
    made.add(*range(1, 15))
    made.embed(*range(1, 13))
    yield made
    catalog.close()


@pytest.fixture
def live(place: Place) -> LiveSnapshot:
    """Of the place; nothing is loaded yet."""
    return LiveSnapshot(place.root)


@pytest.fixture
def follower(place: Place, live: LiveSnapshot) -> Iterator[Follower]:
    """Follows the place; the first twelve are published as version 1."""
    place.rebuild()
    made = Follower(place.catalog, live)
    made.refresh()
    yield made
    made.close()
