"""Figures of the report as inline SVG; matplotlib, of the extra `plots`, is imported when one is drawn.

Colours are put in as names of the page's own, so that one figure fits the light page and the dark one.
"""

from __future__ import annotations

import importlib.util
import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cli.report_rows import Figures, both_words
from cli.report_words import WORDS
from ratings.reproducing import Curve
from ratings.side_by_side import Ranked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MISSING = "figures are left out, since matplotlib is missing: `pip install 'posterity[plots]'`, and run this again"
# Drawn with these, shown as the page's: its ink, its two series, and what is not to be looked at first.
INK, FIRST, SECOND, QUIET = "#010203", "#0072b2", "#d55e00", "#808182"
PAGE_COLOURS = {INK: "currentColor", FIRST: "var(--first)", SECOND: "var(--second)", QUIET: "var(--quiet)"}
NARROW_IN, WIDE_IN = 3.6, 4.4  # inches; a wide one has readable letters on a phone of 390 pixels
LETTERS = 9.0  # points
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # letters stay letters: they can be read aloud, and take the page's font
    "svg.hashsalt": "posterity",  # the same figures give the same bytes
    "font.family": "sans-serif",
    "font.size": LETTERS,
    "axes.titlesize": LETTERS + 1,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.8,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}
SIZE = re.compile(r'(?<=[ "])(?:width|height)="[0-9.]+pt" ?')  # of the svg element: it takes what it is given
NEAR_GROUND = 0.15  # of the height
LABEL_ABOVE = -0.44  # of a bar, in bars: its name stands over it, since names are too long to stand beside


def draw(figures: Figures) -> tuple[dict[str, str], str]:
    """SVG by name, and one line that says why there is none; the other is empty."""
    if importlib.util.find_spec("matplotlib") is None:
        return {}, MISSING
    errors = figures.errors
    top = max(max(curve.validation) for curve in errors.curves)
    drawn = {"article": _svg("article", lambda: _article(figures)), "both": _svg("both", lambda: _both(figures))}
    for curve in errors.curves:
        drawn[curve.name] = _svg(curve.name, lambda it=curve: _curve(it, top))  # type: ignore[misc]
    return drawn, ""


def _article(figures: Figures) -> Figure:
    found = figures.errors.article
    figure, axes = _figure(WIDE_IN, 0.42 * len(found) + 0.5)
    best = min(errors.mean for errors in found)
    for place, errors in enumerate(found):
        loud = errors.name in ("article_user", "article_movie")
        colour = SECOND if loud else FIRST if errors.mean == best else QUIET
        _bar(axes, place, errors.mean, WORDS[errors.name], colour)
    _as_bars(axes, len(found), "mean squared error (less is better)")
    return figure


def _curve(curve: Curve, top: float) -> Figure:
    figure, axes = _figure(NARROW_IN, 2.7)
    epochs = range(1, len(curve.train) + 1)
    axes.plot(epochs, curve.train, color=QUIET, linestyle="--")
    axes.plot(epochs, curve.validation, color=FIRST)
    best = curve.best_epoch, curve.validation[curve.best_epoch - 1]
    axes.plot(*([value] for value in best), "o", color=SECOND)
    axes.annotate(f"best {best[1]:.3f}", best, (0, 7), textcoords="offset points", ha="center", color=SECOND)
    axes.set(xlabel="epoch", ylabel="mean squared error", ylim=(0, top * 1.12), xlim=(0, len(curve.train) * 1.02))
    _named(axes, "validation", curve.validation, FIRST)
    _named(axes, "learned from", curve.train, INK)
    return figure


def _named(axes: Axes, what: str, line: Sequence[float], colour: str) -> None:
    """A line's name under its end, or over it near the ground: nothing to look up, and it reads without colours."""
    points_up = 5 if line[-1] < axes.get_ylim()[1] * NEAR_GROUND else -13
    axes.annotate(what, (len(line), line[-1]), (0, points_up), textcoords="offset points", ha="right", color=colour)


def _both(figures: Figures) -> Figure:
    ranked = sorted(figures.lists.ranked, key=lambda it: -it.ndcg)
    figure, (left, right) = _panels(WIDE_IN, 0.46 * len(ranked) + 0.7)
    most, least = max(it.ndcg for it in ranked), min(it.mse for it in ranked if it.mse is not None)
    for place, it in enumerate(ranked):
        _bar(left, place, it.ndcg, both_words(it.name), FIRST if it.ndcg == most else QUIET)
        _mse_bar(right, place, it, least)
    _as_bars(left, len(ranked), "NDCG@10 (more is better)")
    _as_bars(right, len(ranked), "MSE (less is better)")
    return figure


def _mse_bar(axes: Axes, place: int, it: Ranked, least: float) -> None:
    if it.mse is None:
        axes.text(0, place, "predicts no stars", va="center", color=INK, alpha=0.65, style="italic")
    else:
        _bar(axes, place, it.mse, "", FIRST if it.mse == least else QUIET)


def _bar(axes: Axes, place: int, value: float, name: str, colour: str) -> None:
    axes.barh([place], [value], height=0.36, color=colour)
    axes.text(0, place + LABEL_ABOVE, name, va="center", clip_on=False, in_layout=False)
    axes.annotate(f"{value:.3f}", (value, place), (4, 0), textcoords="offset points", va="center", fontweight="bold")


def _as_bars(axes: Axes, count: int, unit: str) -> None:
    axes.set(xlabel=unit, yticks=[], ylim=(count - 0.6, -0.75))
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(bottom=False, labelbottom=False)
    axes.margins(x=0.14)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _panels(width: float, height: float) -> tuple[Figure, Sequence[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, 2, width_ratios=(3, 2))


def _svg(name: str, figure_of: Callable[[], Figure]) -> str:
    """An `svg` element that takes the width it is given, with the page's colours and ids of its own."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))  # no address of others, no date
        figure_of().savefig(buffer, format="svg", transparent=True, metadata=metadata)
    text = buffer.getvalue()
    element = text[text.index("<svg") :]
    element = SIZE.sub("", element, count=2)
    element = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", element)
    element = re.sub(r"font: ([^;\"]*?)'[^;\"]*sans-serif", r"font: \1inherit", element)
    for drawn, shown in PAGE_COLOURS.items():
        element = element.replace(drawn, shown)
    return element.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)
