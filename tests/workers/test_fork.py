"""A forked child never uses what its parent opened: connections, stages, runtimes."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog.catalog import Catalog
from tests.plan import Judge
from workers import runtime as module
from workers.runtime import Runtime, close_runtime, runtime


@pytest.fixture
def of_the_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    monkeypatch.setenv("POSTERITY_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(module, "_runtimes", {})
    Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}", tmp_path).close()
    made = runtime()
    made.catalog.movies.count()  # it has a connection in hand
    yield made
    close_runtime()


def said_by_a_child(question: Callable[[], object]) -> str:
    """What a forked child answers; it ends without running anything of pytest's."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = str(question())
        except BaseException as err:  # noqa: BLE001 - the parent is told
            said = f"{type(err).__name__}: {err}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


def test_a_forked_child_makes_a_runtime_of_its_own(of_the_parent: Runtime) -> None:
    assert runtime() is of_the_parent
    assert said_by_a_child(lambda: runtime() is of_the_parent) == "False"
    assert said_by_a_child(lambda: runtime().catalog is of_the_parent.catalog) == "False"


def test_a_forked_child_reads_and_writes_by_connections_of_its_own(of_the_parent: Runtime, judge: Judge) -> None:
    def first_connection(mine: Runtime) -> int:
        pool = mine.catalog.database.engine.pool
        connection = pool.connect()
        try:
            return id(connection.dbapi_connection)
        finally:
            connection.close()

    def work() -> str:
        mine = runtime()
        mine.catalog.work.enqueue_all()
        return f"{mine.catalog.movies.count()} {first_connection(mine) == parents}"

    parents = first_connection(of_the_parent)
    said = said_by_a_child(work)
    judge("T17", "a forked child and its parent's connections", 1, "never used (0 False)", said, said == "0 False")
    assert of_the_parent.catalog.movies.count() == 0, "and the parent's still work"
