"""Times of the same questions asked in two or more ways, in turns, in one run."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """What one way gave.

    Attributes:
        rounds_ms: for each round float64 (questions of it,), their times in ms.
        answers: ids, one list a question, in the order of the questions.
    """

    rounds_ms: list[NDArray[np.float64]]
    answers: list[list[int]]

    @property
    def p50(self) -> float:
        """The median of all questions, ms."""
        return float(np.median(np.concatenate(self.rounds_ms)))

    @property
    def p99(self) -> float:
        """99 of 100 questions took less, ms."""
        return float(np.percentile(np.concatenate(self.rounds_ms), 99))

    @property
    def spread(self) -> str:
        """The fastest and the slowest round's median, ms."""
        medians = [float(np.median(times)) for times in self.rounds_ms]
        return f"{min(medians):.3g}-{max(medians):.3g}"


def in_turns(
    ways: Mapping[str, Callable[[Any], list[int]]], questions: Sequence[Any], rounds: int = ROUNDS
) -> dict[str, Asked]:
    """Asks every question of every way: a part of them one way, the same part the next way, and so on (A B A B ..).

    Each way is warmed up by two questions before: numba compiles, pages come in. What is measured is the warm state.
    """
    for ask in ways.values():
        for question in questions[:2]:
            ask(question)
    asked = {name: Asked([], []) for name in ways}
    for part in np.array_split(np.arange(len(questions)), min(rounds, len(questions))):
        for name, ask in ways.items():
            times = np.empty(len(part))
            for i, number in enumerate(part.tolist()):
                began = time.perf_counter()
                answer = ask(questions[number])
                times[i] = 1e3 * (time.perf_counter() - began)
                asked[name].answers.append(answer)
            asked[name].rounds_ms.append(times)
    return asked
