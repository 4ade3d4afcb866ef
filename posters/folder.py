"""Posters in a folder of your own, named by movie id or IMDb id."""

import re
from collections.abc import Iterator
from pathlib import Path

from posters.decoding import MAX_BYTES
from posters.errors import PosterMissing, PosterRejected, PosterUnavailable, RejectReason
from posters.poster import PosterImage, PosterRequest, Provenance, poster_image

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
IMDB_ID = re.compile(r"tt[0-9]{7,12}")


class FolderSource:
    """Reads `{movie_id}.jpg` or `{imdb_id}.jpg` (also .jpeg, .png, .webp, any of them in capitals) from one folder.

    Nothing outside the folder is ever read: a link that leads out of it counts as no poster. A folder that cannot be
    reached, such as a drive that is not mounted, makes posters unavailable, not missing.
    """

    name = "folder"
    remembers_misses = False  # a file may be put there at any time, and looking costs nothing

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def fetch(self, movie: PosterRequest) -> PosterImage:
        """The first of the names above that exists; its file name is the origin. Raises as PosterSource says."""
        try:
            path = self._find(movie)
            content = self._read(path)
        except OSError as err:
            raise PosterUnavailable(self.name, f"movie {movie.movie_id}: {self._root}: {err.strerror or err}") from err
        return poster_image(content, Provenance(self.name, path.name))

    def _find(self, movie: PosterRequest) -> Path:
        with_links_out = []
        for name in _names(movie):
            path = self._root / name
            if not path.is_file():
                continue
            if path.resolve().is_relative_to(self._root):
                return path
            with_links_out.append(name)
        if not self._root.is_dir():
            raise PosterUnavailable(self.name, f"movie {movie.movie_id}: the folder {self._root} is not there")
        if with_links_out:
            why = f"movie {movie.movie_id}: {with_links_out[0]} leads out of {self._root} and is not read"
            raise PosterMissing(self.name, why)
        raise PosterMissing(self.name, f"movie {movie.movie_id}: {self._root} has no file for it")

    def _read(self, path: Path) -> bytes:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            why = f"{path.stat().st_size:,} bytes, at most {MAX_BYTES:,} are accepted"
            raise PosterRejected(RejectReason.IMAGE_TOO_LARGE, f"{self.name}:{path.name}", why)
        return content


def _names(movie: PosterRequest) -> Iterator[str]:
    stems = [str(movie.movie_id)]
    if movie.imdb_id and IMDB_ID.fullmatch(movie.imdb_id):
        stems.append(movie.imdb_id)
    for stem in stems:
        for suffix in SUFFIXES:
            yield stem + suffix
            yield stem + suffix.upper()
