"""What a user rated: the imported Parquet files and the single ratings since, the latest of each movie."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from catalog.catalog import Catalog
from catalog.rating_rows import GivenRating
from ratings.columns import RatingColumns, joined, latest_of_each_pair
from ratings.errors import BadFile
from ratings.parquet import RatingsFile

USERS_KEPT = 2000  # whose imported ratings stay in memory: 20 bytes a rating, so some 6 MB at MovieLens' 150 each


@dataclass(frozen=True, slots=True)
class History:
    """The ratings of one user: movie ids, int64 (n,), sorted and unique, and stars, float32 (n,)."""

    movie_ids: NDArray[np.int64]
    stars: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.movie_ids)

    def stars_of(self, movie_id: int) -> float | None:
        """What the user gave this movie, or None."""
        place = int(np.searchsorted(self.movie_ids, movie_id))
        there = place < len(self) and self.movie_ids[place] == movie_id
        return float(self.stars[place]) if there else None


class Histories:
    """The histories of one catalog's users; think of a dict that follows every rating at once.

    Imported ratings are read from their file once for each user and kept, by the name of the file, which says what is
    in it; single ratings are asked from the catalog every time. Safe for threads.
    """

    def __init__(self, catalog: Catalog, kept: int = USERS_KEPT) -> None:
        self._catalog = catalog
        self._kept = lru_cache(maxsize=kept)(self._read)

    def of(self, user_id: int) -> History:
        """All that the user rated; empty for a user without ratings.

        Cost: a millisecond for a user who was asked about lately, else that of reading a row group of the file.

        Raises:
            ratings.errors.BadFile: a file of imported ratings is missing or damaged.
        """
        parts = [*self._imported(user_id), _columns(self._catalog.ratings.single_of(user_id))]
        latest, _ = latest_of_each_pair(joined(parts))
        return History(latest.movie_ids.astype(np.int64), latest.ratings)

    def _imported(self, user_id: int) -> list[RatingColumns]:
        """Of each imported set; an import that replaces one meanwhile takes the file away that was about to be read."""
        sets = self._catalog.ratings.sets()
        try:
            return [self._kept(imported.file, user_id) for imported in sets]
        except BadFile:
            now = self._catalog.ratings.sets()
            if now == sets:
                raise
            return [self._kept(imported.file, user_id) for imported in now]

    def _read(self, name: str, user_id: int) -> RatingColumns:
        with RatingsFile(self._catalog.data_dir / name) as file:
            groups = file.groups((user_id, user_id + 1))
            return joined([group.take(group.user_ids == user_id) for group in groups])


def history_of(movie_ids: NDArray[np.int64], stars: NDArray[np.float32]) -> History:
    """The history that these ratings make: the last of a movie counts."""
    ids, places = np.unique(movie_ids[::-1], return_index=True)
    return History(ids, stars[::-1][places])


def _columns(single: list[GivenRating]) -> RatingColumns:
    return RatingColumns(
        np.array([rating.user_id for rating in single], np.int32),
        np.array([rating.movie_id for rating in single], np.int32),
        np.array([rating.stars for rating in single], np.float32),
        np.array([rating.rated_at for rating in single], np.int64),
    )
