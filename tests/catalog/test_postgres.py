"""What only PostgreSQL does: rows in other hands are skipped, lost connections made again, errors keep secrets."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select, text

from catalog.catalog import Catalog
from catalog.claiming import due, take
from catalog.database import Database
from catalog.entries import Kind, NewMovie, PosterFile, State
from catalog.errors import CatalogBusy
from catalog.schema import movies, poster_files, poster_misses, poster_work
from catalog.storing import store_movies
from tests.postgres import Postgres

SOON = text("SET lock_timeout = '2s'")  # a claim that waited for a lock would end with an error instead of hanging
# Without these PostgreSQL joins the rows to be claimed by running the subquery again for every row of the table.
BAD_PLAN = ("enable_hashjoin", "enable_mergejoin", "enable_hashagg", "enable_sort", "enable_material")


@pytest.fixture
def url(postgres: Postgres, newest_schema: str) -> Iterator[str]:
    name = postgres.create(newest_schema)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def catalog(url: str, tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def other(url: str) -> Iterator[Database]:
    """The database as another process has it open."""
    opened = Database(url)
    yield opened
    opened.close()


def _queue(catalog: Catalog, n: int) -> None:
    with catalog.database.write() as connection:
        store_movies(connection, [NewMovie(f"Movie {i}", movie_id=i) for i in range(1, n + 1)], {}, 0.0)
    catalog.work.enqueue_all()


def _spoil(connection: Any) -> None:
    for way in BAD_PLAN:
        connection.exec_driver_sql(f"SET LOCAL {way} = off")


def test_a_row_that_another_worker_is_claiming_is_skipped_not_waited_for(catalog: Catalog, other: Database) -> None:
    _queue(catalog, 3)
    with other.write() as claiming:
        claiming.execute(select(poster_work).where(poster_work.c.movie_id == 1).with_for_update())
        with catalog.database.engine.connect() as connection:
            connection.execute(SOON)
            connection.commit()
        assert catalog.work.claim(Kind.FETCH, 10, 60).movie_ids == (2, 3)
    assert catalog.work.claim(Kind.FETCH, 10, 60).movie_ids == (1,)


def test_a_claim_takes_no_more_than_was_asked_however_the_rows_are_joined(catalog: Catalog) -> None:
    _queue(catalog, 200)
    with catalog.database.write() as connection:
        connection.exec_driver_sql("ANALYZE poster_work")
        _spoil(connection)
        assert take(connection, due(Kind.FETCH, time.time()), 2, 1e12).movie_ids == (1, 2)


def test_one_job_of_a_kind_is_claimed_however_the_rows_are_joined(catalog: Catalog) -> None:
    opened = {catalog.jobs.open(kind).job_id for kind in ("train", "rebuild")}
    event.listen(catalog.database.engine, "begin", _spoil)
    claimed = [catalog.jobs.claim(60) for _ in range(3)]
    assert {job.job_id for job in claimed if job} == opened


def test_a_suspect_that_becomes_free_in_mid_claim_is_not_taken_along(catalog: Catalog, other: Database) -> None:
    _queue(catalog, 3)
    catalog.work.claim(Kind.FETCH, 1, -1.0)  # movie 1 is lost by its worker
    with other.engine.connect() as holder:
        holder.execute(select(poster_work).where(poster_work.c.movie_id == 1).with_for_update())
        event.listen(catalog.database.engine, "after_cursor_execute", lambda *_: holder.rollback())
        assert catalog.work.claim(Kind.FETCH, 3, 60).movie_ids == (2, 3)
    assert catalog.work.claim(Kind.FETCH, 3, 60).movie_ids == (1,)


def _purge(catalog: Catalog) -> None:
    catalog.purging.purge(source="folder")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda catalog: catalog.editing.delete(1), id="deleted"),
        pytest.param(lambda catalog: catalog.work.renew([1]), id="renewed"),
        pytest.param(_purge, id="purged"),
    ],
)
def test_what_happens_to_a_movie_while_its_poster_is_recorded_waits_and_does_not_collide(
    catalog: Catalog, other: Database, change: Callable[[Catalog], object]
) -> None:
    _queue(catalog, 1)
    claim = catalog.work.claim(Kind.FETCH, 1, 60)
    catalog.work.fetched(claim, [_file(1)], {1: {"tmdb": "has none"}})
    with other.write() as recording, ThreadPoolExecutor(1) as pool:
        recording.execute(poster_work.update().values(changed_at=2.0))
        changing = pool.submit(change, catalog)
        _wait_until_somebody_waits(other)
        recording.execute(poster_files.delete())
        recording.execute(poster_files.insert().values(asdict(_file(1))))
        recording.execute(poster_misses.delete())
        recording.commit()
        changing.result(30)


def _file(movie_id: int) -> PosterFile:
    return PosterFile(movie_id, "0" * 64, "image/png", 2, 3, 10, "folder", "x.png", False, None, 1.0)


def _wait_until_somebody_waits(database: Database) -> None:
    end = time.monotonic() + 30
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while time.monotonic() < end:
        with database.read() as connection:
            if connection.execute(waiting).scalar_one():
                return
    pytest.fail("nobody waits for a lock")


def test_one_reading_sees_one_state_whatever_is_written_meanwhile(catalog: Catalog, other: Database) -> None:
    count = select(func.count()).select_from(movies)
    with other.read() as connection:
        assert connection.execute(count).scalar_one() == 0
        catalog.add([NewMovie("x")])
        assert connection.execute(count).scalar_one() == 0
    assert catalog.movies.count() == 1


def test_a_connection_lost_in_mid_transaction_leaves_the_row_as_it_was(catalog: Catalog, other: Database) -> None:
    _queue(catalog, 1)
    with pytest.raises(CatalogBusy), catalog.database.write() as connection:
        mine = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        connection.execute(poster_work.update().values(state=State.FAILED))
        with other.write() as killer:
            killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
        connection.execute(select(poster_work))
    assert catalog.work.counts()[State.PENDING] == 1, "and the next call has a good connection again"


def test_connections_that_the_server_closed_meanwhile_are_replaced_unnoticed(catalog: Catalog, other: Database) -> None:
    _queue(catalog, 1)
    with other.write() as killer:
        killer.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert catalog.work.counts()[State.PENDING] == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda url: url.rsplit("/", 1)[0] + "/nowhere", id="no such database"),
        pytest.param(lambda url: url.replace("posterity@", "nobody:hunter2-secret@"), id="no such user"),
        pytest.param(lambda url: url.replace("posterity@", "stranger:hunter2-secret@"), id="wrong password"),
        pytest.param(lambda url: "postgresql+psycopg://u:hunter2-secret@127.0.0.1:1/x", id="no server"),
    ],
)
def test_a_database_out_of_reach_is_one_line_without_the_password(url: str, change: Callable[[str], str]) -> None:
    database = Database(change(url))
    with pytest.raises(CatalogBusy) as caught, database.read():
        pass
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "does not answer" in str(caught.value)
    database.close()
