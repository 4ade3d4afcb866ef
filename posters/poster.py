"""The values that poster sources take and give, and what a source is."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from posters.decoding import examine


@dataclass(frozen=True, slots=True)
class PosterRequest:
    """What a source may use to find the poster of one movie; `imdb_id` is `tt` and at least seven digits.

    `poster_url` is an address that somebody gave for this movie; whoever gave it may be hostile.
    """

    movie_id: int
    title: str
    year: int | None
    genres: tuple[str, ...]
    imdb_id: str | None
    tmdb_id: int | None
    poster_url: str | None = None


@dataclass(frozen=True, slots=True)
class PosterImage:
    """The unchanged bytes of one poster, decoded once without complaint.

    Attributes:
        content: the file as it came.
        sha256: of `content`, 64 hexadecimal digits.
        media_type: `image/jpeg`, `image/png` or `image/webp`, as found in the bytes.
        width: pixels of the upright picture.
        height: pixels of the upright picture.
        source: name of the source: `folder`, `titlecard`, ..
        origin: file name or address within the source.
        generated: True for a drawn title card, False for a real poster.
        attribution: what must be shown beside it, or None.
        lifetime_s: seconds after which it must be fetched again or forgotten; None for ever.
    """

    content: bytes
    sha256: str
    media_type: str
    width: int
    height: int
    source: str
    origin: str
    generated: bool
    attribution: str | None
    lifetime_s: float | None = None


class PosterSource(Protocol):
    """A place posters come from; `fetch` may be called from several threads at once."""

    @property
    def name(self) -> str:
        """Short and stable, as stored with every poster."""

    @property
    def remembers_misses(self) -> bool:
        """True where asking again soon about a movie without a poster would be a burden."""

    def fetch(self, movie: PosterRequest) -> PosterImage:
        """The poster of this movie.

        Raises:
            PosterMissing: there is none. PosterUnavailable: try later. PosterRejected: there is one, unusable.
        """


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where bytes came from, before it is known whether they are a poster."""

    source: str
    origin: str
    generated: bool = False
    attribution: str | None = None
    lifetime_s: float | None = None


def poster_image(content: bytes, provenance: Provenance) -> PosterImage:
    """A poster of these bytes, after decoding them once.

    Raises:
        PosterRejected: the bytes are no usable poster; the message names source and origin.
    """
    decoded = examine(content, where=f"{provenance.source}:{provenance.origin}")
    return PosterImage(
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        media_type=decoded.media_type,
        width=decoded.image.width,
        height=decoded.image.height,
        source=provenance.source,
        origin=provenance.origin,
        generated=provenance.generated,
        attribution=provenance.attribution,
        lifetime_s=provenance.lifetime_s,
    )
