"""Posters that somebody chose for a movie: by an address, or by handing the picture in."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from catalog.content import ContentStore
from catalog.database import Database
from catalog.errors import UnknownMovie
from catalog.movies import chunks
from catalog.schema import given_posters, movies


@dataclass(frozen=True, slots=True)
class GivenPoster:
    """What was chosen for one movie: an address, a picture in the content store, or both; the picture goes first."""

    movie_id: int
    url: str | None
    sha256: str | None
    media_type: str | None


class GivenPosters:
    """The chosen posters of one catalog."""

    def __init__(self, database: Database, content: ContentStore) -> None:
        self._database, self._content = database, content

    def of(self, movie_ids: Sequence[int]) -> dict[int, GivenPoster]:
        """What was chosen for these movies; movies without a choice are left out."""
        wanted = select(given_posters)
        found: dict[int, GivenPoster] = {}
        with self._database.read() as connection:
            for chunk in chunks(movie_ids):
                for row in connection.execute(wanted.where(given_posters.c.movie_id.in_(chunk))):
                    found[row.movie_id] = GivenPoster(row.movie_id, row.url, row.sha256, row.media_type)
        return found

    def set_url(self, connection: Connection, movie_id: int, url: str) -> bool:
        """Chooses an address, in the caller's transaction; True when another one, or none, was chosen before."""
        there = select(given_posters.c.url).where(given_posters.c.movie_id == movie_id)
        before = connection.execute(there).first()
        if before is not None and before.url == url:
            return False
        _put(connection, movie_id, {"url": url})
        return True

    def set_file(self, movie_id: int, content: bytes, media_type: str) -> str:
        """Keeps a picture as this movie's choice; returns its sha256. It is looked into when it is fetched.

        Args:
            media_type: image/jpeg, image/png or image/webp.

        Raises:
            UnknownMovie: there is no such movie.
        """
        sha256 = self._content.put(content, media_type)
        with self._database.write() as connection:
            _put(connection, movie_id, {"sha256": sha256, "media_type": media_type})
        return sha256

    def forget_file(self, movie_id: int) -> None:
        """The address, or else the sources, count again."""
        values = {"sha256": None, "media_type": None}
        with self._database.write() as connection:
            connection.execute(update(given_posters).where(given_posters.c.movie_id == movie_id).values(values))


def _put(connection: Connection, movie_id: int, values: dict[str, Any]) -> None:
    # Two choices for one movie at once would both find none: the second waits here. Posters may be stored meanwhile.
    there = select(movies.c.movie_id).where(movies.c.movie_id == movie_id).with_for_update(key_share=True)
    if connection.execute(there).first() is None:
        raise UnknownMovie(movie_id)
    given = {**values, "given_at": time.time()}
    changed = update(given_posters).where(given_posters.c.movie_id == movie_id).values(given)
    if connection.execute(changed).rowcount == 0:
        connection.execute(insert(given_posters).values(movie_id=movie_id, **given))
