"""Which batch size a GPU likes best: told by timing each candidate on noise at start-up."""

import math
import time
from collections.abc import Callable, Sequence

Clock = Callable[[], float]

ROUNDS = 2  # of each size, the faster one counts; a call before them makes kernels and takes memory
# Sizes whose rate lies this close to the best are taken for equal, and the one named first is kept: timings on a busy
# machine are no better than that.
ALIKE = 0.97


class BatchTrial:
    """Timings of a few batch sizes; think of a race whose runners are named one after the other.

    A round has as many posters for every size, that is more calls of a small one: single short calls would slip through
    between the interruptions of a busy machine, and small sizes would win there.

    Args:
        sizes: candidates, the preferred first; it is the best until another one is clearly faster.
        now: the clock, in seconds.
    """

    def __init__(self, sizes: Sequence[int], now: Clock = time.perf_counter) -> None:
        self._seconds: dict[int, list[float]] = {size: [] for size in sizes}
        self._calls = {size: max(sizes) // size for size in sizes}  # of a round
        self.now = now

    def next_size(self) -> int | None:
        """The size to call next; None when they have all been called often enough."""
        for size, seconds in self._seconds.items():
            if len(seconds) < 1 + ROUNDS * self._calls[size]:
                return size
        return None

    def timed(self, size: int, call: Callable[[int], object]) -> None:
        """Calls with this size and notes the time, unless the call raises."""
        began = self.now()
        call(size)
        self._seconds[size].append(self.now() - began)

    def drop(self, size: int) -> None:
        """This size, and every larger one, is out of the race."""
        self._seconds = {known: seconds for known, seconds in self._seconds.items() if known < size}

    def rates(self) -> dict[int, float]:
        """Posters a second by size, of those that had a whole round."""
        rates = {}
        for size, seconds in self._seconds.items():
            calls = self._calls[size]
            rounds = [sum(seconds[end - calls : end]) for end in range(1 + calls, len(seconds) + 1, calls)]
            if rounds:
                rates[size] = size * calls / min(rounds)
        return rates

    def best(self) -> int | None:
        """The first size whose rate is close to the highest; None before any was timed."""
        rates = self.rates()
        enough = ALIKE * max(rates.values(), default=math.inf)
        return next((size for size, rate in rates.items() if rate >= enough), None)

    def __str__(self) -> str:
        told = ", ".join(f"{size}: {rate:.1f}/s" for size, rate in sorted(self.rates().items()))
        return f"batch {self.best()} of {told}" if told else "no batch size was timed"


def race(trial: BatchTrial, call: Callable[[int], object], budget_s: float, too_large: type[Exception]) -> None:
    """Calls candidates in their order while the budget lasts.

    A size is not called when the longest call so far would not fit into what is left: the first one of a new size, in
    which a GPU's library tries its kernels, is the longest by far.

    Args:
        budget_s: seconds on the trial's clock.
        too_large: what `call` raises for want of memory.
    """
    began, longest = trial.now(), 0.0
    while (size := trial.next_size()) is not None and trial.now() - began + longest < budget_s:
        called = trial.now()
        try:
            trial.timed(size, call)
        except too_large:
            trial.drop(size)
        longest = max(longest, trial.now() - called)
