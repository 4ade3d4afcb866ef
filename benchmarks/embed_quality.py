"""What stands beside the speeds of the embedding benchmark: cosines between features, and how far rounds lie apart."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """Between the rows of two arrays (n, d) in their order, float64 (n,)."""
    first, second = one.astype(np.float64), other.astype(np.float64)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    found: NDArray[np.float64] = (first * second).sum(axis=1) / lengths
    return found


def spread(rates: Sequence[float], digits: int = 2) -> str:
    """The least and the largest, such as `9.36-9.72`."""
    return f"{min(rates):.{digits}f}-{max(rates):.{digits}f}"
