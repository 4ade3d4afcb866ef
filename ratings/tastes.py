"""What draws a user to a movie: his rated movies' vectors, added up by their stars, and which of them did it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ratings.methods import LIKED, MOST_STARS

# `debias=b` where nobody says otherwise: the score is `q . v_i / |v_i|^b` (performance.md section 5).
SIMILAR_DEBIAS = 0.4  # of GET /similar?by=ratings: neighbours that are not only the best known
RECOMMEND_DEBIAS = 0.0  # of recommendations: the plain affinity ranks best
TASTE_POWER = 2.0  # a rated movie counts (stars / 5) ** 2; chosen on validation, NDCG@10 .003 above a power of 1
REASONS = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """A rated movie that speaks for another one.

    Attributes:
        movie_id: the rated one. contribution: its part of the affinity, above 0.
        share: that part among all rated movies that speak for it, in (0, 1].
    """

    movie_id: int
    contribution: float
    share: float


@dataclass(frozen=True, slots=True)
class Taste:
    """What a user rated, as far as it has vectors.

    Attributes:
        movie_ids: int64 (n,). stars: float32 (n,). vectors: float32 (n, d), the movies' own in the index.
    """

    movie_ids: NDArray[np.int64]
    stars: NDArray[np.float32]
    vectors: NDArray[np.float32]

    @property
    def weights(self) -> NDArray[np.float32]:
        """What each rated movie counts: float32 (n,), in (0, 1]."""
        return np.asarray((self.stars / np.float32(MOST_STARS)) ** np.float32(TASTE_POWER), np.float32)

    def vector(self) -> NDArray[np.float32]:
        """The question that ranks movies by affinity: the rated vectors times their weights, added up; float32 (d,)."""
        return np.asarray(self.weights.astype(np.float64) @ self.vectors, np.float32)

    def because(self, candidates: NDArray[np.float32], top: int = REASONS) -> list[list[Reason]]:
        """The rated movies that contributed most to each candidate, the most first; fewer where fewer speak for it.

        The contribution of a rated movie is `weight * v_rated . v_candidate`; all of them add up to the affinity. Only
        positive ones count, and only of movies with four stars or no fewer than the user's mean: "because you liked"
        must be true, of who rarely gives four stars too.

        Args:
            candidates: float32 (m, d).
        """
        parts = self.weights.astype(np.float64)[:, None] * (self.vectors @ candidates.T)
        return [self._reasons(column, top) for column in parts.T]

    def _reasons(self, parts: NDArray[np.float64], top: int) -> list[Reason]:
        positive = np.where(parts > 0, parts, 0.0)
        liked = np.flatnonzero((positive > 0) & self._liked())
        best = liked[np.lexsort((self.movie_ids[liked], -positive[liked]))][:top]
        total = positive.sum()
        return [Reason(int(self.movie_ids[i]), float(positive[i]), float(positive[i] / total)) for i in best]

    def _liked(self) -> NDArray[np.bool_]:
        """Bool (n,); of a user who gives all movies the same stars, all."""
        mean = float(self.stars.mean(dtype=np.float64)) if len(self.stars) else LIKED
        return np.asarray(self.stars >= min(mean, LIKED) - 1e-4)  # a mean of equal stars may end a rounding above them
