"""Work cut into parts and done on every core, by functions that let go of the GIL."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")
Done = TypeVar("Done")


def cores() -> int:
    """Threads that are worth starting: the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(work: Callable[[Part], Done], parts: Iterable[Part]) -> Iterator[Done]:
    """What `work` returns for each part, in the order of the parts; memory holds only a few parts and results."""
    with ThreadPoolExecutor(cores()) as threads:
        waiting: deque[Future[Done]] = deque()
        for part in parts:
            waiting.append(threads.submit(work, part))
            if len(waiting) > 2 * cores():
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
