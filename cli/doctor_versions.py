"""The doctor's look at versions with known defects, of what is installed here."""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from cli.doctor_findings import Finding, Patient, ok, warning

Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Defect:
    """Versions of a distribution that have a defect, what it is, and which to take."""

    distribution: str
    has: Callable[[Numbers], bool]
    why: str
    take: str


# reliability.md sections 3, 5, 9 and 10 name the sources.
DEFECTS = (
    Defect(
        "gunicorn", lambda v: v < (23,), "requests can be smuggled in (two CVEs), and 21 deadlocks", ">=23,!=25.1.0"
    ),
    Defect("gunicorn", lambda v: v[:3] == (25, 1, 0), "broken release (benoitc/gunicorn#3529)", ">=23,!=25.1.0"),
    Defect("pillow", lambda v: v < (12, 3), "a picture can do harm: CVE-2026-40192, -96636, -96637", ">=12.3"),
    Defect(
        "urllib3",
        lambda v: v < (2, 6, 3),
        "a server can exhaust memory: CVE-2025-66418, CVE-2025-66471, CVE-2026-21441",
        ">=2.6.3",
    ),
    Defect("celery", lambda v: v < (5, 6), "leaks memory on errors and logs broker passwords", ">=5.7"),
    Defect(
        "kombu",
        lambda v: v < (5, 6),
        "logs broker passwords; before 5.4 workers stop after a restart of Redis",
        ">=5.7",
    ),
    Defect(
        "keras",
        lambda v: v < (3, 12, 3) or (3, 13) <= v < (3, 13, 2),
        "a file of weights can do harm (HDF5, CVE-2026-1462 and others)",
        ">=3.13.2",
    ),
)
PYTHON = ((3, 11), (3, 14))  # from, up to but not with: what the locked requirements are made for


def versions(_patient: Patient | None = None) -> Iterator[Finding]:
    """One finding for each defect that is here, or one that says that there is none."""
    found = [_finding(defect, here) for defect, here in _installed() if defect.has(numbers(here))]
    if not PYTHON[0] <= sys.version_info[:2] < PYTHON[1]:
        here = ".".join(map(str, sys.version_info[:3]))
        found.append(
            warning("versions", "Python", f"{here} is not one that this version was made for", "use Python 3.11")
        )
    yield from found
    if not found:
        yield ok("versions", "installed packages", "none with a known defect")


def _installed() -> Iterator[tuple[Defect, str]]:
    for defect in DEFECTS:
        try:
            yield defect, version(defect.distribution)
        except PackageNotFoundError:
            continue  # the API runs without what workers need


def _finding(defect: Defect, here: str) -> Finding:
    do = f"python -m pip install '{defect.distribution}{defect.take}'"
    return warning("versions", defect.distribution, f"{here}: {defect.why}", do)


def numbers(text: str) -> Numbers:
    """The leading numbers of a version: "7.0.15" and "7.0.15rc1" are (7, 0, 15)."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()
