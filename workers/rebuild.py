"""Rebuilding: the newest model and all embedded vectors become one published snapshot."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.catalog import Catalog
from index.contents import SnapshotContents, SpaceContents
from index.errors import SnapshotCorrupt
from index.manifest import Manifest
from index.publishing import publish
from ratings.folding import ATTACHMENT
from ratings.model import FactorModel
from ratings.vectors import METRIC
from workers.poster_space import TIMES, PosterRows, poster_rows
from workers.reporting import Report
from workers.train import newest_model

log = logging.getLogger(__name__)


def rebuild(catalog: Catalog, models_dir: Path, index_dir: Path, report: Report) -> dict[str, Any]:
    """Publishes a snapshot of what is embedded and trained now; returns what the job's result says.

    Posters of one encoder only: that of most posters; how many others were left out is said.

    Raises:
        index.errors.VectorIndexError: nothing to publish, no room, or the new snapshot does not verify; the one being
            served stays. ratings.errors.RatingsError: the newest model is damaged.
    """
    mark = catalog.posters.mark()
    fingerprints = catalog.posters.fingerprints()
    newest = newest_model(catalog, models_dir)
    model_name, model = (None, None) if newest is None else (str(newest[0].result["model"]), newest[1])
    rated = None if model is None else _rating_space(catalog, str(model_name), model)
    source = {"embedded": asdict(mark), "model": model_name}
    predicting = {} if model is None or rated is None else {ATTACHMENT: _prediction(model)}

    def publish_with(posters: PosterRows | None) -> Manifest:
        looks = None if posters is None else posters.contents
        spaces = tuple(space for space in (looks, rated) if space is not None)
        attached = predicting if posters is None else {**predicting, TIMES: posters.times}
        return publish(index_dir, SnapshotContents(spaces, source, attached), report)

    posters = _posters(catalog, fingerprints, index_dir)
    try:
        manifest = publish_with(posters)
    except SnapshotCorrupt as err:
        if posters is None or not posters.taken:
            raise
        log.warning("rows of the version being served do not verify any more (%s): all records are read", err)
        manifest = publish_with(_posters(catalog, fingerprints, None))
    counts = {name: space.count for name, space in manifest.spaces.items()}
    return {
        "generation": manifest.generation,
        "posters": counts.get("poster", 0),
        "rated": counts.get("ratings", 0),
        "left_out": _left_out(fingerprints),
        **source,
    }


def _posters(catalog: Catalog, fingerprints: Mapping[str, int], index_dir: Path | None) -> PosterRows | None:
    """The poster vectors of the encoder that made most of them."""
    return poster_rows(catalog, next(iter(fingerprints)), index_dir) if fingerprints else None


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
