"""The score of a row, exactly: what decides who answers, and in which order."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FLOATS = 64 * 25088  # widened at once: 12.8 MB of float64


def exact_scores(
    index: Any, rows: NDArray[np.int64], query: NDArray[np.float32], debias: float = 0.0
) -> NDArray[np.float32]:
    """`q . v / ||v||^debias` of some rows, summed in float64, rounded to float32: (n,); 0 for a row of length 0.

    The same two vectors get the same score wherever they stand, so equal rows tie.

    Args:
        index: `faiss.IndexFlatIP`. rows: int64 (n,). query: float32 (d,). debias: 0 to 1.
    """
    scores = np.empty(len(rows), dtype=np.float32)
    wide = query.astype(np.float64)
    step = max(1, _FLOATS // len(query))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        block: NDArray[np.float64] = index.reconstruct_batch(rows[part]).astype(np.float64)
        # Products and sums, not `@`: BLAS may add equal rows up in different orders, and their tie would be lost.
        products = (block * wide).sum(axis=1)
        scores[part] = products / _powers(block, debias) if debias else products
    return scores


def _powers(block: NDArray[np.float64], debias: float) -> NDArray[np.float64]:
    lengths = np.sqrt((block * block).sum(axis=1))
    # Python's power: NumPy's may differ in the last bit with the place in the array. A zero row's product is 0 already.
    return np.array([length**debias if length > 0 else 1.0 for length in lengths.tolist()])
