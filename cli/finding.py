"""Finds the movie that a person means: by id, by title, by title and year."""

from catalog.catalog import Catalog
from catalog.entries import Movie
from catalog.errors import CatalogError
from catalog.titles import search_text, split_title

SHOWN = 5  # other movies of a similar name that are mentioned


class NoSuchMovie(CatalogError):
    """Nothing in the catalog has such a name."""


def find_movie(catalog: Catalog, text: str) -> tuple[Movie, list[Movie]]:
    """The movie meant, and others of a similar name.

    A number is an id. A title counts with or without its year; the very title wins over a part of one, the
    most-rated over the rest.

    Raises:
        UnknownMovie: no movie has this id. NoSuchMovie: none has such a title.
    """
    if text.isascii() and text.isdigit() and (by_id := catalog.movies.many([int(text[:10])])):
        return by_id[0], []
    title, year = split_title(text)
    found = catalog.movies.page(q=title, limit=50).items
    of_year = [movie for movie in found if year is None or movie.year == year]
    if not of_year or not search_text(title):
        near = f"; of another year: {', '.join(movie.label for movie in found[:SHOWN])}" if found else ""
        raise NoSuchMovie(f"no movie is called {text!r}{near}")
    return of_year[0], of_year[1 : 1 + SHOWN]
