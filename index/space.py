"""What is asked of the vectors of one kind, however they are kept and searched."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.filtering import EVERYONE, Among, Kind
from index.flat import Neighbour
from index.spaces import SpaceInfo


class Space(Protocol):
    """What a snapshot asks of the vectors of one kind, however they are searched."""

    info: SpaceInfo

    def has(self, movie_id: int) -> bool:
        """True when the movie has a vector here."""

    def vector(self, movie_id: int) -> NDArray[np.float32]:
        """The movie's vector, float32 (d,): of length 1 in a cosine space."""

    def stored(self, movie_id: int) -> NDArray[np.float32]:
        """The movie's vector as it is stored, of any length, float32 (d,)."""

    def vectors(self, movie_ids: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Which of these movies have a vector here, bool (m,), and the vectors of those, float32 (found, d)."""

    def is_generated(self, movie_id: int) -> bool:
        """True when the movie's vector is that of a title card."""

    @property
    def movie_ids(self) -> NDArray[np.int64]:
        """The movies in the order of the rows, int64 (n,)."""

    def search_movie(
        self, movie_id: int, k: int, kind: Kind = "same", debias: float = 0.0, among: Among = EVERYONE
    ) -> list[Neighbour]:
        """The movies nearest to this one, without itself, best first."""

    def search_vector(
        self,
        vector: NDArray[np.float32],
        k: int,
        kind: Kind = "any",
        debias: float = 0.0,
        among: Among = EVERYONE,
    ) -> list[Neighbour]:
        """The movies nearest to a vector, best first."""
