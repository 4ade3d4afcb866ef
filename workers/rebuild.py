"""Rebuilding: the newest model and all embedded vectors become one published snapshot."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.catalog import Catalog
from catalog.posters import StoredVector
from index.contents import SnapshotContents, SpaceContents
from index.publishing import publish
from index.records import decode_records
from ratings.neighbours import METRIC, neighbour_vectors
from workers.reporting import Report
from workers.train import newest_model

DIMENSION = 25_088  # block5_pool of VGG16: 7 x 7 x 512


def rebuild(catalog: Catalog, models_dir: Path, index_dir: Path, report: Report) -> dict[str, Any]:
    """Publishes a snapshot of what is embedded and trained now; returns what the job's result says.

    Posters of one encoder only: that of most posters; how many others were left out is said.

    Raises:
        index.errors.VectorIndexError: nothing to publish, no room, or the new snapshot does not verify; the one being
            served stays. ratings.errors.RatingsError: the newest model is damaged.
    """
    mark = catalog.posters.mark()
    fingerprints = catalog.posters.fingerprints()
    posters = _poster_space(catalog, next(iter(fingerprints), ""))
    model_name, rated = _rating_space(catalog, models_dir)
    spaces = tuple(space for space in (posters, rated) if space is not None)
    source = {"embedded": asdict(mark), "model": model_name}
    manifest = publish(index_dir, SnapshotContents(spaces, source), report)
    counts = {name: space.count for name, space in manifest.spaces.items()}
    return {
        "generation": manifest.generation,
        "posters": counts.get("poster", 0),
        "rated": counts.get("ratings", 0),
        "left_out": _left_out(fingerprints),
        **source,
    }


def _poster_space(catalog: Catalog, fingerprint: str) -> SpaceContents | None:
    """The poster vectors of one encoder; two reads of the table, so that the vectors never lie in memory at once.

    A poster embedded between the two reads is in the next snapshot.
    """
    ids: list[int] = []
    generated: list[bool] = []
    for run in catalog.posters.vectors(fingerprint):
        ids += [stored.movie_id for stored in run]
        generated += [stored.generated for stored in run]
    if not ids:
        return None
    return SpaceContents(
        name="poster",
        dimension=DIMENSION,
        metric="cosine",
        fingerprint=fingerprint,
        movie_ids=np.asarray(ids, np.int64),
        blocks=_blocks(catalog, fingerprint, ids),
        generated=np.asarray(generated, np.uint8),
    )


def _blocks(catalog: Catalog, fingerprint: str, ids: list[int]) -> Iterator[NDArray[np.float32]]:
    """Decoded vectors in the order of `ids`: float32 (up to 512, 25088), 51 MB each."""
    wanted = set(ids)
    for run in catalog.posters.vectors(fingerprint):
        yield _decoded([stored for stored in run if stored.movie_id in wanted])


def _decoded(run: list[StoredVector]) -> NDArray[np.float32]:
    out = np.empty((len(run), DIMENSION), np.float32)
    return decode_records([stored.record for stored in run], out)


def _rating_space(catalog: Catalog, models_dir: Path) -> tuple[str | None, SpaceContents | None]:
    newest = newest_model(catalog, models_dir)
    if newest is None:
        return None, None
    job, model = newest
    name = str(job.result["model"])
    movie_ids, vectors = neighbour_vectors(model)
    space = SpaceContents("ratings", vectors.shape[1], METRIC, name, movie_ids, [vectors])
    return name, space


def _left_out(fingerprints: dict[str, int]) -> str:
    """Says how many posters another encoder made, and what to do; empty when there are none."""
    others = sum(list(fingerprints.values())[1:])
    return f"{others:,} posters embedded with other weights or on another kind of device" if others else ""
