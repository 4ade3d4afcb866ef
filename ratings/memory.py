"""How much memory is free for this process: of the machine, and of its container where that has less."""

from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")  # version 2, as a container sees its own


def free_bytes(cgroup: Path = CGROUP) -> int:
    """Bytes that may be taken before somebody has to give; what the page cache holds counts as free."""
    available = int(psutil.virtual_memory().available)
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        if limit == "max":
            return available
        used = int((cgroup / "memory.current").read_text())
        kept = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        room = int(limit) - used + int(kept.get("inactive_file", 0))
    except (OSError, ValueError):
        return available  # no container, or not of this kind
    return min(available, room)
