"""The most-rated movies of the bundled data, as a MovieLens folder of its own: real ratings, imported in a moment."""

import csv
from collections import Counter
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "data" / "ml-latest-small"
N_MOVIES = 60


def small_movielens(folder: Path) -> Path:
    """Makes the folder with the movies, their links and their ratings; returns it."""
    folder.mkdir()
    counts = Counter(row[1] for row in _rows("ratings")[1:])
    most = {movie_id for movie_id, _ in counts.most_common(N_MOVIES)}
    for name, column in (("movies", 0), ("links", 0), ("ratings", 1)):
        header, *rows = _rows(name)
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *(row for row in rows if row[column] in most)])
    return folder


def _rows(name: str) -> list[list[str]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))
