"""What all benchmarks share: the bars as they were written, and the form in which figures are shown."""

import tomllib
from pathlib import Path
from typing import Any

from cli.rows import Row, show

__all__ = ["Row", "bar", "show"]

BARS = Path(__file__).with_name("bars.toml")


def bar(name: str) -> dict[str, Any]:
    """One bar with its words and numbers."""
    bars: dict[str, dict[str, Any]] = tomllib.loads(BARS.read_text(encoding="utf-8"))
    return bars[name]
