"""The curve from a thousand to a million as a picture of numbers, and as a table."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

SIZE_INCHES = (10.5, 6.5)
RECALL_BAR, P99_BAR_MS = 0.95, 30.0  # of the million: bars.toml
mpl.rcParams["svg.hashsalt"] = "posterity"  # the same figures make the same file


def table(points: list[dict[str, Any]]) -> str:
    """The same figures as a table in Markdown."""
    heads = "movies", "p50 ms", "p99 ms", "recall@10", "build", "kB a movie", "RssAnon MiB", "of it for the snapshot"
    lines = ["| " + " | ".join(heads) + " |", "|---:" * len(heads) + "|"]
    for point in points:
        cells = (
            f"{point['size']:,}",
            f"{point['p50_ms']:.2f}",
            f"{point['p99_ms']:.2f}",
            f"{point['recall']:.4f}",
            f"{point['build_s']:.0f} s",
            f"{point['bytes'] / point['size'] / 1e3:.1f}",
            f"{point['after_mib']:.0f}",
            f"{point['after_mib'] - point['before_mib']:.0f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def draw(points: list[dict[str, Any]], path: Path) -> None:
    """Writes an SVG of six panels: time, recall, build, disk, memory, and time against recall at the largest sizes."""
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    sizes = [point["size"] for point in points]
    _by_size(axes[0], "one question, ms", sizes, {n: [p[f"{n}_ms"] for p in points] for n in ("p50", "p99")})
    axes[0].axhline(P99_BAR_MS, color="0.6", linewidth=0.8, linestyle="--")
    _by_size(axes[1], "recall@10", sizes, {"recall@10": [p["recall"] for p in points]}, scale="linear")
    axes[1].axhline(RECALL_BAR, color="0.6", linewidth=0.8, linestyle="--")
    axes[1].set_ylim(min(0.94, *(p["recall"] - 0.01 for p in points)), 1.002)
    _by_size(axes[2], "build, minutes", sizes, {"build": [p["build_s"] / 60 for p in points]})
    kilobytes = [p["bytes"] / p["size"] / 1e3 for p in points]
    _by_size(axes[3], "disk, kB a movie (float32: 100.4)", sizes, {"disk": kilobytes}, scale="linear")
    axes[3].set_ylim(0, 1.2 * max(kilobytes))
    memory = {"whole process": [p["after_mib"] for p in points]}
    memory["for the snapshot"] = [max(p["after_mib"] - p["before_mib"], 0.1) for p in points]
    _by_size(axes[4], "anonymous memory, MiB", sizes, memory)
    _trade(axes[5], points)
    figure.savefig(path, format="svg", metadata={"Date": None})


def _by_size(axes: Axes, title: str, sizes: list[int], lines: dict[str, list[float]], scale: str = "log") -> None:
    for name, values in lines.items():
        axes.plot(sizes, values, marker="o", markersize=3, label=name)
    axes.set(title=title, xscale="log", yscale=scale, xlabel="movies")
    axes.grid(alpha=0.3)
    if len(lines) > 1:
        axes.legend()


def _trade(axes: Axes, points: list[dict[str, Any]]) -> None:
    """A line for each knob (solid: codes looked at, dotted: patience); a square where we stand."""
    for number, point in enumerate(point for point in points if point["curve"]):
        color, label = f"C{number}", f"{point['size']:,}"
        for knob, style in (("probed", "o-"), ("patience", "o:")):
            steps = [step for step in point["curve"] if _turned(step, point["curve"]) == knob]
            times, recalls = [step["p50_ms"] for step in steps], [step["recall"] for step in steps]
            axes.plot(times, recalls, style, color=color, markersize=3, label=label if knob == "probed" else None)
        axes.plot([point["p50_ms"]], [point["recall"]], "s", color=color, markersize=7)
    axes.set(title="time against recall", xscale="log", xlabel="p50, ms", ylabel="recall@10")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(title="movies")


def _turned(step: dict[str, Any], curve: list[dict[str, Any]]) -> str:
    """Which knob this step turns: the first steps turn `probed`, so the first patience is the usual one."""
    return "probed" if step["patience"] == curve[0]["patience"] else "patience"
