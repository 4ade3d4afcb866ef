"""Groups of codes that lie near each other (being written: only the shape of the answer so far)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Clusters:
    """Rows in groups: centroids float32 (c, k), starts int64 (c + 1,), rows int32 (n,), group after group."""

    centroids: NDArray[np.float32]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
