"""The parts of the ratings benchmark that run in a process of their own, so that their memory can be told.

Run: python -m benchmarks.rating_process ease | generate FILE RATINGS USERS MOVIES | large FILE FACTORS
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rating_data import bundled
from benchmarks.rating_lists import published
from ratings.columns import RatingColumns
from ratings.ease import EaseOptions, fit_ease
from ratings.matrix import RatingsMatrix
from ratings.parquet import RatingsWriter, read_parquet
from ratings.sgd import EpochReport, FactorOptions, fit_sgd

EPOCHS = 5
USERS_AT_ONCE = 2_000
TAIL = 1.1  # popularity falls with rank ** -TAIL: the most-rated has some hundred thousand ratings, as in ml-25m


def ease() -> dict[str, Any]:
    """From the bundled CSV to a published index."""
    times = [time.perf_counter()]
    data = bundled()
    times.append(time.perf_counter())
    vectors = fit_ease(data.matrix, EaseOptions())
    times.append(time.perf_counter())
    with tempfile.TemporaryDirectory(prefix="posterity-ratings-") as folder:
        published(Path(folder), data.matrix, vectors)
    times.append(time.perf_counter())
    read_s, fit_s, index_s = np.diff(times).tolist()
    return {"read_s": read_s, "fit_s": fit_s, "index_s": index_s, "shape": f"{vectors.shape[0]:,} x {vectors.shape[1]}"}


def generate(path: Path, ratings: int, users: int, movies: int) -> dict[str, Any]:
    """Writes so many ratings, about the same number for each user, movies by popularity; seeded."""
    draw = np.random.default_rng(0)
    weights = (np.arange(movies) + 30.0) ** -TAIL
    edges = np.cumsum(weights / weights.sum())
    of_movie, of_user = draw.normal(0, 0.5, movies), draw.normal(0, 0.4, users)
    per_user = np.diff(np.linspace(0, ratings, users + 1).astype(np.int64))
    with path.open("wb") as file, RatingsWriter(file) as writer:
        for first in range(0, users, USERS_AT_ONCE):
            for user, count in enumerate(per_user[first : first + USERS_AT_ONCE].tolist(), first):
                drawn = np.unique(np.searchsorted(edges, draw.random(int(count * 1.6) + 8)).clip(max=movies - 1))
                rated = np.sort(draw.choice(drawn, min(count, len(drawn)), replace=False)).astype(np.int32)
                stars = np.clip(np.round(2 * (3.5 + of_user[user] + of_movie[rated])) / 2, 0.5, 5)
                ones = np.full(len(rated), user + 1, np.int32)
                writer.write(RatingColumns(ones, rated + 1, stars.astype(np.float32), np.zeros(len(rated), np.int64)))
    return {}


def large(path: Path, factors: int) -> dict[str, Any]:
    """Reads the file and runs a few epochs on all of it."""
    began = time.perf_counter()
    matrix = RatingsMatrix.from_columns(read_parquet(path))
    read_s = time.perf_counter() - began
    ends = [time.perf_counter()]

    def epoch(_: EpochReport) -> None:
        ends.append(time.perf_counter())

    fit_sgd(matrix, FactorOptions(factors=factors, max_epochs=EPOCHS, validation_share=0), epoch)
    words = f"{len(matrix):,} ratings, {len(matrix.user_ids):,} users, {len(matrix.movie_ids):,} movies"
    return {"read_s": read_s, "epochs_s": np.diff(ends).tolist(), "words": words}


def main() -> None:
    """Runs one part and prints its figures as JSON."""
    what, *given = sys.argv[1:]
    if what == "ease":
        found = ease()
    elif what == "generate":
        found = generate(Path(given[0]), *map(int, given[1:]))
    else:
        found = large(Path(given[0]), int(given[1]))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
