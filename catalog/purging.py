"""Throws posters away: those whose time is over, those of one source, and bytes that no movie uses."""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, or_, select, update

from catalog.claiming import ADVANCED, hold
from catalog.content import ContentStore
from catalog.database import Database, Lock, alone
from catalog.entries import State
from catalog.movies import chunks
from catalog.schema import given_posters, movies, poster_files, poster_vectors, poster_work

# Bytes are stored before any row names them: a file younger than this may belong to a poster that is just arriving.
ARRIVING_S = 3600.0


@dataclass(frozen=True, slots=True)
class Purged:
    """What was, or would be, thrown away: posters of movies, and files of the content store with their bytes."""

    posters: int
    files: int
    bytes: int


class Purging:
    """The broom of one catalog."""

    def __init__(self, database: Database, content: ContentStore) -> None:
        self._database, self._content = database, content

    def purge(self, source: str | None = None, dry_run: bool = False) -> Purged:
        """Forgets posters with their vectors; their movies are queued again and get what the sources have now.

        Args:
            source: forget every poster of this source; by default those whose time is over.
            dry_run: only count.
        """
        over = poster_files.c.expires_at <= time.time()
        wanted = over if source is None else or_(over, poster_files.c.source == source)
        with self._database.read() as connection:
            ids = connection.execute(select(poster_files.c.movie_id).where(wanted)).scalars().all()
        if not dry_run:
            for chunk in chunks(ids):
                self._forget(chunk, wanted)
        files, size = self._sweep(set(ids) if dry_run else set(), dry_run)
        return Purged(len(ids), files, size)

    def _forget(self, movie_ids: Any, wanted: Any) -> None:
        """One run of movies; those whose poster was renewed meanwhile are left alone."""
        with self._database.write() as connection:
            alone(connection, Lock.MOVIES)
            hold(connection, movie_ids)
            here = poster_files.c.movie_id.in_(movie_ids)
            gone = delete(poster_files).where(here, wanted).returning(poster_files.c.movie_id)
            ids = connection.execute(gone).scalars().all()
            connection.execute(delete(poster_vectors).where(poster_vectors.c.movie_id.in_(ids)))
            now = time.time()
            again = {**ADVANCED, "state": State.PENDING, "renewing": False, "changed_at": now}
            connection.execute(update(poster_work).where(poster_work.c.movie_id.in_(ids)).values(again))
            connection.execute(update(movies).where(movies.c.movie_id.in_(ids)).values(changed_at=now))

    def _sweep(self, doomed: set[int], dry_run: bool) -> tuple[int, int]:
        """Files that no movie uses, `doomed` ones not counted as users: how many, and their bytes."""
        used = self._used(doomed)
        files = size = 0
        for path in self._content.files():
            if path.stem in used or path.stat().st_mtime > time.time() - ARRIVING_S:
                continue
            files, size = files + 1, size + path.stat().st_size
            if not dry_run:
                path.unlink(missing_ok=True)
        return files, size

    def _used(self, doomed: set[int]) -> set[str]:
        with self._database.read() as connection:
            rows = connection.execute(select(poster_files.c.movie_id, poster_files.c.sha256)).all()
            handed_in = select(given_posters.c.sha256).where(given_posters.c.sha256.is_not(None))
            return {row.sha256 for row in rows if row.movie_id not in doomed} | set(
                connection.execute(handed_in).scalars()
            )

    def sources(self) -> dict[str, int]:
        """How many posters of each source there are."""
        query = select(poster_files.c.source, func.count()).group_by(poster_files.c.source)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}
