"""What TMDB's answers say, as shown by its API version 3; whatever else comes is refused, not guessed at."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from posters.poster import PosterRequest

IMAGE_URL = "https://image.tmdb.org/t/p"  # as `/configuration` has said for years, without the slash at its end
SIZE = "w342"  # pixels wide: enough for the encoder's 224 x 224
POSTER_PATH = re.compile(r"/[A-Za-z0-9_-]{1,64}\.(jpg|jpeg|png|webp)")
WIDTH = re.compile(r"w([0-9]{2,5})")


class ForeignAnswer(ValueError):
    """Not an answer of TMDB's API, although it came with status 200: a proxy, a login page, another service."""


@dataclass(frozen=True, slots=True)
class TmdbMovie:
    """What one entry says; `poster_path` is None where TMDB has no poster, and not checked yet."""

    tmdb_id: int
    title: str
    release_date: str  # YYYY-MM-DD, or empty
    poster_path: str | None


@dataclass(frozen=True, slots=True)
class ImageBase:
    """Where pictures lie: an address without a slash at its end, and the width to ask for."""

    url: str = IMAGE_URL
    size: str = SIZE

    def picture(self, poster_path: str) -> str:
        """The address of a poster."""
        return f"{self.url}/{self.size}{poster_path}"


def movie_entry(answer: Any) -> TmdbMovie:
    """`/movie/ID`, or one entry of `/find`.

    Raises:
        ForeignAnswer.
    """
    match answer:
        case {"id": int(tmdb_id), "poster_path": str() | None as path, **others} if not isinstance(tmdb_id, bool):
            return TmdbMovie(tmdb_id, str(others.get("title")), str(others.get("release_date") or ""), path or None)
    raise ForeignAnswer("not a movie of TMDB")


def found_entries(answer: Any) -> list[TmdbMovie]:
    """`/find/ID`: the movies, best first; none where TMDB does not know the id.

    Raises:
        ForeignAnswer.
    """
    match answer:
        case {"movie_results": [*entries]}:
            return [movie_entry(entry) for entry in entries]
    raise ForeignAnswer("not a list of TMDB's findings")


def best(entries: Sequence[TmdbMovie], wanted: PosterRequest) -> TmdbMovie:
    """The entry with the wanted title and year where there is one, else the first."""

    def unlike(entry: TmdbMovie) -> tuple[bool, bool]:
        other_year = wanted.year is not None and not entry.release_date.startswith(f"{wanted.year}-")
        return other_year, entry.title.casefold() != wanted.title.casefold()

    exact = (entry for entry in entries if unlike(entry) == (False, False))
    return next(exact, entries[0])


def image_base(answer: Any, secure: bool = True) -> ImageBase:
    """`/configuration`; TMDB's own constants where the answer is not what it should be.

    Args:
        secure: an address that is not https is not taken.
    """
    match answer:
        case {"images": {"secure_base_url": str(url), "poster_sizes": [*sizes]}} if _is_base(url, secure):
            return ImageBase(url.rstrip("/"), _size([size for size in sizes if isinstance(size, str)]))
    return ImageBase()


def message(answer: Any, hide: Callable[[str], str] = str) -> str:
    """What an error says in `status_message`, behind a colon and on one line; empty where it says nothing.

    Args:
        hide: takes out of the whole text what nobody may see; of a text cut short a part could be left.
    """
    match answer:
        case {"status_message": str(text)} if text.strip():
            return f": {hide(' '.join(text.split()))[:200]}"
    return ""


def _is_base(url: str, secure: bool) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    schemes = ("https",) if secure else ("http", "https")
    return parts.scheme in schemes and bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)


def _size(offered: Sequence[str]) -> str:
    """w342, or the next larger width that is offered, or the largest; never `original`, which may be huge."""
    if SIZE in offered:
        return SIZE
    widths = sorted(int(match[1]) for size in offered if (match := WIDTH.fullmatch(size)))
    enough = [width for width in widths if width >= int(SIZE[1:])]
    return f"w{(enough or widths[-1:])[0]}" if widths else SIZE
