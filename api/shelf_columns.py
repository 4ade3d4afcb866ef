"""Movies as columns: what a list of movies shows of each, in 36 bytes beside its title."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from catalog.changes import MovieLine
from catalog.entries import Movie

T = TypeVar("T")

NO_YEAR = int(np.iinfo(np.int32).min)  # no movie has it, and it is before any year that somebody may ask for


@dataclass(frozen=True, slots=True)
class ShelfMovie:
    """What answers show of one movie; the names are those of `catalog.entries.Movie`, so that either may be shown."""

    movie_id: int
    title: str
    year: int | None
    genres: tuple[str, ...]
    n_ratings: int
    poster_source: str | None
    poster_attribution: str | None


def shelf_movie(movie: MovieLine | Movie) -> ShelfMovie:
    """The movie of the catalog as the shelf shows it."""
    return ShelfMovie(
        movie_id=movie.movie_id,
        title=movie.title,
        year=movie.year,
        genres=split(movie.genres) if isinstance(movie.genres, str) else movie.genres,
        n_ratings=movie.n_ratings,
        poster_source=movie.poster_source,
        poster_attribution=movie.poster_attribution,
    )


def split(genres: str) -> tuple[str, ...]:
    """The names in |Comedy|Drama|."""
    return tuple(name for name in genres.split("|") if name)


class Labels(Generic[T]):
    """Numbers for values that many movies share; think of a list that only grows.

    One thread at a time may give new numbers; any may read those it was given.
    """

    def __init__(self) -> None:
        self._values: list[T] = []
        self._numbers: dict[T, int] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, number: int) -> T:
        return self._values[number]

    def number(self, value: T) -> int:
        """The value's number, a new one for a new value."""
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = len(self._values)
            self._values.append(value)
        return found


Look = tuple[str | None, str | None]  # where a poster is from, and what has to be said beside it


@dataclass(frozen=True, slots=True)
class Shared:
    """The values that the columns of one shelf name by number: sets of genres, and posters' sources."""

    genres: Labels[tuple[str, ...]]
    looks: Labels[Look]

    @classmethod
    def new(cls) -> "Shared":
        """Without any value yet."""
        return cls(Labels(), Labels())


@dataclass(frozen=True, slots=True)
class Columns:
    """Movies by ascending id.

    Attributes:
        movie_ids: int64 (n,). titles: all in UTF-8, one behind the other. ends: int64 (n + 1,), where each begins.
        years, n_ratings: int32 (n,), NO_YEAR for None. looks: int32 (n,), numbers in `Shared`.
        genres: int64 (n,), the same; NumPy looks values up by int64 six times as fast as by int32.
    """

    movie_ids: NDArray[np.int64]
    titles: bytes
    ends: NDArray[np.int64]
    years: NDArray[np.int32]
    n_ratings: NDArray[np.int32]
    genres: NDArray[np.int64]
    looks: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.movie_ids)

    @property
    def size_bytes(self) -> int:
        """Bytes that they take in memory."""
        arrays = (self.movie_ids, self.ends, self.years, self.n_ratings, self.genres, self.looks)
        return len(self.titles) + sum(array.nbytes for array in arrays)

    def movie(self, row: int, shared: Shared) -> ShelfMovie:
        """One row as a movie, 2 us."""
        year = self.years.item(row)
        source, attribution = shared.looks[self.looks.item(row)]
        return ShelfMovie(
            movie_id=self.movie_ids.item(row),
            title=self.titles[self.ends.item(row) : self.ends.item(row + 1)].decode(),
            year=None if year == NO_YEAR else year,
            genres=shared.genres[self.genres.item(row)],
            n_ratings=self.n_ratings.item(row),
            poster_source=source,
            poster_attribution=attribution,
        )


def columns_of(movies: Iterable[MovieLine], shared: Shared) -> Columns:
    """Columns of movies that come by ascending id; new values get their numbers in `shared`."""
    ids, titles, years, genres, counts, sources, attributions = list(zip(*movies, strict=True)) or [()] * 7
    encoded = [title.encode() for title in titles]
    by_text = {text: shared.genres.number(split(text)) for text in set(genres)}
    return Columns(
        movie_ids=np.array(ids, np.int64),
        titles=b"".join(encoded),
        ends=_ends(np.fromiter(map(len, encoded), np.int64, len(encoded))),
        years=np.array([NO_YEAR if year is None else year for year in years], np.int32),
        n_ratings=np.array(counts, np.int32),
        genres=np.array([by_text[text] for text in genres], np.int64),
        looks=np.array([shared.looks.number(look) for look in zip(sources, attributions, strict=True)], np.int32),
    )


def joined(parts: Sequence[Columns]) -> Columns:
    """Columns one behind the other; the ids must ascend throughout."""
    empty = columns_of([], Shared.new())
    all_parts = [empty, *parts]
    return Columns(
        movie_ids=np.concatenate([part.movie_ids for part in all_parts]),
        titles=b"".join(part.titles for part in all_parts),
        ends=_ends(np.concatenate([np.diff(part.ends) for part in all_parts])),
        years=np.concatenate([part.years for part in all_parts]),
        n_ratings=np.concatenate([part.n_ratings for part in all_parts]),
        genres=np.concatenate([part.genres for part in all_parts]),
        looks=np.concatenate([part.looks for part in all_parts]),
    )


def merged(base: Columns, new: Columns, gone: Collection[int]) -> Columns:
    """The base with these movies added or replaced and those ids left out: new columns, a few ms for a million."""
    out_ids = np.union1d(new.movie_ids, np.fromiter(gone, np.int64, len(gone)))
    out = rows_of(base.movie_ids, out_ids)
    there = out >= 0
    kept = np.delete(base.movie_ids, out[there])
    places = np.searchsorted(kept, new.movie_ids)

    def column(old: NDArray[Any], added: NDArray[Any]) -> NDArray[Any]:
        return np.insert(np.delete(old, out[there]), places, added)

    return Columns(
        movie_ids=np.insert(kept, places, new.movie_ids),
        titles=_merged_titles(base, new, out_ids),
        ends=_ends(column(np.diff(base.ends), np.diff(new.ends))),
        years=column(base.years, new.years),
        n_ratings=column(base.n_ratings, new.n_ratings),
        genres=column(base.genres, new.genres),
        looks=column(base.looks, new.looks),
    )


def _merged_titles(base: Columns, new: Columns, out_ids: NDArray[np.int64]) -> bytes:
    """The runs of the base between the ids that change, and the new titles where they belong."""
    pieces: list[bytes] = []
    at = 0
    fresh: Mapping[int, int] = {movie_id: row for row, movie_id in enumerate(new.movie_ids.tolist())}
    for movie_id, row in zip(out_ids.tolist(), np.searchsorted(base.movie_ids, out_ids).tolist(), strict=True):
        pieces.append(base.titles[base.ends[at] : base.ends[row]])
        if movie_id in fresh:
            pieces.append(new.titles[new.ends[fresh[movie_id]] : new.ends[fresh[movie_id] + 1]])
        at = row + (row < len(base) and base.movie_ids[row] == movie_id)
    return b"".join([*pieces, base.titles[base.ends[at] :]])


def rows_of(ascending: NDArray[np.int64], movie_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """The row of each of `movie_ids` in ascending ids, int64 (m,), -1 where there is none."""
    if len(ascending) == 0:
        return np.full(len(movie_ids), -1, np.int64)
    rows = np.searchsorted(ascending, movie_ids)
    rows[rows == len(ascending)] = 0
    return np.where(ascending[rows] == movie_ids, rows, -1)


def _ends(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
