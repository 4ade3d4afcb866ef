"""What tests of several rooms share: both databases, each test with one of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.database import Database
from catalog.upgrading import upgrade
from tests.postgres import Postgres, programs, start

pytest_plugins = ["tests.plan"]

# Files that wait most of their time: where several processes share the tests, none may be left with these alone.
SLOW_FIRST = ("faults", "acceptance", "deploy", "hostile", "cli")
LONGEST = "test_soak.py"  # half an hour in the long form: everything else goes on beside it


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow folders before the others, each in its own order; the longest file before all."""

    def place(item: pytest.Item) -> int:
        folder = item.path.parent.name
        if item.path.name == LONGEST:
            return -1
        return SLOW_FIRST.index(folder) if folder in SLOW_FIRST else len(SLOW_FIRST)

    items.sort(key=place)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL; a test that asks for it is left out where there is none, and fails in CI."""
    folder = programs()
    if folder is None:
        if os.environ.get("CI"):
            pytest.fail("postgresql must be installed in CI: .ci/services does it")
        pytest.skip("needs postgresql, which is not installed")
    server = start(folder)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def newest_schema(postgres: Postgres) -> str:
    """Name of a database with the newest schema and nothing in it, to copy from."""
    name = postgres.create()
    database = Database(postgres.url(name))
    upgrade(database)
    database.close()
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of the test's own: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'catalog.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create(request.getfixturevalue("newest_schema"))
    yield server.url(name)
    server.drop(name)
