"""What a catalog must be, looked at without changing a byte of it: for `posterity doctor`."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Select, and_, create_engine, event, exists, func, or_, select, text
from sqlalchemy.exc import DBAPIError

from catalog.claiming import OPEN
from catalog.database import SQLITE_READER, Database
from catalog.entries import MAX_ATTEMPTS, Kind, Reason, State
from catalog.errors import BadDatabaseUrl, CatalogBusy, CatalogError
from catalog.schema import jobs, movies, poster_files, poster_vectors, poster_work, workers
from catalog.upgrading import revision_of
from catalog.urls import readable

FARTHEST_LEASE_S = 86_400.0  # the longest lease that the settings take
FARTHEST_ATTEMPT_S = 2 * 86_400.0  # a source may ask for a day; what lies behind two was written by a wrong clock
CLOCK_SKEW_S = 60.0
SHOWN = 5  # ids named of a broken rule
AT_ONCE = 500
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class Damaged(CatalogError):
    """The database is there and cannot be read."""


class ReadOnlyDatabase(Database):
    """A database that is only read; an SQLite file that is not there is not made, and nothing is set on it."""

    def __init__(self, url: str) -> None:
        if readable(url).get_backend_name() != "sqlite":
            super().__init__(url)
            return
        self.url, self.is_sqlite = readable(url), True
        self.engine = _reading_engine(Path(self.url.database or ""))
        self._readers = self.engine.execution_options(**SQLITE_READER)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """As any database's; what SQLite finds broken on the way is an error of this room.

        Raises:
            Damaged: the file is no database, or broken. CatalogBusy: it does not answer.
        """
        try:
            with super().read() as connection:
                yield connection
        except CatalogBusy as err:
            if "readonly" not in str(err):
                raise
            why = "a process died while it wrote; the next one that opens it undoes that: posterity status --once"
            raise Damaged(f"the database at {self.where} cannot be read as it is: {why}") from err
        except DBAPIError as err:
            raise Damaged(f"the database at {self.where} cannot be read: {str(err.orig).splitlines()[0]}") from err


def _reading_engine(path: Path) -> Engine:
    if not path.is_file():
        raise BadDatabaseUrl(f"{path}: there is no database yet; posterity import or posterity serve makes it")
    where = f"file:{quote(str(path.absolute()))}?mode=ro"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(where, uri=True, timeout=5, check_same_thread=False)
        connection.isolation_level = None
        return connection

    engine = create_engine("sqlite://", creator=connect)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


@dataclass(frozen=True, slots=True)
class Facts:
    """About a database.

    Attributes:
        revision: of its schema, empty where it has none. journal_mode: of SQLite, else empty. version: of the program.
        now: its clock, in seconds since 1970. unsafe: settings of PostgreSQL with which a power cut takes commits away.
    """

    revision: str
    journal_mode: str
    version: str
    now: float
    unsafe: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that rows break: which, how many rows, the ids of the first ones, and whether work is lost by it."""

    rule: str
    count: int
    first: tuple[str, ...]
    lost: bool


def facts(database: Database) -> Facts:
    """What a database says of itself.

    Raises:
        CatalogBusy: it does not answer.
    """
    with database.read() as connection:
        revision = revision_of(connection)
        if database.is_sqlite:
            mode = str(connection.execute(text("PRAGMA journal_mode")).scalar_one())
            return Facts(revision, mode.upper(), sqlite3.sqlite_version, time.time())
        version = str(connection.execute(text("SHOW server_version")).scalar_one())
        now = connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
        durable = {name: str(connection.execute(text(f"SHOW {name}")).scalar_one()) for name in DURABLE}
        return Facts(
            revision, "", version, float(now), tuple(name for name, value in durable.items() if value == "off")
        )


def damages(database: Database, quick: bool = False) -> list[str]:
    """What SQLite's own check finds, one line each; of PostgreSQL nothing, which checks pages as it reads them.

    Args:
        quick: without comparing each index with its table.

    Cost: reads all of it, 2 s for 500 MB and half of that when quick; SQLite's writers wait meanwhile in DELETE mode.
    """
    if not database.is_sqlite:
        return []
    check = "quick_check" if quick else "integrity_check"
    with database.read() as connection:
        found = [str(line) for line in connection.execute(text(f"PRAGMA {check}(20)")).scalars() if line != "ok"]
        orphans = connection.execute(text("PRAGMA foreign_key_check")).all()
    if orphans:
        found.append(f"{len(orphans):,} rows name a row that is not there, the first in table {orphans[0][0]}")
    return found


def breaches(database: Database, now: float) -> list[Breach]:
    """The rules of the work protocol that rows break, at this time in seconds since 1970."""
    with database.read() as connection:
        found = [_breach(connection, *rule) for rule in _rules(now)]
    return [breach for breach in found if breach.count]


