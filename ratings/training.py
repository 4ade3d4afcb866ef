"""From rating columns to a model: explicit factors first, then the vectors for neighbours."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ratings.columns import RatingColumns
from ratings.factors import Factors
from ratings.matrix import RatingsMatrix
from ratings.memory import free_bytes
from ratings.model import FactorModel
from ratings.planning import VectorMethod, VectorPlan, plan_vectors
from ratings.sgd import ACCURATE, FactorOptions, Fit, Progress, fit_sgd
from ratings.vectors import RatingVectors, fit_vectors

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How to train: `factors` for predictions; `vectors` names their method, None for the best that memory allows."""

    factors: FactorOptions = field(default_factory=lambda: ACCURATE)
    vectors: VectorMethod | None = None


def train_model(
    columns: RatingColumns, options: TrainingOptions, progress: Progress | None = None, told: Told | None = None
) -> FactorModel:
    """Fits both to the latest rating of each pair.

    A caller that keeps no reference to the columns gets their memory back before the fit begins.

    Ctrl-C keeps what is there and says so in `metrics["interrupted"]`: the best epoch so far, and where the vectors
    were not ready, those that the explicit factors give at once.

    Args:
        progress: told about each epoch. told: one line on what vectors will be fitted, and why.

    Raises:
        NothingToFit, FitDiverged: see `ratings.sgd.fit_sgd` and `ratings.ease.fit_ease`.
    """
    matrix = RatingsMatrix.from_columns(columns)
    del columns
    fit = fit_sgd(matrix, options.factors, progress)
    vectors, stopped = _fitted(matrix, fit.factors, options, told)
    fit = replace(fit, interrupted=fit.interrupted or stopped)
    chosen = {"factors": asdict(options.factors), "vectors": {"method": vectors.method, **vectors.options}}
    return _model(matrix, fit.factors, vectors, chosen, _metrics(matrix, fit, vectors))


def _fitted(
    matrix: RatingsMatrix, factors: Factors, options: TrainingOptions, told: Told | None
) -> tuple[RatingVectors, bool]:
    """The vectors that memory allows; those of the explicit factors, which are there, where Ctrl-C ends their fit."""
    try:
        plan = plan_vectors(matrix, free_bytes(), options.vectors)
        if told is not None:
            told(plan.why)
        return fit_vectors(matrix, plan, factors), False
    except KeyboardInterrupt:
        why = "stopped by hand before they were fitted: those of the explicit factors"
        return fit_vectors(matrix, VectorPlan("sgd", None, why), factors), True


def _model(
    matrix: RatingsMatrix, factors: Factors, vectors: RatingVectors, options: dict[str, Any], metrics: dict[str, Any]
) -> FactorModel:
    return FactorModel(
        mu=factors.mu,
        scale=factors.scale,
        user_ids=matrix.user_ids,
        movie_ids=matrix.movie_ids,
        n_ratings=matrix.n_ratings,
        mean_ratings=matrix.mean_ratings,
        user_biases=factors.user_biases,
        item_biases=factors.item_biases,
        user_factors=factors.user_factors,
        item_factors=factors.item_factors,
        vectors=vectors.rows,
        options=options,
        metrics=metrics,
    )


def _metrics(matrix: RatingsMatrix, fit: Fit, vectors: RatingVectors) -> dict[str, Any]:
    best = fit.curve[fit.best_epoch - 1] if fit.curve else None
    return {
        "users": len(matrix.user_ids),
        "movies": len(matrix.movie_ids),
        "ratings": len(matrix),
        "sparsity": matrix.sparsity,
        "epochs": fit.best_epoch,
        "interrupted": fit.interrupted,
        "train_rmse": best.train_rmse if best else None,
        "validation_rmse": best.validation_rmse if best else None,
        "vectors": vectors.method,
        "dimensions": vectors.rows.shape[1],
        "why": vectors.why,
        "curve": [[report.epoch, report.train_rmse, report.validation_rmse] for report in fit.curve],
    }
