"""A trained model: factors with the ids of their rows, what they came from, and the folder they are kept in."""

import hashlib
import io
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ratings.errors import ModelCorrupt, UnknownUser, UnratedMovie
from ratings.factors import Factors
from ratings.folding import ItemSide
from ratings.item_sides import item_side

FORMAT = 2  # 1 had no vectors of its own
ARRAYS, DESCRIPTION = "arrays.npz", "model.json"
NAMES = (
    "user_ids",
    "movie_ids",
    "n_ratings",
    "mean_ratings",
    "user_biases",
    "item_biases",
    "user_factors",
    "item_factors",
    "vectors",
)


@dataclass(frozen=True, slots=True)
class FactorModel:
    """What was learned from ratings: explicit factors to predict stars with, and vectors to find neighbours by.

    Attributes:
        mu: mean of all ratings in stars. scale: least and greatest rating found, in stars.
        user_ids, movie_ids: int64, sorted: whose rows these are. n_ratings: int64 (n_movies,).
        mean_ratings: float64 (n_movies,), in stars.
        user_biases, item_biases: float32 (n,). user_factors, item_factors: float32 (n, factors), not normalised.
        vectors: float32 (n_movies, d), for inner products (`ratings.vectors`).
        options: how both were fitted. metrics: counts, errors, learning curve, what the vectors are; plain values.
    """

    mu: float
    scale: tuple[float, float]
    user_ids: NDArray[np.int64]
    movie_ids: NDArray[np.int64]
    n_ratings: NDArray[np.int64]
    mean_ratings: NDArray[np.float64]
    user_biases: NDArray[np.float32]
    item_biases: NDArray[np.float32]
    user_factors: NDArray[np.float32]
    item_factors: NDArray[np.float32]
    vectors: NDArray[np.float32]
    options: Mapping[str, Any]
    metrics: Mapping[str, Any]

    def predict(self, user_id: int, movie_id: int) -> float:
        """The rating expected, in stars, within the scale found in the data.

        Raises:
            UnknownUser, UnratedMovie: the model has no row for them.
        """
        u, i = _row(self.user_ids, user_id), _row(self.movie_ids, movie_id)
        if u is None:
            raise UnknownUser(user_id)
        if i is None:
            raise UnratedMovie(movie_id)
        affinity = float(self.user_factors[u] @ self.item_factors[i])
        stars = self.mu + float(self.user_biases[u]) + float(self.item_biases[i]) + affinity
        return min(max(stars, self.scale[0]), self.scale[1])

    def item_side(self) -> ItemSide:
        """The movies' half, that users are folded into."""
        factors = Factors(self.mu, self.user_biases, self.item_biases, self.user_factors, self.item_factors, self.scale)
        return item_side(factors, self.movie_ids, float(self.options["factors"]["regularization"]))

    def save(self, folder: Path) -> None:
        """Writes the folder whole or not at all; it must not exist yet.

        Raises:
            OSError: the disk is full or failing; nothing is left behind.
        """
        arrays = io.BytesIO()
        np.savez(arrays, **{name: getattr(self, name) for name in NAMES})
        content = arrays.getvalue()
        about = {
            "format": FORMAT,
            "sha256": hashlib.sha256(content).hexdigest(),
            "mu": self.mu,
            "scale": list(self.scale),
            "options": dict(self.options),
            "metrics": dict(self.metrics),
        }
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
        temporary.mkdir()
        try:
            _write(temporary / ARRAYS, content)
            _write(temporary / DESCRIPTION, json.dumps(about, allow_nan=False, indent=1).encode())
            _sync(temporary)  # the names in it must be on the disk before its own name is
            temporary.rename(folder)
            _sync(folder.parent)
        except OSError:
            for file in temporary.glob("*"):
                file.unlink()
            temporary.rmdir()
            raise

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model of a folder that `save` wrote.

        Raises:
            ModelCorrupt: missing, damaged, or of another format.
        """
        try:
            about = json.loads((folder / DESCRIPTION).read_bytes())
            content = (folder / ARRAYS).read_bytes()
        except (OSError, ValueError) as err:
            raise ModelCorrupt(folder, f"cannot be read: {err}") from err
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            raise ModelCorrupt(folder, f"not a model of format {FORMAT}")
        if hashlib.sha256(content).hexdigest() != about.get("sha256"):
            raise ModelCorrupt(folder / ARRAYS, "its sha256 is not the one stated")
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                loaded = {name: arrays[name] for name in NAMES}
            low, high = about["scale"]
            return cls(mu=about["mu"], scale=(low, high), options=about["options"], metrics=about["metrics"], **loaded)
        except (KeyError, TypeError, ValueError) as err:
            raise ModelCorrupt(folder, f"something is missing in it ({err})") from err


def _row(ids: NDArray[np.int64], wanted: int) -> int | None:
    place = int(np.searchsorted(ids, wanted))
    return place if place < len(ids) and ids[place] == wanted else None


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
