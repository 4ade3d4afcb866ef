"""Brute force: what counts as right, shown block by block or at once."""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.search_truth import BruteForce


def unit_rows(n: int, d: int = 12, seed: int = 0) -> NDArray[np.float32]:
    rows = np.abs(np.random.default_rng(seed).normal(size=(n, d))).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def nearest(questions: NDArray[np.float32], rows: NDArray[np.float32]) -> list[list[int]]:
    scores = questions.astype(np.float64) @ rows.astype(np.float64).T
    ids: list[list[int]] = (np.argsort(-scores, axis=1, kind="stable")[:, :10] + 1).tolist()
    return ids


@pytest.mark.parametrize("size", [7, 33, 500])
def test_blocks_give_what_a_sort_of_everything_gives(size: int) -> None:
    rows, questions = unit_rows(500), unit_rows(20, seed=1)
    truth = BruteForce(questions)
    for at in range(0, 500, size):
        truth.see(np.arange(at + 1, min(at + size, 500) + 1), rows[at : at + size])
    want = nearest(questions, rows)
    assert [truth.right(i) for i in range(20)] == [frozenset(ids) for ids in want]
    assert truth.recall(want) == 1.0


def test_recall_is_the_share_of_the_ten_that_was_found() -> None:
    rows, questions = unit_rows(100), unit_rows(2, seed=1)
    truth = BruteForce(questions)
    truth.see(np.arange(1, 101), rows)
    first, second = nearest(questions, rows)
    assert truth.recall([first, [*second[:7], 901, 902, 903]]) == pytest.approx(0.85)
    assert truth.recall([[], []]) == 0.0


def test_what_ties_with_the_tenth_is_right_too() -> None:
    rows = np.concatenate([unit_rows(9), np.repeat(unit_rows(1, seed=5), 4, axis=0)])
    question = rows[:9].mean(0, keepdims=True)
    order = np.argsort(-(question @ rows.T)[0], kind="stable")
    truth = BruteForce(question / np.linalg.norm(question))
    truth.see(np.arange(13), rows)
    nine = order[:9].tolist()
    copies = [9, 10, 11, 12]
    if set(copies) & set(nine):
        pytest.fail("the example must have its copies last")
    assert all(truth.recall([[*nine, copy]]) == 1.0 for copy in copies)


def test_more_than_the_first_ten_answers_do_not_count() -> None:
    rows, question = unit_rows(50), unit_rows(1, seed=3)
    truth = BruteForce(question)
    truth.see(np.arange(1, 51), rows)
    right = nearest(question, rows)[0]
    assert truth.recall([[901] * 10 + right]) == 0.0


def test_a_movie_is_not_its_own_neighbour() -> None:
    rows = unit_rows(40)
    truth = BruteForce(rows[:3], own=np.array([1, 2, 3]))
    truth.see(np.arange(1, 41), rows)
    assert all(i + 1 not in truth.right(i) and len(truth.right(i)) == 10 for i in range(3))


def test_a_catalogue_of_four_has_four_right_answers() -> None:
    rows, question = unit_rows(4), unit_rows(1, seed=2)
    truth = BruteForce(question)
    truth.see(np.arange(1, 5), rows)
    assert truth.right(0) == {1, 2, 3, 4}
    assert truth.recall([[4, 3, 2, 1]]) == 1.0
    assert truth.recall([[4, 3]]) == 0.5


def test_each_question_needs_an_answer() -> None:
    truth = BruteForce(unit_rows(2))
    truth.see(np.arange(1, 31), unit_rows(30))
    with pytest.raises(ValueError, match="1 answers to 2 questions"):
        truth.recall([[1]])
