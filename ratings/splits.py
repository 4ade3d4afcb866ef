"""Which ratings are held out; seeded."""

import numpy as np
from numpy.typing import NDArray


def validation_split(n: int, share: float, seed: int) -> NDArray[np.bool_]:
    """True for the ratings held out: bool (n,), at least one, never all, chosen at random from this seed."""
    count = min(max(1, round(share * n)), n - 1)
    chosen = np.random.default_rng([seed, n]).choice(n, size=count, replace=False)
    held_out = np.zeros(n, dtype=bool)
    held_out[chosen] = True
    return held_out
