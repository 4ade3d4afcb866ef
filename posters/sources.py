"""Poster sources as the settings write them, and the first poster that one of them has."""

from collections.abc import Sequence
from pathlib import Path

from posters.errors import PosterMissing, SourceInvalid
from posters.folder import FolderSource
from posters.poster import PosterImage, PosterRequest, PosterSource
from posters.titlecard import TitleCardSource

__all__ = ["PosterImage", "PosterRequest", "PosterSource", "first_poster", "open_sources"]


def open_sources(specs: Sequence[str]) -> list[PosterSource]:
    """The sources in the order given.

    Args:
        specs: `folder:PATH` or `titlecard`, as in the setting POSTERITY_POSTER_SOURCES.

    Raises:
        SourceInvalid: a spec is unknown, or its folder is missing or unreadable; names the setting and the spec.
    """
    if not specs:
        raise SourceInvalid("", "no source is named; use folder:PATH, titlecard, or both with a comma between")
    return [_open(spec.strip()) for spec in specs]


def first_poster(sources: Sequence[PosterSource], movie: PosterRequest) -> PosterImage:
    """The poster of the first source that has one.

    Raises:
        PosterMissing: none has one; says what every source said.
        PosterUnavailable, PosterRejected: from the source that raised it; the sources behind it are not asked, since
            a poster that is there, or may be there, must not be replaced by a lesser one.
    """
    answers = []
    for source in sources:
        try:
            return source.fetch(movie)
        except PosterMissing as missing:
            answers.append(str(missing))
    names = ", ".join(source.name for source in sources) or "no source"
    raise PosterMissing(names, "; ".join(answers) or "no poster source is configured")


def _open(spec: str) -> PosterSource:
    scheme, _, path = spec.partition(":")
    if scheme == "folder" and path:
        return FolderSource(_readable_folder(spec, Path(path).expanduser()))
    if spec == "titlecard":
        return TitleCardSource()
    raise SourceInvalid(spec, "unknown poster source; known are folder:PATH and titlecard")


def _readable_folder(spec: str, folder: Path) -> Path:
    try:
        next(folder.iterdir(), None)
    except FileNotFoundError as err:
        raise SourceInvalid(spec, f"there is no folder {folder.absolute()}; make it or correct the path") from err
    except OSError as err:
        raise SourceInvalid(spec, f"{folder.absolute()} cannot be read as a folder: {err.strerror}") from err
    return folder
