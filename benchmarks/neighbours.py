"""Which rating vectors make good neighbours: factors, regularisation and support shrinkage side by side.

Per-user 80:20 split (seeded). Liked means 4 stars or more; a user's score of a movie is the sum of its inner products
with the movies that user liked in training (performance.md section 5). The table shows NDCG@10 and recall@20 on unseen
liked movies, and of the ten neighbours of the 1,000 most-rated movies: genre Jaccard, the median number of ratings and
how many different ones there are.

Run: python benchmarks/neighbours.py [--quick] [--json]
"""

import argparse
import csv
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

import numba
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ratings.columns import RatingColumns
from ratings.model import FactorModel
from ratings.neighbours import supported
from ratings.reading import read_ratings_csv
from ratings.sgd import FactorOptions
from ratings.training import train_factors

DATA = Path(__file__).resolve().parents[1] / "data" / "ml-latest-small"
LIKED, TEST_SHARE, SEED, MOST_RATED = 4.0, 0.2, 0, 1000
SETTINGS = ((40, 0.1), (64, 0.1), (128, 0.1), (200, 0.1), (128, 0.06), (128, 0.03))
HALF_SUPPORTS = (0.0, 5.0, 20.0, 50.0)  # 0 is the plain cosine, the article's way


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    factors: int
    regularization: float
    half_support: float
    validation_rmse: float
    ndcg_10: float
    recall_20: float
    genre_jaccard: float
    median_ratings: float
    different: int


def split(columns: RatingColumns) -> tuple[RatingColumns, RatingColumns]:
    """Training and test ratings: a fifth of each user's."""
    draw = np.random.default_rng(SEED)
    test = np.zeros(len(columns), dtype=bool)
    for user in np.unique(columns.user_ids):
        mine = np.flatnonzero(columns.user_ids == user)
        test[draw.choice(mine, int(len(mine) * TEST_SHARE), replace=False)] = True
    return columns.take(np.flatnonzero(~test)), columns.take(np.flatnonzero(test))


def ranking(
    model: FactorModel, vectors: NDArray[np.float32], train: RatingColumns, test: RatingColumns
) -> tuple[float, float]:
    """Mean NDCG@10 and recall@20 over the users with liked movies on both sides."""
    ndcgs, recalls = [], []
    discounts = 1 / np.log2(np.arange(2, 12))
    for user in np.unique(test.user_ids):
        wanted = test.movie_ids[(test.user_ids == user) & (test.ratings >= LIKED)]
        mine = train.user_ids == user
        liked = np.searchsorted(model.movie_ids, train.movie_ids[mine & (train.ratings >= LIKED)])
        if len(wanted) == 0 or len(liked) == 0:
            continue
        scores = vectors @ vectors[liked].sum(axis=0)
        scores[np.searchsorted(model.movie_ids, train.movie_ids[mine])] = -np.inf
        hits = np.isin(model.movie_ids[np.argsort(-scores, kind="stable")[:20]], wanted)
        ndcgs.append((hits[:10] * discounts).sum() / discounts[: min(10, len(wanted))].sum())
        recalls.append(hits.sum() / min(20, len(wanted)))
    return float(np.mean(ndcgs)), float(np.mean(recalls))


def neighbourhood(
    model: FactorModel, vectors: NDArray[np.float32], genres: dict[int, set[str]]
) -> tuple[float, float, int]:
    """Genre Jaccard, median ratings and number of different ones among the ten nearest of the most-rated."""
    asked = np.argsort(-model.n_ratings, kind="stable")[:MOST_RATED]
    scores = vectors[asked] @ vectors.T
    scores[np.arange(len(asked)), asked] = -np.inf
    nearest = np.argpartition(-scores, 10, axis=1)[:, :10]
    of = [genres[int(movie_id)] for movie_id in model.movie_ids]
    jaccard = np.mean(
        [len(of[a] & of[b]) / len(of[a] | of[b]) for a, row in zip(asked, nearest, strict=True) for b in row]
    )
    return float(jaccard), float(np.median(model.n_ratings[nearest])), len(np.unique(nearest))


def measure(quick: bool) -> list[Row]:
    """One row per setting and shrinkage."""
    with (DATA / "movies.csv").open(encoding="utf-8") as file:
        genres = {int(row["movieId"]): set(row["genres"].split("|")) for row in csv.DictReader(file)}
    columns, _ = read_ratings_csv(DATA / "ratings.csv", np.array(sorted(genres), np.int64))
    train, test = split(columns)
    rows = []
    for factors, regularization in SETTINGS[-2:-1] if quick else SETTINGS:
        model = train_factors(train, FactorOptions(factors=factors, regularization=regularization))
        for half in HALF_SUPPORTS:
            vectors = supported(model.item_factors, model.n_ratings, half)
            quality = (*ranking(model, vectors, train, test), *neighbourhood(model, vectors, genres))
            rows.append(Row(factors, regularization, half, model.metrics["validation_rmse"], *quality))
    return rows


def main() -> None:
    """Prints the table or the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only the default setting")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    given = parser.parse_args()
    rows = measure(given.quick)
    if given.json:
        print(json.dumps([{**asdict(row), "quick": given.quick} for row in rows]))
        return
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}, seed {SEED}"
    names = list(asdict(rows[0]))
    table = Table(*[name.replace("_", " ") for name in names], title=versions)
    for row in rows:
        table.add_row(*[f"{value:.4g}" for value in asdict(row).values()])
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
