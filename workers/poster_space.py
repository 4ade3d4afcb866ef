"""The rows of the poster space: what the version being served holds is taken from it, the rest from the catalog.

With each version goes along when each of its posters was embedded. A poster of the same movie and time is the same
record, so a rebuild after one movie in a hundred came reads that one from the database, and not 10 kB of every movie.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catalog.catalog import Catalog
from catalog.posters import StoredVector
from index.attachments import Arrays
from index.contents import PackedContents, Run
from index.packed_space import PackedSpace
from index.versions import served_space

TIMES = "poster_times"  # the attachment: movie_ids int64 (n,), rising, and embedded_at float64 (n,), seconds since 1970
DIMENSION = 25_088  # block5_pool of VGG16: 7 x 7 x 512
_ROWS_AT_ONCE = 4096  # taken from the version before: 40 MB between two words about progress


@dataclass(frozen=True, slots=True)
class PosterRows:
    """What is to be published of the posters of one encoder.

    Attributes:
        contents: the rows, by movie id. times: what is to be attached as `TIMES`.
        taken: how many rows come from the version being served.
    """

    contents: PackedContents
    times: Arrays
    taken: int


def poster_rows(catalog: Catalog, fingerprint: str, index_dir: Path | None) -> PosterRows:
    """The posters that are embedded now: one that comes meanwhile is the next version's.

    Args:
        fingerprint: of the encoder. index_dir: where a version may be served that knows some of them; None reads all.
    """
    found = [stamp for run in catalog.posters.times(fingerprint) for stamp in run]
    movie_ids = np.array([movie_id for movie_id, _ in found], np.int64)
    embedded_at = np.array([time for _, time in found], np.float64)
    before, kept = None, np.full(len(movie_ids), -1, np.int64)
    served = served_space(index_dir, "poster") if index_dir else None
    if served is not None and (served.space.info.fingerprint, served.space.info.dimension) == (fingerprint, DIMENSION):
        before = served.space
        kept = _same_rows(before, served.attached.get(TIMES, {}), movie_ids, embedded_at)
    runs = _ahead(_runs(catalog, fingerprint, movie_ids, before, kept))
    contents = PackedContents("poster", DIMENSION, fingerprint, runs, len(movie_ids))
    times = {"movie_ids": movie_ids, "embedded_at": embedded_at}
    return PosterRows(contents, times, int(np.count_nonzero(kept >= 0)))


def _same_rows(
    before: PackedSpace, times: Arrays, movie_ids: NDArray[np.int64], embedded_at: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The row that each movie had, if its poster was embedded at the same time, else -1: int64 (n,)."""
    kept = np.full(len(movie_ids), -1, np.int64)
    if not times:
        return kept  # made before times went along
    there, rows = before.rows_of(movie_ids)
    kept[there] = rows
    places = np.searchsorted(times["movie_ids"], movie_ids)
    noted = np.full(len(movie_ids), -np.inf)
    within = places < len(times["movie_ids"])
    places = places[within]
    noted[within] = np.where(times["movie_ids"][places] == movie_ids[within], times["embedded_at"][places], -np.inf)
    kept[noted != embedded_at] = -1
    return kept


def _runs(
    catalog: Catalog,
    fingerprint: str,
    movie_ids: NDArray[np.int64],
    before: PackedSpace | None,
    kept: NDArray[np.int64],
) -> Iterator[Run]:
    """The rows by movie id: pieces of the version before, and records where it has none."""
    for start, end in _pieces(kept):
        first = int(kept[start])
        if before is None or first < 0:
            for stored in catalog.posters.vectors_of(movie_ids[start:end].tolist(), fingerprint):
                if stored:
                    yield _run(stored)
            continue
        for at in range(start, end, _ROWS_AT_ONCE):
            rows = range(first + at - start, first + min(at + _ROWS_AT_ONCE, end) - start)
            generated = before.parts.generated[rows.start : rows.stop]
            yield Run(movie_ids[at : at + len(rows)], generated, before.parts.packed.part(rows.start, rows.stop))


def _pieces(kept: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Where the movies begin and end whose rows follow each other, or which all have none."""
    follows = np.where(kept < 0, -1 - len(kept), kept - np.arange(len(kept)))
    ends = [*(np.flatnonzero(np.diff(follows)) + 1).tolist(), len(kept)]
    start = 0
    for end in ends:
        if end > start:
            yield start, end
        start = end


def _run(stored: list[StoredVector]) -> Run:
    return Run(
        movie_ids=np.array([vector.movie_id for vector in stored], np.int64),
        generated=np.array([vector.generated for vector in stored], np.uint8),
        records=[vector.record for vector in stored],
    )


def _ahead(runs: Iterator[Run]) -> Iterator[Run]:
    """The same; the next run is read while the caller works on one."""
    with ThreadPoolExecutor(1, thread_name_prefix="read") as reader:
        waiting = reader.submit(next, runs, None)
        while (run := waiting.result()) is not None:
            waiting = reader.submit(next, runs, None)
            yield run
