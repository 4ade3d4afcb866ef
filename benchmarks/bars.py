"""What all benchmarks share: the bars as they were written, and one form of table."""

import json
import platform
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.table import Table

BARS = Path(__file__).with_name("bars.toml")


@dataclass(frozen=True)
class Row:
    """One line: what was measured, its value, the bar it is held to, whether it passes, and the quality beside it.

    `passed` is None for a figure without a bar.
    """

    what: str
    value: str
    bar: str
    passed: bool | None
    quality: str = ""
    quick: bool = False

    def as_quick(self) -> Self:
        """The same of a shortened run, which never counts as a bar met."""
        return replace(self, quick=True)

    def as_json(self) -> dict[str, Any]:
        """The form that other programs read."""
        row = asdict(self)
        return {"pass" if key == "passed" else key: value for key, value in row.items()}


def bar(name: str) -> dict[str, Any]:
    """One bar with its words and numbers."""
    bars: dict[str, dict[str, Any]] = tomllib.loads(BARS.read_text(encoding="utf-8"))
    return bars[name]


def show(title: str, rows: Sequence[Row], as_json: bool, packages: Sequence[str] = ()) -> int:
    """Prints the rows with versions; 1 when one falls short, else 0.

    Args:
        packages: distributions whose versions matter to the figures.
    """
    if as_json:
        print(json.dumps([row.as_json() for row in rows], indent=1))
    else:
        table = Table("what", "value", "bar", "", "beside it", title=title, title_justify="left", header_style="bold")
        for row in rows:
            table.add_row(row.what, row.value, row.bar, _verdict(row), row.quality)
        Console(width=150).print(table)
        versions = ", ".join(f"{name} {version(name)}" for name in packages)
        print(f"Python {platform.python_version()}, {platform.machine()}{', ' if versions else ''}{versions}")
    return 1 if any(row.passed is False for row in rows) else 0


def _verdict(row: Row) -> str:
    if row.passed is None:
        return ""
    verdict = "pass" if row.passed else "SHORT"
    return f"{verdict} (quick)" if row.quick else verdict
