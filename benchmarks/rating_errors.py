"""How well stars are predicted: the article's formula, our SGD, Surprise, on the article's split."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from benchmarks import surprise_models
from benchmarks.bars import Row, bar
from ratings.article import article_columns, article_errors, article_split
from ratings.candidates import predictors
from ratings.choosing import Choosing, Method
from ratings.matrix import RatingsMatrix
from ratings.methods import RatingPredictor
from ratings.metrics import star_errors
from ratings.splits import count_per_user

HELD_OUT = 10  # ratings of each user, as in the article
CHOSEN_ON = 0  # the seed whose training side chooses the settings of all seeds
OURS, BLEND = "SGD factors", "blend of SGD and neighbours"
BESIDE = ("global mean", "biases", "movie neighbours", BLEND)


def article_row(matrix: RatingsMatrix, seeds: Sequence[int]) -> Row:
    """The article's number, and what explains it beside it."""
    wanted, columns = bar("ratings_article"), article_columns(matrix)
    errors = [article_errors(article_split(columns, seed)) for seed in seeds]
    mse = float(np.mean([error.user for error in errors]))
    constant = float(np.mean([error.global_mean for error in errors]))
    raters = float(np.mean([error.user_raters_only for error in errors]))
    beside = f"same cells: global mean {constant:.3f}, denominator over raters only {raters:.3f}"
    return Row(wanted["what"], f"{mse:.3f}", wanted["at_least"], wanted["least"] <= mse <= wanted["most"], beside)


def error_rows(matrix: RatingsMatrix, seeds: Sequence[int], quick: bool) -> list[Row]:
    """Ours against its bar and against Surprise; the same splits for all, settings chosen on one validation split."""
    ours = [method for method in predictors(quick) if method.name in (OURS, *BESIDE)]
    work = partial(_mean_mse, matrix=matrix, seeds=seeds)
    with ProcessPoolExecutor(1) as other:  # SVD++ takes minutes on a core of its own
        theirs = other.submit(_surprise, matrix, seeds, quick)
        found = {method.name: work(method) for method in ours}
        found |= theirs.result()
    wanted, against = bar("ratings_sgd"), bar("ratings_surprise")
    mse, setting = found[OURS]
    one, blend = wanted["stretch_one"], wanted["stretch_blend"]
    stretch = f"stretch: one model {_met(mse, one)}, blend {found[BLEND][0]:.4f} {_met(found[BLEND][0], blend)}"
    beside = ", ".join(f"{name} {found[name][0]:.4f}" for name in BESIDE[:-1])
    rivals = {name: found[name] for name in found if name.startswith("Surprise")}
    told = "; ".join(f"{name} {value:.4f} ({words})" for name, (value, words) in rivals.items())
    lower = all(mse < value for value, _ in rivals.values())
    return [
        Row(wanted["what"], f"{mse:.4f}", wanted["at_least"], mse <= wanted["mse"], f"{setting}; {stretch}; {beside}"),
        Row(against["what"], f"{mse:.4f}", against["at_least"], lower, told),
    ]


def _surprise(matrix: RatingsMatrix, seeds: Sequence[int], quick: bool) -> dict[str, tuple[float, str]]:
    return {method.name: _mean_mse(method, matrix, seeds) for method in surprise_models.methods(quick)}


def _mean_mse(method: Method[RatingPredictor], matrix: RatingsMatrix, seeds: Sequence[int]) -> tuple[float, str]:
    """Mean MSE over the seeds' test sides, each looked at once, and the setting that validation chose."""
    chosen_on = count_per_user(matrix, HELD_OUT, CHOSEN_ON)
    choosing = Choosing(chosen_on.train, lambda train, seed: count_per_user(train, HELD_OUT, seed), CHOSEN_ON)
    best = choosing.best(method, lambda fitted, split: star_errors(fitted, split.test).mse)
    splits = (count_per_user(matrix, HELD_OUT, seed) for seed in seeds)
    return float(np.mean([star_errors(best.fit(split.train), split.test).mse for split in splits])), best.words


def _met(value: float, stretch: float) -> str:
    return f"{'met' if value <= stretch else 'not met'} ({stretch:g})"
