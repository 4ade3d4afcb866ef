"""Training: all ratings of the catalog to a model folder."""

import time
from pathlib import Path
from typing import Any

from catalog.catalog import Catalog
from catalog.entries import Job
from ratings.model import FactorModel
from ratings.sgd import EpochReport, FactorOptions
from ratings.training import train_factors
from workers.importing import load_ratings
from workers.reporting import Report

MODELS_KEPT = 3


def train(catalog: Catalog, models_dir: Path, options: FactorOptions, report: Report) -> dict[str, Any]:
    """Fits the factors and writes the model folder; returns what the job's result says.

    Raises:
        ratings.errors.RatingsError: nothing to fit, or the fit diverged; no folder is left behind.
    """

    def epoch(done: EpochReport) -> None:
        report(f"training, validation RMSE {done.validation_rmse:.4f}", done.epoch, done.max_epochs)

    model = train_factors(load_ratings(catalog), options, epoch)
    name = f"factors-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{time.time_ns() % 1_000_000:06d}"
    model.save(models_dir / name)
    _forget_old(models_dir)
    return {"model": name, **{key: value for key, value in model.metrics.items() if key != "curve"}}


def newest_model(catalog: Catalog, models_dir: Path) -> tuple[Job, FactorModel] | None:
    """The model of the last training that ended well, or None before the first.

    Raises:
        ratings.errors.ModelCorrupt: its folder is damaged.
    """
    job = catalog.jobs.last_done("train")
    return None if job is None else (job, FactorModel.load(models_dir / str(job.result["model"])))


def _forget_old(models_dir: Path) -> None:
    folders = sorted(folder for folder in models_dir.iterdir() if folder.name.startswith("factors-"))
    for folder in folders[:-MODELS_KEPT]:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
