"""The neighbours of one movie with what is known about them; pages and JSON share it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from api.answers import By, Shown, SimilarMovie, poster_url
from api.errors import FieldError, InvalidRequest
from api.refusals import NotEmbedded, NotPublished, NotRated
from api.shelf_view import Titles, Wish
from catalog.catalog import Catalog
from catalog.entries import Movie, State
from catalog.errors import UnknownMovie
from index.errors import NoSuchSpace, NotInIndex
from index.filtering import EVERYONE, Among
from index.flat import Kind, Neighbour
from index.snapshot import Snapshot
from ratings.tastes import SIMILAR_DEBIAS

DIGITS = 6  # float32 carries about seven
ANY = Wish()
NONE_MATCH = "No movie matches these filters: ask for other years, another genre, or fewer ratings."
MOST_GENRES = 40  # named in the error about an unknown one; MovieLens has 20

T = TypeVar("T")
Look = Callable[[Sequence[int]], Mapping[int, T]]  # what is known about these movies; unknown ids are left out


@dataclass(frozen=True, slots=True)
class Seen:
    """What a request sees from its start to its end: who is near whom, and what the movies are called."""

    snapshot: Snapshot
    shelf: Titles


@dataclass(frozen=True, slots=True)
class Question:
    """Which movies are asked for: `k` of the given kind of poster, similar to `movie_id` by one kind of evidence.

    `debias`, in [0, 1] and only by ratings: 0 favours neighbours that many people rated, 1 those that few did.
    `exact`: every movie is looked at, where otherwise candidates would be.
    """

    movie_id: int
    by: By
    k: int
    kind: Kind = "same"
    debias: float = 0.0
    wish: Wish = ANY
    exclude: tuple[int, ...] = ()
    exact: bool = False

    @property
    def filtered(self) -> bool:
        """Whether some movies may not answer."""
        return self.wish != ANY or bool(self.exclude)


def usual_debias(by: By) -> float:
    """The debias where nobody says otherwise."""
    return SIMILAR_DEBIAS if by == "ratings" else 0.0


def demand_genre(shelf: Titles, genre: str | None) -> None:
    """Makes sure that some movie has this genre, in any case.

    Raises:
        InvalidRequest: none has; the message lists those there are.
    """
    if genre is None:
        return
    names = shelf.genres()
    if genre.casefold() not in {name.casefold() for name in names}:
        listed = ", ".join(names[:MOST_GENRES]) + (", ..." if len(names) > MOST_GENRES else "")
        raise InvalidRequest(FieldError(field="genre", why=f"no movie has this genre; there are {listed or 'none'}"))


def similar_movies(seen: Seen, catalog: Catalog, question: Question) -> list[SimilarMovie]:
    """The most similar movies, best first, as pages show them.

    Raises:
        As `neighbours`.
    """

    def look(ids: Sequence[int]) -> dict[int, Shown]:
        return {movie.movie_id: movie for movie in seen.shelf.movies(ids)}

    return [similar_movie(movie, question.by, score) for movie, score in neighbours(seen, catalog, question, look)]


def neighbours(seen: Seen, catalog: Catalog | None, question: Question, look: Look[T]) -> list[tuple[T, float]]:
    """The most similar movies of this moment, best first: what is known about each, and its score.

    The catalog is only asked where there is no answer, for the reason; None where nobody wants to know it. A movie that
    nothing is known about has left the catalog since the snapshot was made: the next one takes its place. Only where
    most of the 400 nearest have left, or do not match the filters, may there be fewer than `k`.

    Raises:
        UnknownMovie: there is no such movie.
        NotEmbedded, NotRated, NotPublished: the snapshot does not hold the movie, and why.
        NotInIndex, NoSuchSpace: the same without a catalog.
    """
    try:
        return _known_neighbours(seen, question, look)
    except (NotInIndex, NoSuchSpace) as err:
        if catalog is None:
            raise
        movie = catalog.movies.get(question.movie_id)
        raise _why_not(catalog, movie, question.by, seen.snapshot.generation) from err


def _known_neighbours(seen: Seen, question: Question, look: Look[T]) -> list[tuple[T, float]]:
    among, wanted = _among(seen, question), question.k
    while True:
        ranked = seen.snapshot.similar(question.by, question.movie_id, wanted, question.kind, question.debias, among)
        found = _known(question, ranked, look)
        if len(found) >= question.k or len(ranked) < wanted:
            return found[: question.k]
        wanted *= 2  # some have been deleted; a snapshot without them is on its way, so this happens rarely


def _among(seen: Seen, question: Question) -> Among:
    if not question.filtered:
        return Among(exact=True) if question.exact else EVERYONE
    rows = None
    if question.wish != ANY:
        rows = seen.shelf.mask(seen.snapshot.space(question.by).movie_ids, question.wish)
    exclude = np.array(question.exclude, np.int64) if question.exclude else None
    return Among(rows, exclude, question.exact)


def _known(question: Question, ranked: Sequence[Neighbour], look: Look[T]) -> list[tuple[T, float]]:
    known = look([question.movie_id, *(near.movie_id for near in ranked)])
    if question.movie_id not in known:
        raise UnknownMovie(question.movie_id)
    return [(known[near.movie_id], near.score) for near in ranked if near.movie_id in known]


def _why_not(catalog: Catalog, movie: Movie, by: By, generation: int) -> Exception:
    if by == "poster" and movie.state != State.EMBEDDED:
        return NotEmbedded(movie.movie_id, movie.state, movie.reason)
    if by == "ratings" and movie.n_ratings == 0 and not catalog.ratings.given_singly(movie.movie_id):
        return NotRated(movie.movie_id)
    return NotPublished(movie.movie_id, by, generation)


def similar_movie(movie: Shown, by: By, score: float) -> SimilarMovie:
    """One neighbour as the API describes it."""
    rounded = round(score, DIGITS)
    return SimilarMovie(
        movie_id=movie.movie_id,
        title=movie.title,
        year=movie.year,
        genres=list(movie.genres),
        score=rounded,
        poster_score=rounded if by == "poster" else None,
        rating_score=rounded if by == "ratings" else None,
        poster_source=movie.poster_source,
        poster_url=poster_url(movie),
        attribution=movie.poster_attribution,
    )
