"""Work that must not be felt in the answers of an API on the same machine."""

import os

BEHIND = 10  # steps of priority: what answers gets nine times as much of a processor that both want


def step_behind() -> None:
    """Lowers the priority of this process and of those it starts, where the system knows of such a thing."""
    if hasattr(os, "nice"):
        os.nice(BEHIND)
    if hasattr(os, "SCHED_BATCH"):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # never wakes up into the place of who answers
