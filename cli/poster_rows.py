"""The article's poster rows: a movie, and the five whose posters look most like its own."""

import base64
import importlib.util
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from catalog.catalog import Catalog
from catalog.entries import NewMovie
from catalog.errors import CatalogError
from cli.progress import Bar
from cli.session import session
from config.loading import load_settings
from index.errors import VectorIndexError
from index.live import LiveSnapshot
from index.snapshot import Snapshot
from index.versions import served_generation
from posters.encoder import Encoder

ARTICLES = (6, 1, 59784)  # Heat, Toy Story, Kung Fu Panda: the rows whose movies the article names
ROWS, NEAREST = 8, 5
THUMBNAIL = (180, 270)  # pixels at most; twice what a phone shows
JPEG_QUALITY = 82
ENCODED_AT_ONCE = 16
NONE = (
    "no posters at hand: run `posterity embed --wait`, then `posterity rebuild`, and this again; or name a folder of "
    "pictures called by movie id with `--posters DIR`"
)
CARDS = (
    "title cards drawn from the titles stand in for some posters; they look alike because they are drawn alike. Real "
    "posters come from TMDB (`POSTERITY_TMDB_TOKEN`) or from a folder (`--posters DIR`)"
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of a row.

    Attributes:
        score: cosine to the row's first picture, in [0, 1]; None for that one. generated: a title card.
        image: a data URI. credit: what its source wants to be shown beside it, or None.
    """

    movie_id: int
    score: float | None
    generated: bool
    image: str
    credit: str | None = None


@dataclass(frozen=True, slots=True)
class PosterRow:
    """A movie and those that look like it, best first."""

    asked: Shown
    neighbours: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class PosterRows:
    """The rows; `note` is one line that goes with them, or says why there are none; `source` where they are from."""

    rows: tuple[PosterRow, ...] = ()
    note: str = ""
    source: str = ""

    @property
    def credits(self) -> list[str]:
        """What the sources of the pictures want to be shown, each once."""
        found = {shown.credit for row in self.rows for shown in (row.asked, *row.neighbours)}
        return sorted(credit for credit in found if credit)


def poster_rows(
    folder: Path | None, movies: Mapping[int, NewMovie], by_fame: Sequence[int], weights: str
) -> PosterRows:
    """Rows from a folder of pictures, else from the published snapshot, else none and a line that says how to get some.

    Args:
        folder: pictures called by movie id or IMDb id. by_fame: ids of all movies, the most-rated first.
        weights: of the encoder, for a folder.

    Raises:
        click.UsageError: there is no such folder.
    """
    if folder is not None and not folder.is_dir():
        raise click.UsageError(f"--posters {folder}: there is no such folder")
    if importlib.util.find_spec("PIL") is None:
        return PosterRows(note="posters are shown by Pillow, which is missing: `pip install 'posterity[worker]'`")
    if folder is None:
        return _published(by_fame)
    return _of_folder(folder, movies, by_fame, weights)


def asked_of(known: Sequence[int]) -> list[int]:
    """The article's movies as far as they are known, filled up with the first of the others."""
    first = [movie_id for movie_id in ARTICLES if movie_id in known]
    return [*first, *(movie_id for movie_id in known if movie_id not in ARTICLES)][:ROWS]


def thumbnail(content: bytes, where: str) -> str:
    """A small JPEG of a picture, as a data URI.

    Raises:
        PosterRejected: the bytes are no such picture.
    """
    from posters.decoding import decode

    image = decode(content, where)
    image.thumbnail(THUMBNAIL)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _published(by_fame: Sequence[int]) -> PosterRows:
    settings = load_settings()
    if served_generation(settings.index_dir) is None:
        return PosterRows(note=NONE)
    try:
        with session() as opened:
            snapshot = LiveSnapshot(settings.index_dir).get()
            known = [movie_id for movie_id in by_fame if snapshot.has("poster", movie_id)]
            if known:
                known.sort(key=snapshot.space("poster").is_generated)  # real posters first, the most-rated first
            rows = [row for movie_id in asked_of(known) if (row := _row(snapshot, opened.catalog, movie_id))]
    except (CatalogError, VectorIndexError) as err:
        return PosterRows(note=f"the published posters cannot be read: {' '.join(str(err).split())}")
    cards = any(shown.generated for row in rows for shown in (row.asked, *row.neighbours))
    note = "" if rows and not cards else CARDS if rows else NONE
    return PosterRows(tuple(rows), note, f"snapshot {snapshot.generation}, {len(known):,} posters")


def _row(snapshot: Snapshot, catalog: Catalog, movie_id: int) -> PosterRow | None:
    """The row of one movie; None where its own picture is gone."""
    near = [(it.movie_id, it.score) for it in snapshot.similar("poster", movie_id, NEAREST)]
    asked = _stored(catalog, movie_id, None)
    shown = [_stored(catalog, other, score) for other, score in near]
    return PosterRow(asked, tuple(it for it in shown if it)) if asked else None


def _stored(catalog: Catalog, movie_id: int, score: float | None) -> Shown | None:
    from posters.errors import PosterError

    try:
        file, content = catalog.posters.image(movie_id)
        image = thumbnail(content, f"movie {movie_id}")
        return Shown(movie_id, score, file.generated, image, file.attribution)
    except (CatalogError, PosterError):
        return None  # deleted meanwhile, or its file is gone: the row is shown without it


def _of_folder(folder: Path, movies: Mapping[int, NewMovie], by_fame: Sequence[int], weights: str) -> PosterRows:
    found = _pictures(folder, movies, by_fame)
    if len(found) < 2:
        return PosterRows(note=f"{folder} has fewer than two pictures called by a movie id, such as 1.jpg")
    ids, units = _encoded(found, weights)
    rows = []
    for movie_id in asked_of(ids):
        cosines = units @ units[ids.index(movie_id)]
        best = [place for place in np.argsort(-cosines, kind="stable") if ids[place] != movie_id][:NEAREST]
        near = tuple(_pictured(found, ids[place], float(min(cosines[place], 1.0))) for place in best)
        rows.append(PosterRow(_pictured(found, movie_id, None), near))
    return PosterRows(tuple(rows), source=f"{folder.name}, {len(ids):,} posters")


def _pictured(found: Mapping[int, bytes], movie_id: int, score: float | None) -> Shown:
    return Shown(movie_id, score, False, thumbnail(found[movie_id], f"movie {movie_id}"))


def _pictures(folder: Path, movies: Mapping[int, NewMovie], by_fame: Sequence[int]) -> dict[int, bytes]:
    """The files that are pictures of these movies, the most-rated first; others are passed over."""
    from posters.errors import PosterMissing, PosterRejected
    from posters.folder import FolderSource
    from posters.poster import PosterRequest

    source, found = FolderSource(folder), {}
    for movie_id in by_fame:
        it = movies[movie_id]
        request = PosterRequest(movie_id, it.title, it.year, it.genres, it.imdb_id, it.tmdb_id)
        try:
            found[movie_id] = source.fetch(request).content
        except (PosterMissing, PosterRejected):
            continue
    return found


def _encoded(found: Mapping[int, bytes], weights: str) -> tuple[list[int], NDArray[np.float32]]:
    """Ids, and their features as unit rows: float32 (n, 25088), 100 kB each."""
    from posters.decoding import pixels

    ids, encoder, parts = list(found), _encoder(weights), []
    with Bar("encoding posters") as bar:
        for start in range(0, len(ids), ENCODED_AT_ONCE):
            bar.update("encoding posters", start, len(ids))
            some = ids[start : start + ENCODED_AT_ONCE]
            parts.append(encoder.encode(np.stack([pixels(found[it], f"movie {it}") for it in some])))
    features = np.concatenate(parts)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return ids, np.asarray(features / np.where(lengths > 0, lengths, 1), np.float32)


def _encoder(weights: str) -> Encoder:
    """VGG16; its machine code takes seconds the first time, so it is loaded here and not above."""
    from posters.vgg16 import PosterEncoder

    return PosterEncoder(weights)
