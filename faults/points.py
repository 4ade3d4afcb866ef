"""Named places of the work protocol at which a test may end a process as a power cut would.

`POSTERITY_FAULT=point:n` ends this process with SIGKILL when it reaches the point for the nth time, and
`POSTERITY_FAULT=point:n:parent` ends its parent instead. With `POSTERITY_FAULT_MARK=FILE` that happens once, whatever
is started again with the same environment: the file is made first, and while it is there nothing happens.

Unset, which is always so outside tests, `reached` is an empty function: about 50 ns at places that are passed once a
batch.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path

POINTS = (
    "fetch.claimed",  # rows are ours, nobody was asked
    "fetch.arrived",  # a poster is in memory
    "fetch.kept",  # its file is on the disk, its row does not know
    "fetch.recording",  # within the transaction that makes rows `fetched`
    "embed.claimed",  # rows are ours, nothing was decoded
    "embed.prepared",  # a batch is decoded
    "embed.encoded",  # vectors are in memory
    "embed.storing",  # within the transaction that makes rows `embedded`
    "embed.stored",  # committed, the end not seen
    "build.claimed",  # a training or rebuild is ours
    "publish.renamed",  # a version has its name, CURRENT is the old one
    "publish.moved",  # CURRENT names the new version, the job does not know
)


def _passed(point: str) -> None:
    """A place of POINTS is passed."""


def _armed(spec: str, mark: str | None) -> Callable[[str], None]:
    """The `reached` of a test.

    Raises:
        ValueError: the spec is not `point:n` or `point:n:parent` with a point of POINTS.
    """
    wanted, _, rest = spec.partition(":")
    count, _, target = rest.partition(":")
    if wanted not in POINTS or not count.isdecimal() or target not in ("", "parent"):
        raise ValueError(f"POSTERITY_FAULT={spec!r} is not POINT:N or POINT:N:parent; points are {', '.join(POINTS)}")
    passed = 0

    def armed(point: str) -> None:
        nonlocal passed
        passed += point == wanted
        if point == wanted and passed == int(count) and _first(mark):
            os.kill(os.getppid() if target else os.getpid(), signal.SIGKILL)

    return armed


def _first(mark: str | None) -> bool:
    try:
        if mark:
            Path(mark).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


_spec = os.environ.get("POSTERITY_FAULT")
reached: Callable[[str], None] = _armed(_spec, os.environ.get("POSTERITY_FAULT_MARK")) if _spec else _passed
