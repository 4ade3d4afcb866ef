"""Training: all ratings of the catalog to a model folder."""

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np

from catalog.catalog import Catalog
from catalog.entries import Job
from ratings.columns import RatingColumns
from ratings.model import FactorModel
from ratings.sgd import EpochReport
from ratings.training import TrainingOptions, train_model
from workers.importing import load_ratings
from workers.reporting import Report

MODELS_KEPT = 3
LEFT_BEHIND_S = 86_400.0  # a folder that is still written is younger

log = logging.getLogger(__name__)


def train(catalog: Catalog, models_dir: Path, options: TrainingOptions, report: Report) -> dict[str, Any]:
    """Fits factors and vectors and writes the model folder; returns what the job's result says.

    Raises:
        ratings.errors.RatingsError: nothing to fit, or the fit diverged; no folder is left behind.
    """

    def epoch(done: EpochReport) -> None:
        report(f"explicit factors, {_error(done)}", done.epoch, done.max_epochs)

    def vectors(why: str) -> None:
        log.info("vectors: %s", why)
        report(f"vectors, {why.split(':')[0]}", 0, 0)

    model = train_model(_of_known_movies(catalog), options, epoch, vectors)
    name = f"factors-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{time.time_ns() // 1000 % 1_000_000:06d}"
    model.save(models_dir / name)
    catalog.ratings.counted(_by_movie(model))  # ratings given singly are in it, which no import has counted
    last = catalog.jobs.last_done("train")
    _forget_old(models_dir, str(last.result["model"]) if last else None)
    return {"model": name, **{key: value for key, value in model.metrics.items() if key != "curve"}}


def newest_model(catalog: Catalog, models_dir: Path) -> tuple[Job, FactorModel] | None:
    """The model of the last training that ended well, or None before the first.

    Raises:
        ratings.errors.ModelCorrupt: its folder is damaged.
    """
    job = catalog.jobs.last_done("train")
    return None if job is None else (job, FactorModel.load(models_dir / str(job.result["model"])))


def _error(done: EpochReport) -> str:
    if done.phase == "search":
        return f"validation RMSE {done.validation_rmse:.4f}"
    return f"learning from all ratings, RMSE {done.train_rmse:.4f}"


def _by_movie(model: FactorModel) -> dict[int, tuple[int, float]]:
    counts = zip(model.n_ratings.tolist(), model.mean_ratings.tolist(), strict=True)
    return dict(zip(model.movie_ids.tolist(), counts, strict=True))


def _of_known_movies(catalog: Catalog) -> RatingColumns:
    """All ratings, without those of movies that were deleted here after their import."""
    columns = load_ratings(catalog)
    there = np.isin(columns.movie_ids, np.asarray(catalog.movies.ids(), np.int32))
    return columns if there.all() else columns.take(there)


def _forget_old(models_dir: Path, in_use: str | None) -> None:
    """Keeps the newest models and the one in use, whatever became of later ones; removes what a kill left behind."""
    folders = sorted(folder for folder in models_dir.iterdir() if folder.name.startswith("factors-"))
    old = [folder for folder in folders[:-MODELS_KEPT] if folder.name != in_use]
    left = [it for it in models_dir.glob(".factors-*") if time.time() - it.stat().st_mtime > LEFT_BEHIND_S]
    for folder in (*old, *left):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
