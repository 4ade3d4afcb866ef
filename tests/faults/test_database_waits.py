"""T17: nobody waits for ever for a lock of PostgreSQL, nor for a process that stands still with one in its hand."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text

from api.app import create_app
from catalog import database as module
from catalog.catalog import Catalog
from catalog.database import Database, Lock, alone
from catalog.entries import Kind, NewMovie
from catalog.errors import CatalogBusy
from catalog.schema import poster_work
from config.settings import Settings
from tests.plan import Judge
from tests.postgres import Postgres

SHORT_S = 1


@pytest.fixture
def url(postgres: Postgres, newest_schema: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database whose connections lose patience after a second."""
    short = {"lock_timeout": SHORT_S, "idle_in_transaction_session_timeout": SHORT_S}
    monkeypatch.setattr(module, "POSTGRESQL_PATIENCE", module.POSTGRESQL_PATIENCE | short)
    name = postgres.create(newest_schema)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def catalog(url: str, tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(url, tmp_path)
    opened.add([NewMovie("Movie", movie_id=1)])
    yield opened
    opened.close()


@pytest.fixture
def other(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The database as another process has it open, whose patience has no end."""
    opened = Database(url)
    with opened.engine.connect() as connection:
        for name in module.POSTGRESQL_PATIENCE:
            connection.exec_driver_sql(f"SET {name} = 0")
        connection.commit()
    yield opened
    opened.close()


def test_a_row_that_is_held_makes_a_writer_give_up_in_time(catalog: Catalog, other: Database, judge: Judge) -> None:
    claim = catalog.work.claim(Kind.FETCH, 1, 60)
    with other.write() as holder:
        holder.execute(select(poster_work).with_for_update())
        began = time.monotonic()
        with pytest.raises(CatalogBusy, match="lock timeout"):
            catalog.work.released(claim, [1])
        took_s = time.monotonic() - began
    catalog.work.released(claim, [1])
    assert catalog.work.claim(Kind.FETCH, 1, 60).movie_ids == (1,), "and its connection is good again"
    patience = f"at most {SHORT_S} s (set for the test; 5 s otherwise) and a bit"
    judge("T17", "a lock on a row that is not given back", 1, patience, f"{took_s:.2f} s", took_s < SHORT_S + 1)


def test_who_posts_meanwhile_is_told_to_come_again(catalog: Catalog, other: Database, url: str, tmp_path: Path) -> None:
    app = create_app(Settings(database_url=url, data_dir=tmp_path))
    with other.write() as holder:
        alone(holder, Lock.MOVIES)
        answer = app.test_client().post("/movies", json={"title": "Another"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert answer.json is not None and answer.json["code"] == "catalog_busy"
    assert app.test_client().post("/movies", json={"title": "Another"}).status_code == 202
    app.extensions["posterity"].close()


def test_a_process_that_stands_still_in_mid_transaction_loses_its_locks(catalog: Catalog, url: str) -> None:
    claim = catalog.work.claim(Kind.FETCH, 1, 60)
    frozen = Database(url)
    with pytest.raises(CatalogBusy), frozen.write() as holder:
        holder.execute(select(poster_work).with_for_update())
        end = time.monotonic() + 30
        while True:
            assert time.monotonic() < end
            try:
                catalog.work.released(claim, [1])
            except CatalogBusy:
                continue
            break
        holder.execute(text("SELECT 1"))
    frozen.close()


def test_whoever_brings_the_schema_up_to_date_is_waited_for(catalog: Catalog, other: Database) -> None:
    with catalog.database.write() as connection:
        alone(connection, Lock.SCHEMA)
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "0"
    with catalog.database.read() as connection:
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == f"{SHORT_S}s", "for that time only"


def test_a_statement_that_never_ends_is_ended(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POSTGRESQL_PATIENCE", {"statement_timeout": SHORT_S})
    impatient = Database(url)
    with pytest.raises(CatalogBusy, match="statement timeout"), impatient.read() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(30)")
    impatient.close()


def test_an_address_with_options_of_its_own_keeps_them(url: str) -> None:
    chosen = Database(f"{url}?options=-c%20lock_timeout%3D7s")
    with chosen.read() as connection:
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "7s"
    chosen.close()


def test_the_patience_of_both_databases_is_the_same() -> None:
    assert module.POSTGRESQL_PATIENCE["lock_timeout"] * 1000 == module.BUSY_TIMEOUT_MS
