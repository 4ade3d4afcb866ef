"""How well lists and neighbours are made: NDCG over seeds, and the shipped `/similar?by=ratings` from a snapshot."""

import tempfile
from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.bars import Row, bar
from index.contents import SnapshotContents, SpaceContents
from index.live import LiveSnapshot
from index.publishing import publish
from index.snapshot import Snapshot
from ratings.choosing import Choosing, Method
from ratings.ease import EaseOptions, fit_ease
from ratings.matrix import RatingsMatrix
from ratings.methods import MovieRanker
from ratings.neighbourly import LISTED, most_rated, neighbour_quality
from ratings.ranking import rank_unseen
from ratings.ranking_candidates import rankers
from ratings.splits import share_per_user
from ratings.tastes import SIMILAR_DEBIAS
from ratings.vectors import METRIC

HELD_OUT = 0.2  # of each user's ratings
CHOSEN_ON = 0
EASE, POPULARITY, COSINE = "EASE", "popularity", "SGD factors, cosine (the article's)"
BESIDE = (POPULARITY, COSINE, "cosine of rating columns", "implicit ALS", "EASE, seen only")
HEAT, TOY_STORY = 6, 1
TOY_STORY_2 = 3114
FIRST = 5


def neighbours_row(matrix: RatingsMatrix, seeds: Sequence[int], quick: bool) -> Row:
    """NDCG@10 of the vectors that the index holds, with the other methods beside it, all on the same splits."""
    wanted = bar("ratings_neighbours")
    methods = {method.name: method for method in rankers(quick)}
    found = {name: _mean_ndcg(methods[name], matrix, seeds) for name in (EASE, *BESIDE)}
    ndcg, setting = found[EASE]
    numbers = EaseOptions().dimensions
    stretch = f"stretch {wanted['stretch']:g} {'met' if ndcg >= wanted['stretch'] else 'not met'}"
    beside = "; ".join(f"{name} {found[name][0]:.4f}" for name in BESIDE)
    passed = ndcg >= wanted["ndcg"] and numbers <= wanted["numbers"]
    return Row(wanted["what"], f"{ndcg:.4f}", wanted["at_least"], passed, f"{setting}; {stretch}; {beside}")


def default_row(matrix: RatingsMatrix, genres: Sequence[Set[str]], titles: Sequence[str]) -> Row:
    """What people get who ask for nothing special: published, opened and asked as the API does."""
    wanted, asked = bar("ratings_default"), most_rated(matrix.n_ratings)
    with tempfile.TemporaryDirectory(prefix="posterity-ratings-") as folder:
        snapshot = published(Path(folder), matrix, fit_ease(matrix, EaseOptions()))
        lists = np.array([_neighbours(snapshot, matrix, int(matrix.movie_ids[col])) for col in asked])
        toys, heat = (_neighbours(snapshot, matrix, movie_id)[:FIRST] for movie_id in (TOY_STORY, HEAT))
    found = neighbour_quality(asked, lists, genres, matrix.n_ratings)
    drama = [titles[col] for col in heat if "Romance" in genres[col] or genres[col] == {"Drama"}]
    passed = (
        found.mean_jaccard >= wanted["jaccard"]
        and found.different >= wanted["different"]
        and found.median_ratings >= wanted["median_ratings"]
        and int(matrix.movie_ids[toys[0]]) == TOY_STORY_2
        and not drama
    )
    value = f"Jaccard {found.mean_jaccard:.3f}, {found.different:,} movies, median {found.median_ratings:g} ratings"
    named = [", ".join(titles[col] for col in some) for some in (toys, heat)]
    told = f"debias {SIMILAR_DEBIAS:g}; Toy Story: {named[0]}; Heat: {named[1]}"
    return Row(wanted["what"], value, wanted["at_least"], passed, told)


def published(folder: Path, matrix: RatingsMatrix, vectors: NDArray[np.float32]) -> Snapshot:
    """A snapshot of these vectors alone, published and opened again."""
    space = SpaceContents("ratings", vectors.shape[1], METRIC, "benchmark", matrix.movie_ids, [vectors])
    publish(folder, SnapshotContents((space,), {}), lambda *_: None)
    return LiveSnapshot(folder).get()


def _neighbours(snapshot: Snapshot, matrix: RatingsMatrix, movie_id: int) -> NDArray[np.int64]:
    near = snapshot.similar("ratings", movie_id, LISTED, debias=SIMILAR_DEBIAS)
    return np.searchsorted(matrix.movie_ids, [neighbour.movie_id for neighbour in near])


def _mean_ndcg(method: Method[MovieRanker], matrix: RatingsMatrix, seeds: Sequence[int]) -> tuple[float, str]:
    """Mean NDCG@10 over the seeds' test sides, each looked at once, and the setting that validation chose."""
    chosen_on = share_per_user(matrix, HELD_OUT, CHOSEN_ON)
    choosing = Choosing(chosen_on.train, lambda train, seed: share_per_user(train, HELD_OUT, seed), CHOSEN_ON)
    best = choosing.best(method, lambda fitted, split: -float(rank_unseen(fitted, split).ndcg.mean()))
    splits = (share_per_user(matrix, HELD_OUT, seed) for seed in seeds)
    return float(np.mean([rank_unseen(best.fit(split.train), split).ndcg.mean() for split in splits])), best.words
