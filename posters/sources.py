"""Poster sources as the settings write them, and the first poster that one of them has."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from posters.errors import PosterMissing, SourceInvalid
from posters.folder import FolderSource
from posters.given import GivenSource
from posters.guard import SourceGuard
from posters.poster import PosterImage, PosterRequest, PosterSource
from posters.titlecard import TitleCardSource
from posters.tmdb import TmdbSource

__all__ = [
    "Found",
    "OutsideOptions",
    "PosterImage",
    "PosterRequest",
    "PosterSource",
    "first_poster",
    "open_sources",
    "real_sources",
]

TITLE_CARDS = TitleCardSource.name
OUTSIDE = (TmdbSource.name,)
HTTP_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?", re.IGNORECASE)
TOKEN = re.compile(r"[!-~]+")  # what may stand in a header
NO_ACCOUNT = (
    "needs POSTERITY_TMDB_TOKEN, the API Read Access Token of a TMDB account"
    " (free of charge: https://www.themoviedb.org/settings/api)"
)


@dataclass(frozen=True, slots=True)
class OutsideOptions:
    """What sources outside this installation need.

    Attributes:
        tmdb_token: TMDB's API Read Access Token; None where there is no account.
        tmdb_api_url: such as `https://api.themoviedb.org/3`.
        tmdb_image_url: where TMDB's pictures lie; empty: where TMDB says.
        guard: keeps the budget of requests to TMDB.
        poster_hosts: hosts that a movie's `poster_url` may name.
    """

    tmdb_token: str | None = field(repr=False)
    tmdb_api_url: str
    tmdb_image_url: str
    guard: SourceGuard
    poster_hosts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Found:
    """A poster, and what the sources asked before had to say: source name -> why, where that is worth remembering."""

    image: PosterImage
    misses: dict[str, str]


def open_sources(specs: Sequence[str], outside: OutsideOptions | None = None) -> list[PosterSource]:
    """The sources in the order given; before them the one for addresses that were handed in with a movie.

    Args:
        specs: `folder:PATH`, `tmdb` or `titlecard`, as in the setting POSTERITY_POSTER_SOURCES.
        outside: None leaves out what is outside this installation.

    Raises:
        SourceInvalid: a spec is unknown, its folder is missing or unreadable, or TMDB's token is missing; names the
            setting and the spec.
    """
    if not specs:
        raise SourceInvalid("", "no source is named; use folder:PATH, tmdb, titlecard, or several with commas between")
    given: list[PosterSource] = [GivenSource(outside.poster_hosts)] if outside else []
    return given + [_open(spec.strip(), outside) for spec in specs]


def real_sources(specs: Sequence[str]) -> list[str]:
    """Names of the sources outside whose posters replace title cards: those that stand before `titlecard`."""
    names = [spec.strip() for spec in specs]
    before = names[: names.index(TITLE_CARDS)] if TITLE_CARDS in names else names
    return [name for name in before if name in OUTSIDE]


def first_poster(
    sources: Sequence[PosterSource], movie: PosterRequest, remembered: Mapping[str, str] = MappingProxyType({})
) -> Found:
    """The poster of the first source that has one.

    Args:
        remembered: what sources are known not to have, source name -> why; they are not asked again.

    Raises:
        PosterMissing: none has one; says what every source said, and in `misses` what is worth remembering.
        PosterUnavailable, PosterRejected, SourceWaiting: from the source that raised it; the sources behind it are not
            asked, since a poster that is there, or may be there, must not be replaced by a lesser one.
    """
    answers: list[PosterMissing] = []
    misses: dict[str, str] = {}
    for source in sources:
        if source.name in remembered:
            answers.append(PosterMissing(source.name, remembered[source.name]))
            continue
        try:
            return Found(source.fetch(movie), misses)
        except PosterMissing as missing:
            answers.append(missing)
            if source.remembers_misses:
                misses[source.name] = missing.why
    told = [answer for answer in answers if answer.why]
    if len(told) == 1:
        raise PosterMissing(told[0].source, told[0].why, misses)
    names = ", ".join(answer.source for answer in told) or "no source"
    raise PosterMissing(names, "; ".join(map(str, told)) or "no poster source is configured", misses)


def _open(spec: str, outside: OutsideOptions | None) -> PosterSource:
    scheme, _, path = spec.partition(":")
    if scheme == "folder" and path:
        return FolderSource(_readable_folder(spec, Path(path).expanduser()))
    if spec == TITLE_CARDS:
        return TitleCardSource()
    if spec == TmdbSource.name:
        return _tmdb(spec, outside)
    raise SourceInvalid(spec, "unknown poster source; known are folder:PATH, tmdb and titlecard")


def _tmdb(spec: str, outside: OutsideOptions | None) -> TmdbSource:
    if outside is None or not outside.tmdb_token:
        raise SourceInvalid(spec, NO_ACCOUNT)
    if not TOKEN.fullmatch(outside.tmdb_token):
        raise SourceInvalid(spec, "POSTERITY_TMDB_TOKEN has a space, a line break or a letter that no token has")
    for setting, url in (
        ("POSTERITY_TMDB_API_URL", outside.tmdb_api_url),
        ("POSTERITY_TMDB_IMAGE_URL", outside.tmdb_image_url),
    ):
        if not HTTP_ADDRESS.fullmatch(url) and (url or setting.endswith("API_URL")):
            raise SourceInvalid(spec, f"{setting} is no address of the form https://host/path: {url!r}")
    return TmdbSource(outside.tmdb_token, outside.tmdb_api_url, outside.tmdb_image_url, outside.guard)


def _readable_folder(spec: str, folder: Path) -> Path:
    try:
        next(folder.iterdir(), None)
    except FileNotFoundError as err:
        raise SourceInvalid(spec, f"there is no folder {folder.absolute()}; make it or correct the path") from err
    except OSError as err:
        raise SourceInvalid(spec, f"{folder.absolute()} cannot be read as a folder: {err.strerror}") from err
    return folder
