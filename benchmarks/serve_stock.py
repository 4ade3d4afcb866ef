"""A data folder to serve from: real titles, a poster file each, poster vectors from a feature file in the catalog."""

import csv
import time
from pathlib import Path

from benchmarks.search_posters import RealPosters
from catalog.catalog import Catalog
from catalog.entries import Kind, NewMovie, PosterFile
from catalog.storing import store_movies
from catalog.titles import split_title
from catalog.work import Embedded
from config.settings import Settings
from index.records import encode_record

FINGERPRINT = "features"
TITLES = Path(__file__).resolve().parents[1] / "data" / "ml-latest-small" / "movies.csv"
PICTURE = b"\x89PNG\r\n\x1a\n the same for all"
RUN, LEASE_S = 500, 600.0  # rows of one transaction, and how long they are ours


def stock(settings: Settings, real: RealPosters) -> None:
    """Fills an empty data folder: movies, poster files, vectors; each as if a worker had embedded it."""
    catalog = Catalog.open(settings.catalog_url, settings.data_dir)
    titles = _titles()
    try:
        new = [_movie(movie_id, titles) for movie_id in real.movie_ids.tolist()]
        rated = {movie.movie_id: (1 + i % 300, 3.5) for i, movie in enumerate(new) if movie.movie_id is not None}
        with catalog.database.write() as connection:
            store_movies(connection, new, rated, time.time())
        catalog.work.enqueue_all()
        sha256 = catalog.posters.content.put(PICTURE, "image/png")
        records = _records(real)
        while _fetch(catalog, sha256) + _embed(catalog, sha256, records):
            pass  # in turns: no more than a thousand are fetched ahead
    finally:
        catalog.close()


def _records(real: RealPosters) -> dict[int, bytes]:
    rows = enumerate(real.movie_ids.tolist())
    return {movie_id: encode_record(real.packed.row(row)) for row, movie_id in rows}


def _fetch(catalog: Catalog, sha256: str) -> int:
    claim = catalog.work.claim(Kind.FETCH, RUN, LEASE_S)
    catalog.work.fetched(claim, [_file(movie_id, sha256) for movie_id in claim.movie_ids])
    return len(claim.movie_ids)


def _embed(catalog: Catalog, sha256: str, records: dict[int, bytes]) -> int:
    claim = catalog.work.claim(Kind.EMBED, RUN, LEASE_S)
    done = [Embedded(movie_id, sha256, FINGERPRINT, records[movie_id]) for movie_id in claim.movie_ids]
    catalog.work.embedded(claim, done)
    return len(claim.movie_ids)


def _titles() -> dict[int, tuple[str, tuple[str, ...]]]:
    with TITLES.open(encoding="utf-8", newline="") as file:
        return {int(row["movieId"]): (row["title"], tuple(row["genres"].split("|"))) for row in csv.DictReader(file)}


def _movie(movie_id: int, titles: dict[int, tuple[str, tuple[str, ...]]]) -> NewMovie:
    full, genres = titles.get(movie_id, (f"Movie {movie_id} ({1950 + movie_id % 70})", ("Drama",)))
    title, year = split_title(full)
    return NewMovie(title, movie_id, year, genres)


def _file(movie_id: int, sha256: str) -> PosterFile:
    return PosterFile(
        movie_id=movie_id,
        sha256=sha256,
        media_type="image/png",
        width=500,
        height=750,
        size_bytes=len(PICTURE),
        source="folder",
        origin=f"{movie_id}.png",
        generated=False,
        attribution=None,
        fetched_at=time.time(),
    )