def _rules(now: float) -> Iterator[tuple[str, Any, bool]]:
    """Each with the query of the ids that break it, and whether work is lost by it."""
    work, has_vector = poster_work.c, exists().where(poster_vectors.c.movie_id == poster_work.c.movie_id)
    embedded = or_(work.state == State.EMBEDDED, work.renewing)
    yield "an embedded movie has its vector", _ids(embedded, ~has_vector), True
    known = tuple(state for state in State if state != State.NONE)
    yield "a state is one of those known", _ids(work.state.not_in(known)), True
    why = or_(work.reason.is_(None), work.reason.not_in(tuple(Reason)))
    yield "a failed movie has a reason", _ids(work.state == State.FAILED, why), False
    yield (
        f"no row has more than {MAX_ATTEMPTS} attempts",
        _ids(or_(work.attempt > MAX_ATTEMPTS, work.attempt < 0)),
        True,
    )
    half = work.token.is_(None) != work.lease_until.is_(None)
    yield "a lease and its token go together", _ids(half), True
    resting = and_(work.state.not_in(OPEN), work.token.is_not(None))
    yield "what has ended is in nobody's hands", _ids(resting), True
    spent = and_(work.state.in_(OPEN), work.attempt >= MAX_ATTEMPTS, work.lease_until.is_(None))
    yield "a row that waits has an attempt left", _ids(spent), True
    yield "no lease ends later than a lease may", _ids(work.lease_until > now + FARTHEST_LEASE_S), True
    late = and_(work.state.in_(OPEN), work.next_attempt_at > now + FARTHEST_ATTEMPT_S)
    yield "no row waits for a time far off", _ids(late), True
    yield "no row was changed in the future", _ids(work.changed_at > now + CLOCK_SKEW_S), False
    held = jobs.c.kind != "add"
    over = or_(jobs.c.attempt > MAX_ATTEMPTS, jobs.c.lease_until > now + FARTHEST_LEASE_S)
    yield "a job has attempts and a lease within bounds", select(jobs.c.job_id).where(held, over), True
    nameless = movies.c.title == ""
    yield "a movie has a title", select(movies.c.movie_id).where(nameless), False


def _ids(*conditions: Any) -> Select[Any]:
    return select(poster_work.c.movie_id).where(*conditions)


def _breach(connection: Connection, rule: str, query: Any, lost: bool) -> Breach:
    count = int(connection.execute(select(func.count()).select_from(query.subquery())).scalar_one())
    first = connection.execute(query.limit(SHOWN)).scalars().all() if count else ()
    return Breach(rule, count, tuple(map(str, first)), lost)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Work that nobody does: rows whose lease ended at least a while ago, and kinds with rows but no living worker."""

    expired: int
    kinds_without_worker: tuple[str, ...]


def waiting(database: Database, now: float, alive_within_s: float, overdue_s: float) -> Waiting:
    """What waits for hands, at this time in seconds since 1970."""
    overdue = and_(poster_work.c.state.in_(OPEN), poster_work.c.lease_until < now - overdue_s)
    with database.read() as connection:
        expired = int(connection.execute(select(func.count()).select_from(poster_work).where(overdue)).scalar_one())
        states = set(
            connection.execute(select(poster_work.c.state).where(poster_work.c.state.in_(OPEN)).distinct()).scalars()
        )
        seen = select(workers.c.kinds).where(workers.c.seen_at >= now - alive_within_s)
        hands = {kind for kinds in connection.execute(seen).scalars() for kind in kinds.split(",")}
    due = {str(Kind.FETCH)} if State.PENDING in states else set()
    due |= {str(Kind.EMBED)} if State.FETCHED in states else set()
    return Waiting(expired, tuple(sorted(due - hands)))


def records(database: Database, most: int | None) -> Iterator[list[tuple[int, bytes]]]:
    """Movie ids and records of the stored vectors in runs; all, or `most` of them spread evenly."""
    for ids in _chosen(database, poster_vectors.c.movie_id, most):
        query = select(poster_vectors.c.movie_id, poster_vectors.c.record).where(poster_vectors.c.movie_id.in_(ids))
        with database.read() as connection:
            yield [(row.movie_id, row.record) for row in connection.execute(query.order_by(poster_vectors.c.movie_id))]


def pictures(database: Database, most: int | None) -> Iterator[list[tuple[int, str, str]]]:
    """Movie ids, sha256 and media types of the stored posters in runs; all, or `most` of them spread evenly."""
    for ids in _chosen(database, poster_files.c.movie_id, most):
        query = select(poster_files.c.movie_id, poster_files.c.sha256, poster_files.c.media_type)
        with database.read() as connection:
            rows = connection.execute(query.where(poster_files.c.movie_id.in_(ids)).order_by(poster_files.c.movie_id))
            yield [(row.movie_id, row.sha256, row.media_type) for row in rows]


def counts(database: Database) -> tuple[int, int]:
    """How many vectors and how many posters there are."""
    with database.read() as connection:
        tables = (poster_vectors, poster_files)
        vectors, posters = (connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables)
    return int(vectors), int(posters)


def _chosen(database: Database, column: Any, most: int | None) -> Iterator[list[int]]:
    with database.read() as connection:
        ids = list(connection.execute(select(column).order_by(column)).scalars())
    if most is not None and len(ids) > most:
        ids = [ids[number * len(ids) // most] for number in range(most)]
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]
