"""The movies' half of trained factors, as users are folded into it."""

import numpy as np
from numpy.typing import NDArray

from ratings.biases import DAMPING
from ratings.factors import Factors
from ratings.folding import ItemSide

LEAST_REGULARIZATION = 1e-4  # of a user folded in, where training had none: a ridge regression needs some


def item_side(factors: Factors, movie_ids: NDArray[np.int64], regularization: float) -> ItemSide:
    """The half of these factors; `regularization` is the L2 weight that they were trained with."""
    return ItemSide(
        movie_ids,
        factors.item_biases,
        factors.item_factors,
        factors.mu,
        factors.scale,
        factor_regularization=regularization or LEAST_REGULARIZATION,
        bias_damping=DAMPING,
    )
