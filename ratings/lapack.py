"""Two routines of LAPACK on one array in place, called without the GIL: other threads go on meanwhile.

SciPy's own wrappers hold it, and the inverse of 14,000 movies takes minutes, in which no other thread could keep the
lease of a job. The addresses are those that SciPy publishes for Cython (`scipy.linalg.cython_lapack`).
"""

import ctypes
from ctypes import POINTER, byref, c_char, c_double, c_int
from typing import Any

import numpy as np
from numba.extending import get_cython_function_address
from numpy.typing import NDArray

_SIGNATURE = ctypes.CFUNCTYPE(None, POINTER(c_char), POINTER(c_int), POINTER(c_double), POINTER(c_int), POINTER(c_int))


def cholesky_in_place(matrix: NDArray[np.float64]) -> None:
    """Replaces the lower triangle of a positive definite matrix by its Cholesky factor.

    Args:
        matrix: float64 (n, n), in Fortran order; the upper triangle is neither read nor written.

    Raises:
        FloatingPointError: it is not positive definite.
    """
    _call("dpotrf", matrix)


def inverse_of_factor_in_place(factor: NDArray[np.float64]) -> None:
    """Replaces such a factor by the lower triangle of the inverse of what it was made from.

    Raises:
        FloatingPointError: a zero on its diagonal.
    """
    _call("dpotri", factor)


def _call(name: str, matrix: NDArray[np.float64]) -> None:
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]
    if not square or matrix.dtype != np.float64 or not matrix.flags.f_contiguous:
        raise ValueError(f"{name}: {matrix.dtype} {matrix.shape} is no square float64 array in Fortran order")
    order, failed = c_int(len(matrix)), c_int(0)
    routine: Any = _SIGNATURE(get_cython_function_address("scipy.linalg.cython_lapack", name))
    numbers = matrix.ctypes.data_as(POINTER(c_double))
    routine(byref(c_char(b"L")), byref(order), numbers, byref(order), byref(failed))
    if failed.value:
        raise FloatingPointError(f"{name}: the matrix is not positive definite at row {failed.value}")
