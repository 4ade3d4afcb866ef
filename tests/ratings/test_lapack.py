"""LAPACK in place: the right numbers, errors by name, and other threads go on meanwhile."""

import threading
import time

import numpy as np
import pytest

from ratings.lapack import cholesky_in_place, inverse_of_factor_in_place


def positive_definite(n: int) -> np.ndarray:
    x = np.random.default_rng(n).normal(size=(n, n))
    return np.asfortranarray(x @ x.T + n * np.eye(n))


@pytest.mark.parametrize("n", [1, 2, 7, 200])
def test_the_lower_triangle_becomes_that_of_the_inverse(n: int) -> None:
    matrix = positive_definite(n)
    wanted = np.linalg.inv(matrix)
    cholesky_in_place(matrix)
    inverse_of_factor_in_place(matrix)
    assert np.tril(matrix) == pytest.approx(np.tril(wanted), rel=1e-9, abs=1e-12)


def test_the_upper_triangle_is_left_alone() -> None:
    matrix = positive_definite(6)
    above = np.triu(matrix, 1)
    cholesky_in_place(matrix)
    assert (np.triu(matrix, 1) == above).all()


def test_what_is_not_positive_definite_is_refused_with_its_row() -> None:
    with pytest.raises(FloatingPointError, match="row 2"):
        cholesky_in_place(np.asfortranarray(np.diag([1.0, -1.0, 1.0])))


@pytest.mark.parametrize(
    "wrong", [np.eye(3, dtype=np.float32), np.zeros((2, 3)), np.arange(9.0).reshape(3, 3), np.ones(4)]
)
def test_an_array_that_lapack_would_misread_never_reaches_it(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no square float64 array in Fortran order"):
        cholesky_in_place(wrong)


def test_another_thread_runs_while_lapack_works() -> None:
    matrix, ticks = positive_definite(1500), list[float]()
    done = threading.Event()

    def tick() -> None:
        while not done.wait(0.002):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    began = time.perf_counter()
    cholesky_in_place(matrix)
    inverse_of_factor_in_place(matrix)
    ended = time.perf_counter()
    done.set()
    thread.join()
    assert [moment for moment in ticks if began < moment < ended], "the GIL was held all the time"
