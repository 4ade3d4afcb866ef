"""Writes a MovieLens folder of any size: seeded, grouped by user as MovieLens is, with a long tail of movies.

A user's number of ratings is log-normal above some 20, as in MovieLens; a movie's popularity falls with the square
of its rank; every movie has a rating. The defaults have the numbers of ml-25m: 25,000,000 ratings, 162,000 users,
62,000 movies, about 680 MB.

Run: python -m benchmarks.generate_ratings DIR [--rows N] [--users N] [--movies N] [--shuffled]
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

MIN_PER_USER = 20  # MovieLens leaves out people with fewer
SPREAD = 1.2  # of the logarithm of a user's number of ratings: ml-25m has a mean of 154 and a median of 71
HEAD, TAIL = 400.0, 2.0  # popularity is (rank + HEAD) ** -TAIL: 60,000 ratings at the top, about ten in the median
CROWDS = 64  # users are drawn for in so many groups, to sort short arrays
MOVIE_ID_STEP = 3  # ids have gaps: 62,000 movies reach 186,000
STARS = np.array([f"{half / 2}" for half in range(1, 11)])
STAR_WEIGHTS = np.array([0.016, 0.031, 0.016, 0.066, 0.05, 0.196, 0.127, 0.266, 0.088, 0.144])  # those of ml-25m
FIRST_SECOND, LAST_SECOND = 789_652_009, 1_574_327_703  # 1995 to 2019, those of ml-25m
ROWS_AT_ONCE = 2_000_000
GENRES = ("Action", "Comedy", "Crime", "Drama", "Horror", "Romance", "Sci-Fi", "Thriller", "War")


@dataclass(frozen=True)
class Size:
    """How many of what; `shuffled` gives up the order by user."""

    rows: int = 25_000_000
    users: int = 162_000
    movies: int = 62_000
    shuffled: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        least, most = max(2 * MIN_PER_USER * self.users, 10 * self.movies), self.users * self.movies // 9
        if not least <= self.rows <= most:
            raise ValueError(f"rows={self.rows:,}: wanted {least:,} to {most:,} for so many users and movies")


def generate(folder: Path, size: Size) -> None:
    """Writes movies.csv, links.csv and ratings.csv; the same size and seed give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(size.seed)
    movie_ids = np.arange(1, size.movies + 1, dtype=np.int64) * MOVIE_ID_STEP
    _write_movies(folder, movie_ids, draw)
    pairs = _pairs(size, draw)
    if size.shuffled:  # no two neighbours belong together any more
        draw.shuffle(pairs)
    _write_ratings(folder / "ratings.csv", pairs, movie_ids, size, draw)


def _pairs(size: Size, draw: np.random.Generator) -> NDArray[np.int64]:
    """`user * movies + movie` of every rating, sorted, none twice: int64 (rows,)."""
    popularity = (np.arange(size.movies) + HEAD) ** -TAIL
    draw.shuffle(popularity)
    reach = np.cumsum(popularity) / popularity.sum()
    activity = draw.lognormal(0.0, SPREAD, size.users)
    wanted = activity * ((size.rows - MIN_PER_USER * size.users) / activity.sum()) + MIN_PER_USER
    viewer = draw.integers(0, size.users, size.movies)  # every movie has a rating by one of them
    places = np.linspace(0, size.rows, CROWDS + 1).astype(np.int64)
    crowds = np.searchsorted(np.cumsum(wanted), places[1:-1])
    parts, rows = [], 0
    for users, end in zip(np.split(np.arange(size.users), crowds), places[1:], strict=True):
        movies = np.flatnonzero((viewer >= users[0]) & (viewer <= users[-1]))
        first = viewer[movies] * size.movies + movies
        parts.append(_of_crowd(first, users, wanted[users], int(end) - rows, reach, draw))
        rows = int(end)
    return np.concatenate(parts)


def _of_crowd(
    first: NDArray[np.int64],
    users: NDArray[np.int64],
    wanted: NDArray[np.float64],
    rows: int,
    reach: NDArray[np.float64],
    draw: np.random.Generator,
) -> NDArray[np.int64]:
    """`rows` different pairs of these users, `first` among them, users by activity and movies by popularity."""
    others = np.empty(0, np.int64)
    while len(first) + len(others) < rows:
        missing = rows - len(first) - len(others)
        who = draw.choice(users, missing + missing // 4 + 100, p=wanted / wanted.sum())
        pairs = who * len(reach) + np.searchsorted(reach, draw.random(len(who)))
        others = np.setdiff1d(np.concatenate([others, pairs]), first)
    return np.sort(np.concatenate([first, draw.permutation(others)[: rows - len(first)]]))


def _write_movies(folder: Path, movie_ids: NDArray[np.int64], draw: np.random.Generator) -> None:
    with (folder / "movies.csv").open("w", encoding="utf-8") as movies, (folder / "links.csv").open("w") as links:
        movies.write("movieId,title,genres\n")
        links.write("movieId,imdbId,tmdbId\n")
        for movie_id in movie_ids.tolist():
            genres = "|".join(GENRES[place] for place in sorted(draw.choice(len(GENRES), 2, replace=False)))
            movies.write(f'{movie_id},"Movie {movie_id}, The ({1920 + movie_id % 100})",{genres}\n')
            links.write(f"{movie_id},{movie_id:07d},{movie_id}\n")


def _write_ratings(
    path: Path, pairs: NDArray[np.int64], movie_ids: NDArray[np.int64], size: Size, draw: np.random.Generator
) -> None:
    with path.open("wb") as file:
        file.write(b"userId,movieId,rating,timestamp\n")
        for run in _runs(pairs):
            columns = {
                "userId": run // size.movies + 1,
                "movieId": movie_ids[run % size.movies],
                "rating": STARS[draw.choice(len(STARS), len(run), p=STAR_WEIGHTS)],
                "timestamp": draw.integers(FIRST_SECOND, LAST_SECOND, len(run)),
            }
            options = csv.WriteOptions(include_header=False, quoting_style="none")
            csv.write_csv(pa.table(columns), file, options)


def _runs(pairs: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    return (pairs[start : start + ROWS_AT_ONCE] for start in range(0, len(pairs), ROWS_AT_ONCE))


def main() -> None:
    """Writes the folder that was named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--shuffled", action="store_true", help="ratings in no order at all")
    for name in ("rows", "users", "movies", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Size, name))
    given = vars(parser.parse_args())
    generate(given.pop("folder"), Size(**given))


if __name__ == "__main__":
    main()
