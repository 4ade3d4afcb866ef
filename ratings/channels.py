"""What EASE reads from ratings: who saw what, and who liked it more than one would expect."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, vstack

from ratings.biases import fit_biases
from ratings.matrix import RatingsMatrix
from ratings.methods import MOST_STARS


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """How ratings are weighed; the defaults were chosen on validation splits (`benchmarks/ratings.py`).

    Attributes:
        agreement: weight of the second channel below, in shares of a star; 0 leaves it out.
        popularity_power: how much less a rating of a much-rated movie weighs, 0 for not at all.
    """

    agreement: float = 0.7
    popularity_power: float = 0.15


def channels(matrix: RatingsMatrix, options: ChannelOptions) -> csr_matrix:
    """X of `ratings.ease`: CSR float64, (2 n_users, n_movies), or (n_users, n_movies) without the second channel.

    The first n_users rows hold `stars / 5`: two movies meet where the same people rated them, the more the better they
    liked them. The other rows hold `agreement` times the deviation from `mu + b_u + b_i`: two movies meet where the
    same people liked both more, or both less, than habits explain. Seen together and liked alike are different things:
    films of one autumn are seen together. All of it is multiplied by `n_i^-popularity_power`, n_i being a movie's
    number of ratings.
    """
    counts = np.maximum(matrix.n_ratings, 1) ** -options.popularity_power
    rows, cols, stars = matrix.triples()
    whole = matrix.user_items
    seen = csr_matrix((stars / MOST_STARS * counts[cols], whole.indices, whole.indptr), shape=whole.shape)
    if options.agreement == 0:
        return seen
    biases = fit_biases(matrix)
    beyond = stars - (biases.mu + biases.user_biases[rows] + biases.item_biases[cols]).astype(np.float64)
    liked = (options.agreement * beyond * counts[cols], whole.indices, whole.indptr)
    return csr_matrix(vstack([seen, csr_matrix(liked, shape=whole.shape)], format="csr"))
