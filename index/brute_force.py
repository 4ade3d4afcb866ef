"""The best scores of some rows among all rows, by multiplying every pair: what everything quicker is measured by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.gram import products
from index.packed import Packed

_BLOCK = 50_000  # rows compared with all that ask at once: 40 MB of products for 200


@dataclass(frozen=True, slots=True)
class Best:
    """The k best scores of each row that asks, falling, float32 (m, k), minus infinity behind the last.

    Attributes:
        everybody: among all rows, itself included. kindred: among the others of its kind.
    """

    everybody: NDArray[np.float32]
    kindred: NDArray[np.float32]


def best_scores(packed: Packed, generated: NDArray[np.uint8], asked: NDArray[np.int64], k: int) -> Best:
    """Each score differs from the exact cosine by at most `index.gram.room(packed)`.

    Args:
        packed: n rows. generated: uint8 (n,), the kind of each. asked: int64 (m,), rows that ask.
    """
    everybody = kindred = np.full((len(asked), k), -np.inf, np.float32)
    for start in range(0, len(packed), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(packed)))
        block = products(packed, rows, asked).T
        everybody = _better(everybody, block, k)
        other = (generated[rows][None] != generated[asked][:, None]) | (rows[None] == asked[:, None])
        kindred = _better(kindred, np.where(other, np.float32(-np.inf), block), k)
    return Best(everybody, kindred)


def _better(before: NDArray[np.float32], block: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    together = np.concatenate([before, block], axis=1)
    together.partition(together.shape[1] - k, axis=1)
    best: NDArray[np.float32] = -np.sort(-together[:, together.shape[1] - k :], axis=1)
    return best
