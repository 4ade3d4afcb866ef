"""The text of `/similar`: what of a movie does not depend on the question is written once and kept."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask.json.provider import JSONProvider

from api.answers import By, Shown, poster_url
from api.shelf_view import Titles

MOST_KEPT = 20_000  # movies, some 0.7 kB each; beyond that all are written anew
DIGITS = 6  # float32 carries about seven


@dataclass(frozen=True, slots=True)
class Written:
    """One movie as JSON: what stands before its scores, and behind them."""

    head: str
    tail: str
    attribution: str | None

    def item(self, by: By, score: float) -> str:
        """The movie as an item of a list.

        Raises:
            ValueError: the score is no number; JSON has no word for that.
        """
        if not math.isfinite(score):
            raise ValueError(f"a score of {score} is not JSON compliant")
        text = repr(round(score, DIGITS))
        poster, rating = (text, "null") if by == "poster" else ("null", text)
        return f'{self.head},"score":{text},"poster_score":{poster},"rating_score":{rating},{self.tail}'


class Writer:
    """Movies as JSON; think of a dict by movie_id that is emptied whenever titles may have changed. For threads."""

    def __init__(self, json: JSONProvider) -> None:
        self._json = json
        self._kept: tuple[Titles | None, dict[int, Written]] = None, {}

    def look(self, shelf: Titles, movie_ids: Sequence[int]) -> dict[int, Written]:
        """These movies; unknown ids are left out."""
        kept = self._of(shelf) if shelf.revision else {}  # straight from the catalog: nobody says when it changes
        found = {movie_id: kept[movie_id] for movie_id in movie_ids if movie_id in kept}
        if len(found) < len(movie_ids):
            missing = [movie_id for movie_id in movie_ids if movie_id not in found]
            new = {movie.movie_id: self.written(movie) for movie in shelf.movies(missing)}
            kept.update(new)
            found.update(new)
        return found

    def written(self, movie: Shown) -> Written:
        """One movie."""
        head = {"movie_id": movie.movie_id, "title": movie.title, "year": movie.year, "genres": movie.genres}
        tail = {
            "poster_source": movie.poster_source,
            "poster_url": poster_url(movie),
            "attribution": movie.poster_attribution,
        }
        return Written(self.dumps(head)[:-1], self.dumps(tail)[1:], movie.poster_attribution)

    def dumps(self, value: Any) -> str:
        """As Flask writes it into an answer, without spaces."""
        return self._json.dumps(value, separators=(",", ":"))

    def _of(self, shelf: Titles) -> dict[int, Written]:
        of, kept = self._kept
        if of is not shelf or len(kept) > MOST_KEPT:
            kept = {}
            self._kept = shelf, kept
        return kept
