"""PNG figures of an evaluation; matplotlib, of the extra `plots`, is imported when one is drawn, and only here."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.evaluation import Evaluation
from ratings.bootstrap import Estimate
from ratings.measuring import RankingRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150
WIDTH_IN, BAR_IN, MARGIN_IN = 8.0, 0.42, 1.4  # inches: of a figure, of one bar, of title and axis together
BLUE, GREY = "#0072b2", "#b9c2ca"
# Told apart by the colour-blind too (Okabe and Ito 2008); the marker tells two methods of one colour apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = ("o", "s", "^", "D", "v")


def require_matplotlib() -> None:
    """Nothing, when figures can be drawn.

    Raises:
        click.ClickException: the library is missing.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise click.ClickException("figures need matplotlib: pip install 'posterity[plots]'")


def draw(found: Evaluation, folder: Path) -> list[Path]:
    """Draws what was measured into this folder, which is there; the files written, those of old figures replaced.

    Raises:
        OSError: they cannot be written.
    """
    drawn = {}
    if found.error_rows:
        mse = {row.method: row.mse for row in found.error_rows}
        drawn["mse.png"] = _bars("Mean squared error on held-out ratings (less is better)", "stars squared", mse, False)
    if found.ranking_rows:
        ndcg = {row.method: row.ndcg for row in found.ranking_rows}
        drawn["ndcg.png"] = _bars("NDCG@10 on unseen liked movies (more is better)", "NDCG@10", ndcg, True)
        drawn["popularity.png"] = _popularity(found.ranking_rows)
    for name, figure in drawn.items():
        figure.savefig(folder / name, dpi=DPI)
    return [folder / name for name in drawn]


def _bars(title: str, unit: str, estimates: dict[str, Estimate], greatest_is_best: bool) -> Figure:
    ordered = sorted(estimates.items(), key=lambda pair: pair[1].value, reverse=not greatest_is_best)
    figure, axes = _figure(title, len(ordered))
    values = [it.value for _, it in ordered]
    around = [[it.value - it.low for _, it in ordered], [it.high - it.value for _, it in ordered]]
    colours = [GREY] * (len(ordered) - 1) + [BLUE]  # the best is last, which is on top
    axes.barh([name for name, _ in ordered], values, xerr=around, color=colours, ecolor="black", capsize=3, height=0.7)
    for place, (_, it) in enumerate(ordered):
        axes.annotate(f"{it.value:.3f}", (it.high, place), (6, 0), textcoords="offset points", va="center")
    axes.set_xlabel(f"{unit}, with 95 % intervals over users")
    axes.set_xlim(0, max(it.high for _, it in ordered) * 1.12)
    return figure


def _popularity(rows: Sequence[RankingRow]) -> Figure:
    figure, axes = _figure("Good lists, or only the best known? First tens of all users", 8)
    for place, row in enumerate(sorted(rows, key=lambda it: -it.ndcg.value)):
        x, y = row.popularity, row.ndcg
        axes.errorbar(
            x.value,
            y.value,
            xerr=[[x.value - x.low], [x.high - x.value]],
            yerr=[[y.value - y.low], [y.high - y.value]],
            fmt=MARKERS[place % len(MARKERS)],
            color=COLOURS[place % len(COLOURS)],
            capsize=2,
            label=row.method,
        )
    figure.legend(loc="outside right center", frameon=False)
    axes.set_xlabel("training ratings of a movie shown, mean")
    axes.set_ylabel("NDCG@10")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    return figure


def _figure(title: str, bars: int) -> tuple[Figure, Axes]:
    """An empty picture, high enough for so many bars; drawn without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, MARGIN_IN + BAR_IN * bars), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    figure.suptitle(title, x=0.01, ha="left")  # over the legend beside the axes, too
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
