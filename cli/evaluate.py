"""`posterity evaluate`: every method on ratings it has not seen, with settings chosen on validation."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cli import evaluation_table, figures
from cli.evaluation import Evaluation, FoldsEvaluation
from cli.evaluation_data import EvaluationData, evaluation_data
from cli.progress import Bar
from cli.rows import exit_code, rows_as_json
from ratings import candidates, ranking_candidates
from ratings.choosing import HoldOut, Method
from ratings.fold_files import fold_files, read_fold
from ratings.matrix import RatingsMatrix
from ratings.measuring import Measuring, measure_predictors, measure_rankers
from ratings.methods import MovieRanker, RatingPredictor
from ratings.splits import Split, count_per_user, folds, share_per_user

SPLITS: dict[str, HoldOut] = {
    "share": lambda matrix, seed: share_per_user(matrix, 0.2, seed),
    "count": lambda matrix, seed: count_per_user(matrix, 10, seed),
}
HELD_OUT = {"share": "20 % of each user's ratings held out", "count": "ten ratings of each user held out"}
FOR_ERRORS, FOR_LISTS = "count", "share"  # the article holds ten out; ranking wants more to find
VALIDATION_FOLDS = 10  # with --folds a tenth of the training side, drawn as ml-100k's folds are: from all ratings alike


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were given."""

    data: Path | None
    split: str | None
    folds: Path | None
    seed: int
    methods: str | None
    quick: bool
    plots: Path | None
    as_json: bool


@click.command("evaluate")
@click.option("--data", type=click.Path(path_type=Path), help="A MovieLens folder instead of the catalog's ratings.")
@click.option(
    "--split",
    type=click.Choice(sorted(SPLITS)),
    help="Hold out of each user 20 % (share) or ten (count); without it ten for errors, 20 % for lists.",
)
@click.option("--folds", type=click.Path(path_type=Path), help="Folder with ml-100k's u1.base, u1.test, ... u5.test.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of splits and intervals.")
@click.option("--methods", help="Only these, by name or a part of it; separated by commas.")
@click.option("--quick", is_flag=True, help="Default settings, nothing chosen; figures are marked as quick.")
@click.option("--plots", type=click.Path(path_type=Path), help="Folder for PNG figures; needs posterity[plots].")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def evaluate_command(**given: Any) -> None:
    """Measure how well ratings are predicted and lists are ordered, by every method.

    Settings are chosen on validation ratings taken from the training side; the held-out ratings are looked at once. The
    ratings are those of the catalog, or those that come with the program when it has none.

    Example: posterity evaluate --quick --plots figures
    """
    asked = Asked(**given)
    if asked.plots is not None:
        figures.require_matplotlib()
        _make_folder(asked.plots)  # what cannot be written to is said now, not after the work
    if asked.folds is not None and (asked.data or asked.split or asked.plots):
        raise click.UsageError("--folds brings its own ratings and splits: leave out --data, --split and --plots")
    sys.exit(_by_folds(asked, asked.folds) if asked.folds is not None else _by_split(asked))


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise click.BadParameter(
            f"{path} cannot be a folder for figures: {err.strerror}", param_hint="--plots"
        ) from err


def _by_split(asked: Asked) -> int:
    predictors, rankers = _methods(asked)
    data = evaluation_data(asked.data)
    with Bar("evaluating") as bar:
        errors = measure_predictors(predictors, _measuring(asked, data, asked.split or FOR_ERRORS, bar))
        rankings = measure_rankers(rankers, _measuring(asked, data, asked.split or FOR_LISTS, bar))
    held_out = (HELD_OUT[asked.split or FOR_ERRORS], HELD_OUT[asked.split or FOR_LISTS])
    found = Evaluation(data.words, held_out, asked.seed, errors, rankings, asked.quick)
    if asked.as_json:
        click.echo(rows_as_json(found.rows()))
    else:
        _console().print(evaluation_table.picture(found))
    if asked.plots is not None:
        for path in figures.draw(found, asked.plots):
            click.echo(f"wrote {path}", err=True)
    return 0 if found.measured else 1


def _by_folds(asked: Asked, folder: Path) -> int:
    predictors, _ = _methods(asked)
    if not predictors:
        raise click.UsageError("--folds is for methods that predict stars, and --methods names none of them")
    splits = [read_fold(base, test) for base, test in fold_files(folder)]  # all: a broken one is found before the work
    results = []
    for number, split in enumerate(splits, 1):
        with Bar(f"fold {number}") as bar:
            measuring = Measuring(split, _tenth, asked.seed, progress=partial(_of_fold, bar, number))
            results.append(measure_predictors(predictors, measuring))
    found = FoldsEvaluation(str(folder), asked.seed, results, asked.quick)
    if asked.as_json:
        click.echo(rows_as_json(found.rows()))
    else:
        _console().print(evaluation_table.folds_picture(found))
    return exit_code(found.rows())


def _measuring(asked: Asked, data: EvaluationData, split: str, bar: Bar) -> Measuring:
    hold_out = SPLITS[split]
    return Measuring(hold_out(data.matrix, asked.seed), hold_out, asked.seed, data.genres, bar.update)


def all_methods(quick: bool) -> tuple[Sequence[Method[RatingPredictor]], Sequence[Method[MovieRanker]]]:
    """What can be measured; `quick` takes each method's default setting only."""
    return candidates.predictors(quick), ranking_candidates.rankers(quick)


def _methods(asked: Asked) -> tuple[Sequence[Method[RatingPredictor]], Sequence[Method[MovieRanker]]]:
    """The methods asked for.

    Raises:
        click.UsageError: there is none of such a name.
    """
    predictors, rankers = all_methods(asked.quick)
    if asked.methods is None:
        return predictors, rankers
    names = [*(method.name for method in predictors), *(method.name for method in rankers)]
    chosen = _meant(asked.methods, names)
    return [it for it in predictors if it.name in chosen], [it for it in rankers if it.name in chosen]


def _meant(text: str, names: Sequence[str]) -> set[str]:
    """The names that the parts of the text stand for: the very name, else all that hold the part, whatever the case.

    Raises:
        click.UsageError: a part stands for none.
    """
    chosen: set[str] = set()
    for part in (part.strip().lower() for part in text.split(",")):
        found = [name for name in names if name.lower() == part] or [name for name in names if part in name.lower()]
        if not part or not found:
            raise click.UsageError(f"no method is called {part!r}; there are: {'; '.join(dict.fromkeys(names))}")
        chosen.update(found)
    return chosen


def _tenth(matrix: RatingsMatrix, seed: int) -> Split:
    return next(folds(matrix, VALIDATION_FOLDS, seed))


def _of_fold(bar: Bar, number: int, what: str, done: int, of: int) -> None:
    bar.update(f"fold {number}, {what}", done, of)


def _console() -> Console:
    """As wide as the terminal; wide enough for the tables elsewhere."""
    return Console() if sys.stdout.isatty() else Console(width=evaluation_table.WIDTH)
