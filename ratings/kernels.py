"""The inner loops of SGD, compiled by numba; GIL released."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(nogil=True, fastmath=False)
def sgd_epoch(
    order: NDArray[np.int64],
    rows: NDArray[np.int32],
    cols: NDArray[np.int32],
    stars: NDArray[np.float32],
    mu: np.float32,
    user_biases: NDArray[np.float32],
    item_biases: NDArray[np.float32],
    user_factors: NDArray[np.float32],
    item_factors: NDArray[np.float32],
    learning_rate: np.float32,
    regularization: np.float32,
) -> float:
    """One pass over the ratings in this order, changing biases and factors in place; the sum of squared errors.

    Update order of the article's source (peers.md section 1): b_u, b_i, x_u, then y_i with the updated x_u.
    """
    squared = 0.0
    factors = user_factors.shape[1]
    for position in order:
        u, i = rows[position], cols[position]
        predicted = mu + user_biases[u] + item_biases[i]
        for f in range(factors):
            predicted += user_factors[u, f] * item_factors[i, f]
        error = stars[position] - predicted
        squared += float(error) * float(error)
        user_biases[u] += learning_rate * (error - regularization * user_biases[u])
        item_biases[i] += learning_rate * (error - regularization * item_biases[i])
        for f in range(factors):
            user_factors[u, f] += learning_rate * (error * item_factors[i, f] - regularization * user_factors[u, f])
            item_factors[i, f] += learning_rate * (error * user_factors[u, f] - regularization * item_factors[i, f])
    return squared


@njit(nogil=True, fastmath=False)
def squared_error(
    rows: NDArray[np.int32],
    cols: NDArray[np.int32],
    stars: NDArray[np.float32],
    mu: np.float32,
    user_biases: NDArray[np.float32],
    item_biases: NDArray[np.float32],
    user_factors: NDArray[np.float32],
    item_factors: NDArray[np.float32],
) -> float:
    """Sum of squared errors over these ratings; changes nothing."""
    squared = 0.0
    for position in range(len(stars)):
        u, i = rows[position], cols[position]
        predicted = mu + user_biases[u] + item_biases[i]
        for f in range(user_factors.shape[1]):
            predicted += user_factors[u, f] * item_factors[i, f]
        error = float(stars[position] - predicted)
        squared += error * error
    return squared
