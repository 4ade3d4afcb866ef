"""`posterity tune`: which settings of the explicit factors predict best, by cross-validation over a grid."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cli.evaluation_data import evaluation_data
from cli.progress import Bar
from ratings.grid import Grid, GridReport, GridResult, GridRow, search_grid
from ratings.sgd import ACCURATE

DEFAULT = Grid()


def numbers(kind: Callable[[str], float]) -> Callable[[click.Context, click.Parameter, str], tuple[float, ...]]:
    """What makes `40,100` into (40, 100), and refuses all but numbers above 0."""

    def parsed(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...]:
        try:
            found = tuple(kind(part) for part in value.split(","))
        except ValueError:
            found = ()
        if not found or not all(0 < number < float("inf") for number in found):
            raise click.BadParameter(f"{value!r}: wanted numbers above 0 separated by commas", ctx, param)
        return found

    return parsed


def listed(name: str, kind: Callable[[str], float], default: tuple[float, ...], words: str) -> Callable[[Any], Any]:
    """An option that takes such numbers."""
    shown = ",".join(f"{value:g}" for value in default)
    return click.option(name, callback=numbers(kind), default=shown, show_default=True, help=words)


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were given."""

    data: Path | None
    factors: tuple[int, ...]
    l2: tuple[float, ...]
    rates: tuple[float, ...]
    folds: int
    seed: int
    as_json: bool


@click.command("tune")
@click.option("--data", type=click.Path(path_type=Path), help="A MovieLens folder instead of the catalog's ratings.")
@listed("--factors", int, DEFAULT.factors, "Numbers per movie.")
@listed("--l2", float, DEFAULT.regularizations, "Weights of L2.")
@listed("--rates", float, DEFAULT.learning_rates, "Learning rates.")
@click.option("--folds", type=click.IntRange(2, 20), default=5, show_default=True, help="Of the cross-validation.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of folds, start and order.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def tune_command(**given: Any) -> None:
    """Try every combination of factors, L2 and learning rate on the same folds of the ratings, best first.

    By default 18 combinations on five folds, some minutes for a hundred thousand ratings. Ctrl-C shows what the folds
    that are over have found.

    Example: posterity tune --factors 40,100 --l2 0.05,0.1 --folds 3
    """
    asked = Asked(**given)
    data = evaluation_data(asked.data)
    with Bar("tuning") as bar:

        def told(report: GridReport) -> None:
            bar.update(f"{report.options.factors} factors, RMSE {report.rmse:.4f}", report.done, report.total)

        grid, base = Grid(asked.factors, asked.l2, asked.rates), replace(ACCURATE, seed=asked.seed)
        result = search_grid(data.matrix, grid, base, asked.folds, told)
    if asked.as_json:
        click.echo(json.dumps([_as_json(row) for row in result.rows], indent=1))
        return
    stopped = "; stopped by hand, these are the folds that were over" if result.interrupted else ""
    click.echo(f"Cross-validation on {result.folds} folds of {data.words}{stopped}")
    Console().print(_table(result))


def _as_json(row: GridRow) -> dict[str, Any]:
    settings = row.options
    return {
        "factors": settings.factors,
        "l2": settings.regularization,
        "rate": settings.learning_rate,
        "rmse_mean": _finite(row.mean_rmse),
        "rmse_std": _finite(row.std_rmse),
        "epochs": list(row.epochs),
    }


def _finite(value: float) -> float | None:
    """JSON knows neither infinity nor NaN; null means that it diverged."""
    return value if abs(value) < float("inf") else None


def _table(result: GridResult) -> Table:
    table = Table("factors", "L2", "rate", "RMSE", "spread", "epochs", box=None, header_style="bold")
    for row in result.rows:
        settings = row.options
        numbers = [f"{settings.factors}", f"{settings.regularization:g}", f"{settings.learning_rate:g}"]
        if _finite(row.mean_rmse) is None:
            table.add_row(*numbers, "diverged", "", "")
            continue
        spread = "" if _finite(row.std_rmse) is None else f"{row.std_rmse:.4f}"
        table.add_row(*numbers, f"{row.mean_rmse:.4f}", spread, ", ".join(map(str, row.epochs)))
    return table
