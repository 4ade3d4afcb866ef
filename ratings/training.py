"""From rating columns to a model."""

from dataclasses import asdict

from ratings.columns import RatingColumns
from ratings.matrix import RatingsMatrix
from ratings.model import FactorModel
from ratings.sgd import FactorOptions, Progress, fit_sgd


def train_factors(columns: RatingColumns, options: FactorOptions, progress: Progress | None = None) -> FactorModel:
    """Fits explicit factors to the latest rating of each pair.

    A caller that keeps no reference to the columns gets their memory back before the fit begins.

    Raises:
        NothingToFit, FitDiverged: see `ratings.sgd.fit_sgd`.
    """
    matrix = RatingsMatrix.from_columns(columns)
    del columns
    fit = fit_sgd(matrix, options, progress)
    best = fit.curve[fit.best_epoch - 1] if fit.curve else None
    stars = matrix.user_items.data
    metrics = {
        "users": len(matrix.user_ids),
        "movies": len(matrix.movie_ids),
        "ratings": len(matrix),
        "sparsity": matrix.sparsity,
        "epochs": fit.best_epoch,
        "interrupted": fit.interrupted,
        "train_rmse": best.train_rmse if best else None,
        "validation_rmse": best.validation_rmse if best else None,
        "curve": [[report.epoch, report.train_rmse, report.validation_rmse] for report in fit.curve],
    }
    return FactorModel(
        mu=fit.factors.mu,
        scale=(float(stars.min()), float(stars.max())),
        user_ids=matrix.user_ids,
        movie_ids=matrix.movie_ids,
        n_ratings=matrix.n_ratings,
        user_biases=fit.factors.user_biases,
        item_biases=fit.factors.item_biases,
        user_factors=fit.factors.user_factors,
        item_factors=fit.factors.item_factors,
        options=asdict(options),
        metrics=metrics,
    )
