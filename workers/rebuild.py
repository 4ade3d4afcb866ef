"""Rebuilding: the newest model and all embedded vectors become one published snapshot."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.catalog import Catalog
from index.contents import PackedContents, Run, SnapshotContents, SpaceContents
from index.publishing import publish
from ratings.folding import ATTACHMENT
from ratings.model import FactorModel
from ratings.vectors import METRIC
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
    posters = _poster_space(catalog, fingerprints)
    newest = newest_model(catalog, models_dir)
    model_name, model = (None, None) if newest is None else (str(newest[0].result["model"]), newest[1])
    rated = None if model is None else _rating_space(catalog, str(model_name), model)
    spaces = tuple(space for space in (posters, rated) if space is not None)
    source = {"embedded": asdict(mark), "model": model_name}
    attached = {} if model is None or rated is None else {ATTACHMENT: _prediction(model)}
    manifest = publish(index_dir, SnapshotContents(spaces, source, attached), report)
    counts = {name: space.count for name, space in manifest.spaces.items()}
    return {
        "generation": manifest.generation,
        "posters": counts.get("poster", 0),
        "rated": counts.get("ratings", 0),
        "left_out": _left_out(fingerprints),
        **source,
    }


def _poster_space(catalog: Catalog, fingerprints: Mapping[str, int]) -> PackedContents | None:
    """The poster vectors of the encoder that made most of them."""
    if not fingerprints:
        return None
    fingerprint, count = next(iter(fingerprints.items()))
    return PackedContents("poster", DIMENSION, fingerprint, _runs(catalog, fingerprint), count)


def _runs(catalog: Catalog, fingerprint: str) -> Iterator[Run]:
    """The records as they are stored, read once: a poster that comes or goes meanwhile is the next snapshot's.

    The next run is read while the caller works on one.
    """
    stored = iter(catalog.posters.vectors(fingerprint))
    with ThreadPoolExecutor(1, thread_name_prefix="read") as reader:
        waiting = reader.submit(next, stored, None)
        while (run := waiting.result()) is not None:
            waiting = reader.submit(next, stored, None)
            yield Run(
                movie_ids=np.array([vector.movie_id for vector in run], np.int64),
                generated=np.array([vector.generated for vector in run], np.uint8),
                records=[vector.record for vector in run],
            )


def _rating_space(catalog: Catalog, name: str, model: FactorModel) -> SpaceContents | None:
    """The rating vectors of a model, without movies that have left the catalog since it was trained."""
    there = np.isin(model.movie_ids, np.asarray(catalog.movies.ids(), np.int64))
    if not there.any():
        return None
    vectors = model.vectors[there]
    return SpaceContents("ratings", vectors.shape[1], METRIC, name, model.movie_ids[there], [vectors])


def _prediction(model: FactorModel) -> dict[str, NDArray[Any]]:
    """What the API folds users into, and how often each movie was rated."""
    return {**model.item_side().arrays(), "n_ratings": model.n_ratings}


def _left_out(fingerprints: dict[str, int]) -> str:
    """Says how many posters another encoder made, and what to do; empty when there are none."""
    others = sum(list(fingerprints.values())[1:])
    return f"{others:,} posters embedded with other weights or on another kind of device" if others else ""
