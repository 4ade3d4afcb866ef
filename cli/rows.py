"""The one form in which programs say what was measured: rows with a value, a bar and whether it is met."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any, Self

from rich.console import Console
from rich.table import Table


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


def show(title: str, rows: Sequence[Row], as_json: bool, packages: Sequence[str] = ()) -> int:
    """Prints the rows with versions; 1 when one falls short, else 0.

    Args:
        packages: distributions whose versions matter to the figures.
    """
    if as_json:
        print(rows_as_json(rows))
    else:
        table = Table("what", "value", "bar", "", "beside it", title=title, title_justify="left", header_style="bold")
        for row in rows:
            table.add_row(row.what, row.value, row.bar, verdict(row), row.quality)
        Console(width=150).print(table)
        print(versions(packages))
    return exit_code(rows)


def rows_as_json(rows: Sequence[Row]) -> str:
    """A list of the rows."""
    return json.dumps([row.as_json() for row in rows], indent=1)


def exit_code(rows: Sequence[Row]) -> int:
    """1 when a row falls short, else 0."""
    return 1 if any(row.passed is False for row in rows) else 0


def verdict(row: Row) -> str:
    """Whether the bar is met, in a word; nothing where there is none."""
    if row.passed is None:
        return ""
    word = "pass" if row.passed else "SHORT"
    return f"{word} (quick)" if row.quick else word


def versions(packages: Sequence[str]) -> str:
    """Python, machine, and the versions of these distributions."""
    return ", ".join(
        [f"Python {platform.python_version()}", platform.machine(), *(f"{name} {version(name)}" for name in packages)]
    )
