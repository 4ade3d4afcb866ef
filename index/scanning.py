"""The scan of an inner-product space: every row is looked at in float32, and what may be among the best comes back.

FAISS ranks by inner product alone. Here every row is divided by a power of its length first. That costs what FAISS's
own flat search costs, one pass over the rows, so it is exact at any number of movies and needs no candidates by guess.
"""

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

_EPS = float(np.finfo(np.float32).eps)
_TINY = float(np.finfo(np.float32).tiny)  # a product below it may be taken for zero by the processor


class Scan:
    """All rows of one flat index, ready to be weighed; immutable but for a remembered power, so threads may share it.

    Args:
        index: `faiss.IndexFlatIP` of n rows; kept alive, never copied.
        lengths: float64 (n,), of the rows, below 1e12; kept.

    Memory: 16 bytes per row; a question takes 40 more while it runs.
    """

    def __init__(self, index: Any, lengths: NDArray[np.float64]) -> None:
        self._index = index
        self._lengths = lengths
        # Twice the worst float32 sum of d products in whatever order, and what rounding the scores may make equal.
        self._rounding = (index.d + 1) * _EPS
        self._remembered = (0.0, _weights(lengths, 0.0))

    def candidates(
        self, query: NDArray[np.float32], k: int, debias: float, allowed: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Rows among which the k best are, whatever float32 made of them, ties at the end included: int64 (m,).

        Args:
            query: float32 (d,), finite. k: at least 1. debias: 0 to 1. allowed: bool (n,), the rows that count.
        """
        weights = self._weights(debias)
        products = self._products(query)
        length = float(np.linalg.norm(query.astype(np.float64)))
        room = (self._lengths * (length * self._rounding) + len(query) * _TINY) * weights
        values = products * weights
        floor = _kth(np.where(allowed, values - room, -np.inf), k)
        return np.flatnonzero(allowed & (values + room >= floor))

    def _products(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """`q . v` of every row: not by BLAS, which would copy rows that a mapped file leaves at odd addresses."""
        products = np.empty(len(self._lengths), dtype=np.float32)
        asked = np.ascontiguousarray(query)
        wrapped: Any = faiss  # the stubs describe C++ and want its pointers
        wrapped.fvec_inner_products_ny(
            wrapped.swig_ptr(products), wrapped.swig_ptr(asked), self._index.get_xb(), self._index.d, len(products)
        )
        return products

    def _weights(self, debias: float) -> NDArray[np.float64]:
        known, weights = self._remembered  # one reference: another thread may replace it at any time
        if known != debias:
            weights = _weights(self._lengths, debias)
            self._remembered = (debias, weights)
        return weights


def _weights(lengths: NDArray[np.float64], debias: float) -> NDArray[np.float64]:
    weights = np.zeros_like(lengths)  # of a zero row 0: so is its score
    np.power(lengths, -debias, out=weights, where=lengths > 0)
    return weights


def _kth(values: NDArray[np.float64], k: int) -> float:
    """The kth largest; minus infinity when there are fewer."""
    if k > len(values):
        return -np.inf
    return float(np.partition(values, len(values) - k)[len(values) - k])
