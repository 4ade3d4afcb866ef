"""A catalog whose posters and model change from round to round, and what each of its states must answer."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.catalog import Catalog
from catalog.entries import NewMovie
from index.records import decode_record, encode_record
from ratings.model import FactorModel
from tests.acceptance.installation import Installation
from tests.api.place import Place

DIMENSION, FACTORS, K = 25_088, 8, 10
RATED, FIRST = 60, 110  # movies with ratings, and posters at the beginning: beyond 100 no worker publishes by itself
Ranked = list[tuple[int, float]]


@dataclass
class Changing:
    """Movies 1 to 60 are rated, 1 to 110 have posters; each round 3 posters come, 3 are others, and the model is new.

    Attributes:
        round: the newest; `posters[r]` are the vectors of round r by movie, `models` the rating vectors by their name.
    """

    installed: Installation
    catalog: Catalog
    round: int = -1
    posters: list[dict[int, NDArray[np.float64]]] = field(default_factory=list)
    models: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def asked_posters(self) -> tuple[int, ...]:
        """Movies with a poster in every round: two that never change, two that do."""
        return 1, 40, 2, 3

    def begin(self) -> None:
        self.catalog.add([NewMovie(f"Movie {i}", i, 2000, ("Drama",)) for i in range(1, FIRST + 200)])
        self.go_on(range(1, FIRST + 1))

    def go_on(self, movie_ids: Any = None) -> None:
        """The next round: its posters in one transaction, then its model."""
        self.round += 1
        given = movie_ids or [2, 3, 4, *(FIRST + 3 * self.round + i for i in range(3))]
        records = {int(i): encode_record(_poster(int(i), self.round)) for i in given}
        vectors = dict(self.posters[-1]) if self.posters else {}
        vectors |= {i: _unit(record) for i, record in records.items()}
        self.posters.append(vectors)
        Place(self.catalog, self.installed.data_dir / "index", packed=True).embed_records(records)
        self._train()

    def _train(self) -> None:
        name = f"factors-{self.round:04d}"
        model = toy_model(self.round)
        model.save(self.installed.data_dir / "models" / name)
        self.models[name] = model.vectors
        self.catalog.jobs.finish(self.catalog.jobs.open("train", 60), {"model": name})

    def by_posters(self, state: int, movie_id: int) -> Ranked:
        """Brute force over the posters of a round."""
        return _ranked(self.posters[state], movie_id)

    def by_ratings(self, model: str, movie_id: int) -> Ranked:
        """Brute force over the rating vectors of a model."""
        rows = {i + 1: row.astype(np.float64) for i, row in enumerate(self.models[model])}
        return _ranked(rows, movie_id)


def _poster(movie_id: int, seed: int) -> NDArray[np.float32]:
    draw = np.random.default_rng([movie_id, seed])
    vector = np.zeros(DIMENSION, np.float32)
    places = draw.integers(0, 2_000, 400)  # overlapping, so that no two are unlike altogether
    vector[places] = draw.gamma(1.0, 10.0, 400).astype(np.float32) + 0.1
    return vector


def _unit(record: bytes) -> NDArray[np.float64]:
    wide = decode_record(record).astype(np.float64)
    unit: NDArray[np.float64] = wide / np.linalg.norm(wide)
    return unit


def _ranked(rows: dict[int, NDArray[np.float64]], movie_id: int) -> Ranked:
    scores = {i: float(row @ rows[movie_id]) for i, row in rows.items() if i != movie_id}
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:K]


def toy_model(seed: int) -> FactorModel:
    """A model of one user and sixty movies with random vectors."""
    draw = np.random.default_rng([seed, 7])
    return FactorModel(
        mu=3.5,
        scale=(0.5, 5.0),
        user_ids=np.array([7], np.int64),
        movie_ids=np.arange(1, RATED + 1, dtype=np.int64),
        n_ratings=np.arange(1, RATED + 1),
        mean_ratings=np.full(RATED, 3.5),
        user_biases=np.zeros(1, np.float32),
        item_biases=np.zeros(RATED, np.float32),
        user_factors=np.ones((1, 2), np.float32),
        item_factors=np.ones((RATED, 2), np.float32),
        vectors=draw.normal(0, 1, (RATED, FACTORS)).astype(np.float32),
        options={"factors": {"regularization": 0.1}},
        metrics={},
    )
