"""Questions in turns: every way gets every question once, in the order A B A B, after a warm-up that does not count."""

from functools import partial

import numpy as np
import pytest

from benchmarks.search_timing import Asked, in_turns


def test_ways_take_turns_and_all_answer_the_same_questions() -> None:
    said: list[str] = []

    def answer(name: str, question: int) -> list[int]:
        said.append(f"{name}{question}")
        return [question]

    asked = in_turns({name: partial(answer, name) for name in "ab"}, [0, 1, 2, 3, 4], rounds=2)
    assert said[:4] == ["a0", "a1", "b0", "b1"]  # the warm-up
    assert said[4:] == ["a0", "a1", "a2", "b0", "b1", "b2", "a3", "a4", "b3", "b4"]
    assert asked["a"].answers == asked["b"].answers == [[0], [1], [2], [3], [4]]
    assert [len(times) for times in asked["a"].rounds_ms] == [3, 2]


def test_one_question_is_one_round() -> None:
    asked = in_turns({"a": lambda q: [q]}, [7])["a"]
    assert asked.answers == [[7]]
    assert len(asked.rounds_ms) == 1


def test_the_figures_are_medians_of_all_and_of_rounds() -> None:
    asked = Asked([np.array([1.0, 2.0, 9.0]), np.array([3.0, 4.0, 100.0])], [])
    assert asked.p50 == 3.5
    assert asked.p99 == pytest.approx(np.percentile([1, 2, 3, 4, 9, 100], 99))
    assert asked.spread == "2-4"
