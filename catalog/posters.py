"""What is stored of posters: files by movie, and vectors by movie and by content."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, or_, select

from catalog.content import ContentStore
from catalog.database import Database
from catalog.entries import PosterFile, State
from catalog.errors import NoPoster
from catalog.movies import Movies, chunks
from catalog.schema import deleted_movies, poster_files, poster_vectors, poster_work

VECTORS_PER_READ = 512  # about 4.5 MB of records at 8.7 kB each
TIMES_PER_READ = 20_000  # some 0.1 s


@dataclass(frozen=True, slots=True)
class StoredVector:
    """One embedded poster as a rebuild reads it."""

    movie_id: int
    record: bytes
    generated: bool


@dataclass(frozen=True, slots=True)
class EmbeddedMark:
    """Tells two states of what a snapshot holds apart: how many posters, when the last one came, and the last went."""

    count: int
    latest: float
    deleted: float = 0.0  # when a movie was last deleted; one without a poster may have rating vectors


class Posters:
    """Poster files and vectors of one catalog."""

    def __init__(self, database: Database, content: ContentStore) -> None:
        self._database, self.content = database, content

    def files(self, movie_ids: Sequence[int]) -> dict[int, PosterFile]:
        """The poster files of these movies; movies without one are left out."""
        found: dict[int, PosterFile] = {}
        with self._database.read() as connection:
            for chunk in chunks(movie_ids):
                rows = connection.execute(select(poster_files).where(poster_files.c.movie_id.in_(chunk))).mappings()
                found.update((row["movie_id"], PosterFile(**row)) for row in rows)
        return found

    def image(self, movie_id: int) -> tuple[PosterFile, bytes]:
        """A movie's poster and its bytes.

        Raises:
            UnknownMovie: there is no such movie.
            NoPoster: it has no poster yet, or its file is gone.
        """
        file = self.files([movie_id]).get(movie_id)
        content = self.content.get(file.sha256, file.media_type) if file else None
        if file is None or content is None:
            raise NoPoster(movie_id, Movies(self._database).get(movie_id).state)
        return file, content

    def records_of_content(self, sha256s: Sequence[str], fingerprint: str) -> dict[str, bytes]:
        """Records that exist already for these bytes under this encoder: the same picture is encoded once."""
        found: dict[str, bytes] = {}
        with self._database.read() as connection:
            for chunk in chunks(list(dict.fromkeys(sha256s))):  # type: ignore[arg-type]
                query = select(poster_vectors.c.sha256, poster_vectors.c.record).where(
                    poster_vectors.c.sha256.in_(chunk), poster_vectors.c.fingerprint == fingerprint
                )
                found.update((row.sha256, row.record) for row in connection.execute(query))
        return found

    def mark(self) -> EmbeddedMark:
        """How many posters are embedded, when the last one was, and when a movie was last deleted."""
        with self._database.read() as connection:
            query = select(func.count(), func.max(poster_vectors.c.embedded_at)).where(counting_vectors())
            count, latest = connection.execute(query).one()
            deleted = connection.execute(select(func.max(deleted_movies.c.deleted_at))).scalar()
        return EmbeddedMark(count, latest or 0.0, deleted or 0.0)

    def fingerprints(self) -> dict[str, int]:
        """Embedded posters by the encoder that made them, the most frequent first."""
        number = func.count()
        query = (
            select(poster_vectors.c.fingerprint, number)
            .where(counting_vectors())
            .group_by(poster_vectors.c.fingerprint)
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(number.desc())).all()
        return {row[0]: row[1] for row in rows}

    def times(self, fingerprint: str) -> Iterator[list[tuple[int, float]]]:
        """Which movies have a poster that this encoder embedded, and when, in seconds since 1970.

        By movie id, in runs of 20,000; each run is one short read, without the records. No two records of one movie
        have the same time.
        """
        last = 0
        while run := self._times_behind(last, fingerprint):
            yield run
            last = run[-1][0]

    def vectors(self, fingerprint: str) -> Iterator[list[StoredVector]]:
        """All embedded posters of one encoder in runs of 512, by movie id; each run is one short read."""
        last = 0
        while run := self._vectors_behind(last, fingerprint):
            yield run
            last = run[-1].movie_id

    def vectors_of(self, movie_ids: Sequence[int], fingerprint: str) -> Iterator[list[StoredVector]]:
        """The embedded posters of these movies, in their order; those that this encoder has not embedded are left out.

        In runs of 512 ids; each run is one short read.
        """
        query = _stored(fingerprint)
        for start in range(0, len(movie_ids), VECTORS_PER_READ):
            ids = movie_ids[start : start + VECTORS_PER_READ]
            with self._database.read() as connection:
                rows = connection.execute(query.where(poster_vectors.c.movie_id.in_(ids))).all()
            found = {row.movie_id: StoredVector(row.movie_id, row.record, row.generated) for row in rows}
            yield [found[movie_id] for movie_id in ids if movie_id in found]

    def _times_behind(self, last: int, fingerprint: str) -> list[tuple[int, float]]:
        query = (
            select(poster_vectors.c.movie_id, poster_vectors.c.embedded_at)
            .where(poster_vectors.c.movie_id > last, poster_vectors.c.fingerprint == fingerprint, counting_vectors())
            .order_by(poster_vectors.c.movie_id)
            .limit(TIMES_PER_READ)
        )
        with self._database.read() as connection:
            return [(row.movie_id, row.embedded_at) for row in connection.execute(query)]

    def _vectors_behind(self, last: int, fingerprint: str) -> list[StoredVector]:
        after = _stored(fingerprint).where(poster_vectors.c.movie_id > last)
        query = after.order_by(poster_vectors.c.movie_id).limit(VECTORS_PER_READ)
        with self._database.read() as connection:
            return [StoredVector(row.movie_id, row.record, row.generated) for row in connection.execute(query)]


def _stored(fingerprint: str) -> Select[Any]:
    """The columns of `StoredVector`, of the vectors of one encoder that count."""
    columns = (poster_vectors.c[name] for name in ("movie_id", "record", "generated"))
    return select(*columns).where(poster_vectors.c.fingerprint == fingerprint, counting_vectors())


def counting_vectors() -> ColumnElement[bool]:
    """A vector counts while its movie's row says `embedded`, and while a newer poster is on its way.

    Looked up for each vector: SQLite would make a list of all rows for an IN first, 0.6 s at a million movies.
    """
    counts = or_(poster_work.c.state == State.EMBEDDED, poster_work.c.renewing)
    return exists().where(poster_work.c.movie_id == poster_vectors.c.movie_id, counts)
