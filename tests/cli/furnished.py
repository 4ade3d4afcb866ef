"""An installation with something of everything: rows in every state, pictures, ratings, a model, a snapshot."""

import hashlib
import io
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from sqlalchemy import JSON, Text, cast, select

from catalog.catalog import Catalog
from catalog.entries import Kind, NewMovie, PosterFile, Reason
from catalog.rating_rows import GivenRating
from catalog.ratings import RatingSet
from catalog.schema import metadata
from catalog.work import Embedded, Failure
from cli.main import cli
from index import copying, publishing
from index.contents import PackedContents, Run, SnapshotContents, SpaceContents
from index.records import encode_record
from index.verification import verify
from ratings.columns import RatingColumns
from ratings.model import FactorModel
from ratings.parquet import RatingsWriter
from tests.verifier_here import VerifierHere

DIMENSION, FINGERPRINT, EMBEDDED = 96, "toy", 12
MODEL, RATINGS = "factors-20261124T000000-000001", "ratings/movielens-0123456789abcdef.parquet"


def picture(number: int) -> bytes:
    """A PNG that depends on the number."""
    pixels = np.random.default_rng(number).integers(0, 255, (24, 16, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def vector(number: int) -> Any:
    draw = np.random.default_rng([number, 7])
    return (draw.gamma(1, 10, DIMENSION) * (draw.random(DIMENSION) < 0.4) + 1e-3).astype(np.float32)


@dataclass
class Furnished:
    """A data folder and a database; the command line on them."""

    data_dir: Path
    url: str
    monkeypatch: pytest.MonkeyPatch

    def catalog(self) -> Catalog:
        return Catalog.open(self.url, self.data_dir)

    def run(self, *arguments: str) -> Result:
        self.monkeypatch.setenv("POSTERITY_DATA_DIR", str(self.data_dir))
        self.monkeypatch.setenv("POSTERITY_DATABASE_URL", self.url)
        return CliRunner().invoke(cli, list(arguments))

    def done(self, *arguments: str) -> str:
        """What it printed; its end must be a good one."""
        result = self.run(*arguments)
        assert result.exit_code == 0, f"{arguments}: {result.output} {result.exception!r}"
        return result.output

    def refused(self, *arguments: str) -> str:
        """The line with which it ended."""
        result = self.run(*arguments)
        assert result.exception is not None and not isinstance(result.exception, SystemExit), result.output
        said = str(result.exception)
        assert "\n" not in said
        return said

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table that a backup keeps, as the database holds it, in the order of its key."""
        catalog, found = self.catalog(), {}
        with catalog.database.read() as connection:
            for table in metadata.sorted_tables:
                if table.name != "workers":
                    columns = [cast(c, Text) if isinstance(c.type, JSON) else c for c in table.columns]
                    rows = connection.execute(select(*columns).order_by(*table.primary_key.columns)).all()
                    found[table.name] = [tuple(row) for row in rows]
        catalog.close()
        return found

    def files(self) -> dict[str, bytes]:
        """Everything in the data folder but the database and notes that are made anew."""
        paths = [path for path in sorted(self.data_dir.rglob("*")) if path.is_file()]
        return {
            path.relative_to(self.data_dir).as_posix(): path.read_bytes()
            for path in paths
            if not any(part.startswith((".", "catalog.db")) for part in path.relative_to(self.data_dir).parts)
        }

    def sql(self, statement: str) -> None:
        catalog = self.catalog()
        with catalog.database.write() as connection:
            connection.exec_driver_sql(statement)
        catalog.close()


def verify_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started to verify a snapshot: its checks are the same."""
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)
    monkeypatch.setattr(copying, "verify_apart", verify)


def furnish(place: Furnished) -> None:
    """Fills an empty installation."""
    place.data_dir.mkdir(parents=True, exist_ok=True)
    catalog = place.catalog()
    catalog.add([NewMovie(f"Fílm {i}", i, 1990 + i, ("Comedy", "Sci-Fi"), f"tt{i:07d}", i) for i in range(1, 21)])
    _poster_work(catalog)
    _ratings(catalog)
    _model(catalog, place.data_dir / "models")
    publish(catalog, place.data_dir / "index")
    catalog.given.set_file(3, picture(1003), "image/png")
    catalog.jobs.keep(catalog.jobs.open("rebuild", lease_s=3600), 3600, {"phase": "pöster", "done": 7, "of": 40})
    catalog.presence.seen("gone@here", (Kind.FETCH,))
    catalog.presence.gone("gone@here")
    catalog.close()


def _poster_work(catalog: Catalog) -> None:
    """12 embedded, one failed, one in hand for the third time, the others fetched or pending."""
    work = catalog.work
    claim = work.claim(Kind.FETCH, 15, 3600)
    files = []
    for movie_id in claim.movie_ids[:14]:
        content = picture(movie_id)
        sha256 = catalog.posters.content.put(content, "image/png")
        size = len(content)
        files.append(PosterFile(movie_id, sha256, "image/png", 16, 24, size, "folder", "x", False, None, 1.5, None))
    work.fetched(claim, files)
    work.failed(claim, [Failure(claim.movie_ids[14], Reason.NO_POSTER, "no source has “it”")])
    claim = work.claim(Kind.EMBED, EMBEDDED, 3600)
    known = {file.movie_id: file.sha256 for file in files}
    work.embedded(claim, [Embedded(i, known[i], FINGERPRINT, encode_record(vector(i))) for i in claim.movie_ids])
    claim = work.claim(Kind.EMBED, 1, 3600)
    with catalog.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE poster_work SET attempt = 3 WHERE movie_id = {claim.movie_ids[0]}")


def _ratings(catalog: Catalog) -> None:
    users, rated = (a.astype(np.int32) for a in np.divmod(np.arange(60), 6))
    columns = RatingColumns(users + 1, rated + 1, np.full(60, 3.5, np.float32), np.arange(60, dtype=np.int64))
    path = catalog.data_dir / RATINGS
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file, RatingsWriter(file) as writer:
        writer.write(columns)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with catalog.database.write() as connection:
        catalog.ratings.replace(connection, RatingSet("movielens", RATINGS, digest, 60, time.time()))
    catalog.ratings.give([GivenRating(9, 2, 4.5, 1_700_000_000)])


def _model(catalog: Catalog, models_dir: Path) -> None:
    job = catalog.jobs.open("train", lease_s=3600)
    draw = np.random.default_rng(0)

    def floats(*shape: int) -> Any:
        return draw.normal(size=shape).astype(np.float32)

    ids = np.arange(1, 7)
    model = FactorModel(
        3.5, (0.5, 5.0), ids, ids, ids, ids * 0.5, floats(6), floats(6), floats(6, 4), floats(6, 4), floats(6, 4),
        {"factors": {"regularization": 0.1}}, {},
    )  # fmt: skip
    model.save(models_dir / MODEL)
    catalog.jobs.finish(job, {"model": MODEL})


def publish(catalog: Catalog, root: Path, seed: int = 0) -> int:
    """A snapshot of what is embedded, and of rating vectors; its number."""
    stored = [one for run in catalog.posters.vectors(FINGERPRINT) for one in run]
    ids = np.array([one.movie_id for one in stored], np.int64)
    run = Run(ids, np.zeros(len(ids), np.uint8), [one.record for one in stored])
    rows = np.random.default_rng(seed).normal(size=(6, 4)).astype(np.float32)
    spaces: tuple[Any, ...] = (
        PackedContents("poster", DIMENSION, FINGERPRINT, [run], len(ids)),
        SpaceContents("ratings", 4, "inner_product", MODEL, np.arange(1, 7), [rows]),
    )
    return publishing.publish(root, SnapshotContents(spaces, {"seed": seed})).generation
