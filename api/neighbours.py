"""The neighbours of one movie with what the catalog knows about them; pages and JSON share it."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.answers import By, SimilarMovie, poster_url
from api.refusals import NotEmbedded, NotPublished, NotRated
from catalog.catalog import Catalog
from catalog.entries import Movie, State
from catalog.errors import UnknownMovie
from index.flat import Kind, Neighbour
from index.snapshot import Snapshot
from ratings.tastes import SIMILAR_DEBIAS

DIGITS = 6  # float32 carries about seven


@dataclass(frozen=True, slots=True)
class Question:
    """Which movies are asked for: `k` of the given kind of poster, similar to `movie_id` by one kind of evidence.

    `debias`, in [0, 1] and only by ratings: 0 favours neighbours that many people rated, 1 those that few did.
    """

    movie_id: int
    by: By
    k: int
    kind: Kind = "same"
    debias: float = 0.0


def usual_debias(by: By) -> float:
    """The debias where nobody says otherwise."""
    return SIMILAR_DEBIAS if by == "ratings" else 0.0


def similar_movies(catalog: Catalog, snapshot: Snapshot, question: Question) -> list[SimilarMovie]:
    """The most similar movies of this snapshot, best first, titles and all by one query.

    A movie that has left the catalog since the snapshot was made is left out, and the next one takes its place; only
    where most of the 400 nearest have left may there be fewer than `k`.

    Raises:
        UnknownMovie: there is no such movie.
        NotEmbedded, NotRated, NotPublished: the snapshot does not hold the movie, and why.
    """
    if not snapshot.has(question.by, question.movie_id):
        raise _why_not(catalog, catalog.movies.get(question.movie_id), question.by, snapshot.generation)
    wanted = question.k
    while True:
        neighbours = snapshot.similar(question.by, question.movie_id, wanted, question.kind, question.debias)
        found = _still_there(catalog, question, neighbours)
        if len(found) >= question.k or len(neighbours) < wanted:
            return found[: question.k]
        wanted *= 2  # some have been deleted; a snapshot without them is on its way, so this happens rarely


def _still_there(catalog: Catalog, question: Question, neighbours: Sequence[Neighbour]) -> list[SimilarMovie]:
    ids = [neighbour.movie_id for neighbour in neighbours]
    movies = {movie.movie_id: movie for movie in catalog.movies.many([question.movie_id, *ids])}
    if question.movie_id not in movies:
        raise UnknownMovie(question.movie_id)
    return [
        _answer(movies[neighbour.movie_id], question.by, neighbour.score)
        for neighbour in neighbours
        if neighbour.movie_id in movies
    ]


def _why_not(catalog: Catalog, movie: Movie, by: By, generation: int) -> Exception:
    if by == "poster" and movie.state != State.EMBEDDED:
        return NotEmbedded(movie.movie_id, movie.state, movie.reason)
    if by == "ratings" and movie.n_ratings == 0 and not catalog.ratings.given_singly(movie.movie_id):
        return NotRated(movie.movie_id)
    return NotPublished(movie.movie_id, by, generation)


def _answer(movie: Movie, by: By, score: float) -> SimilarMovie:
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
