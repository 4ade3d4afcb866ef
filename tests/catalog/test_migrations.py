"""The schema goes up and down with what is in it, on both databases."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from catalog.database import Database
from catalog.errors import BadSchema
from catalog.schema import metadata
from catalog.upgrading import downgrade, upgrade
from tests.postgres import Postgres

STATES = ("pending", "fetched", "embedded", "failed")
MOVIE = "INSERT INTO movies (movie_id, title, genres, search_text, n_ratings, added_at) VALUES (%d, 'M', '', 'm', 0, 1)"
WORK = "INSERT INTO poster_work (movie_id, priority, state, attempt, lost, changed_at) VALUES (%d, 0, '%s', 1, 0, 1)"
FILE = (
    "INSERT INTO poster_files"
    " (movie_id, sha256, media_type, width, height, size_bytes, source, origin, generated, fetched_at)"
    " VALUES (%d, 'ab', 'image/png', 1, 1, 1, 'x', 'x', %s, 1)"
)
VECTOR = (
    "INSERT INTO poster_vectors (movie_id, sha256, fingerprint, embedded_at, record) VALUES (%d, 'ab', 'f', 1, '%d')"
)
JOB = "INSERT INTO jobs (job_id, kind, state, changed_at, created_at) VALUES ('j', 'add', 'done', 1, 1)"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with an empty schema."""
    opened = Database(database_url)
    upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def first(database: Database) -> Database:
    """At the first schema, with a movie in every state; 3 was embedded from a title card, 5 from a real poster."""
    downgrade(database, "0001")
    with database.write() as connection:
        for movie_id, state in enumerate((*STATES, "embedded"), 1):
            connection.exec_driver_sql(MOVIE % movie_id)
            connection.exec_driver_sql(WORK % (movie_id, state))
        for movie_id, generated in ((3, "true"), (5, "false")):
            connection.exec_driver_sql(FILE % (movie_id, generated))
            connection.exec_driver_sql(VECTOR % (movie_id, movie_id))
        connection.exec_driver_sql(JOB)
    return database


def _rows(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def test_the_migrations_make_the_schema_that_the_program_uses(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_going_up_keeps_every_row_and_fills_what_is_new(first: Database) -> None:
    upgrade(first)
    assert _rows(first, "SELECT movie_id, state, attempt FROM poster_work ORDER BY movie_id") == [
        (1, "pending", 1),
        (2, "fetched", 1),
        (3, "embedded", 1),
        (4, "failed", 1),
        (5, "embedded", 1),
    ]
    vectors = _rows(first, "SELECT movie_id, generated FROM poster_vectors ORDER BY movie_id")
    assert [(movie_id, bool(generated)) for movie_id, generated in vectors] == [(3, True), (5, False)]
    assert _rows(first, "SELECT count(*) FROM poster_work WHERE renewing OR troubles <> 0") == [(0,)]
    assert _rows(first, "SELECT job_id, started_at, request_id FROM jobs") == [("j", None, None)]
    assert _rows(first, "SELECT count(*) FROM movies WHERE changed_at IS NOT NULL") == [(0,)]
    assert _rows(first, "SELECT * FROM set_changes") == [("movies", 0)]


def test_going_down_and_up_again_keeps_what_both_schemas_know(first: Database) -> None:
    kept = "SELECT w.movie_id, w.state, f.sha256, v.record FROM poster_work w LEFT JOIN poster_files f USING (movie_id)"
    kept += " LEFT JOIN poster_vectors v USING (movie_id) ORDER BY w.movie_id"
    before = _rows(first, kept)
    upgrade(first)
    with first.write() as connection:
        connection.exec_driver_sql("INSERT INTO deleted_movies VALUES (9, 1)")
        connection.exec_driver_sql("INSERT INTO given_posters (movie_id, url, given_at) VALUES (1, 'http://a/b', 1)")
        connection.exec_driver_sql("UPDATE poster_work SET renewing = true WHERE movie_id = 1")
    downgrade(first, "0001")
    assert _rows(first, kept) == before
    upgrade(first)
    assert _rows(first, kept) == before
    assert _rows(first, "SELECT * FROM given_posters") == []


def test_all_the_way_down_leaves_nothing_and_up_again_works(first: Database) -> None:
    downgrade(first, "base")
    upgrade(first)
    assert _rows(first, "SELECT count(*) FROM movies") == [(0,)]


def test_a_movie_takes_everything_about_it_along(first: Database) -> None:
    upgrade(first)
    with first.write() as connection:
        connection.exec_driver_sql("DELETE FROM movies WHERE movie_id = 3")
    for table in ("poster_work", "poster_files", "poster_vectors"):
        assert _rows(first, f"SELECT count(*) FROM {table} WHERE movie_id = 3") == [(0,)], table


@pytest.mark.parametrize("begin", ["nothing", "0001"])
def test_several_processes_may_upgrade_at_once(first: Database, database_url: str, begin: str) -> None:
    if begin == "nothing":
        downgrade(first, "base")
        with first.write() as connection:
            connection.exec_driver_sql("DROP TABLE alembic_version")
    program = (
        "import sys; from catalog.database import Database; from catalog.upgrading import upgrade\n"
        "upgrade(Database(sys.argv[1]))"
    )
    racing = [subprocess.Popen([sys.executable, "-c", program, database_url]) for _ in range(3)]
    assert [process.wait(60) for process in racing] == [0, 0, 0]
    with first.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert len(_rows(first, "SELECT version_num FROM alembic_version")) == 1


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(BadSchema, match="another version of this program: Can't locate revision identified by '9999'"):
        upgrade(database)
    assert _rows(database, "SELECT count(*) FROM movies") == [(0,)]


def test_a_user_who_may_not_make_tables_is_told_so(postgres: Postgres) -> None:
    name = postgres.create()
    owner, guest = Database(postgres.url(name)), Database(postgres.url(name).replace("posterity@", "guest@"))
    with owner.write() as connection:
        connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.exec_driver_sql("CREATE ROLE guest LOGIN")
    with pytest.raises(BadSchema, match=f"{name} cannot be changed: permission denied for schema public"):
        upgrade(guest)
    with owner.write() as connection:
        connection.exec_driver_sql("DROP ROLE guest")
    guest.close()
    owner.close()
    postgres.drop(name)
