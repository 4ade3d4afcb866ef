"""What `posterity doctor` says: findings, each with what to do about it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from catalog.checking import ReadOnlyDatabase
from cli.rows import Row
from config.settings import Settings


class Level(StrEnum):
    """How bad it is; only a fault makes the command end with 1."""

    OK = "ok"
    NOTE = "note"  # worth knowing
    WARNING = "warning"  # goes well until something else happens
    FAULT = "fault"  # broken now


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: `what` was looked at, `where`, what was `found`, and what to `do` about it."""

    level: Level
    what: str
    where: str
    found: str
    do: str = ""

    def as_json(self) -> dict[str, Any]:
        """The form of all programs here (`cli.rows`), and level, place and advice by themselves."""
        passed = {Level.OK: True, Level.FAULT: False}.get(self.level)
        row = Row(self.what, self.found, "no fault", passed, self.do)
        return {**row.as_json(), "level": str(self.level), "where": self.where, "do": self.do}


@dataclass(frozen=True)
class Patient:
    """What is looked at.

    Attributes:
        settings: of this installation. database: open for reading, None when it cannot be opened.
        quick: look at samples of large things. report: told what is looked at, how far, of how much.
    """

    settings: Settings
    database: ReadOnlyDatabase | None
    quick: bool
    report: Callable[[str, int, int], None]


Check = Callable[[Patient], Iterable[Finding]]


def ok(what: str, where: object, found: str) -> Finding:
    """All is well here."""
    return Finding(Level.OK, what, str(where), found)


def note(what: str, where: object, found: str, do: str = "") -> Finding:
    """Worth knowing."""
    return Finding(Level.NOTE, what, str(where), found, do)


def warning(what: str, where: object, found: str, do: str) -> Finding:
    """Goes well until something else happens."""
    return Finding(Level.WARNING, what, str(where), found, do)


def fault(what: str, where: object, found: str, do: str) -> Finding:
    """Broken now."""
    return Finding(Level.FAULT, what, str(where), found, do)
