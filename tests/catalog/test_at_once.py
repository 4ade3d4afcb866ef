"""Many at once, each with connections of its own: no row twice, none missed, nobody gets an error for it."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

from catalog.catalog import Catalog
from catalog.entries import FIRST_LOCAL_ID, NewMovie
from catalog.errors import CatalogBusy, JobRunning
from catalog.storing import store_movies

T = TypeVar("T")
Hands = Callable[[Callable[[Catalog, int], T]], list[T]]
MANY = 8
LEASE_S = 60.0


@pytest.fixture
def opened(database_url: str, tmp_path: Path) -> Iterator[Callable[[], Catalog]]:
    """Opens the same catalog once more, as another process has it."""
    with ExitStack() as all_of_them:

        def open_another() -> Catalog:
            another = Catalog(database_url, tmp_path)
            all_of_them.callback(another.close)
            return another

        yield open_another


@pytest.fixture
def hands(catalog: Catalog, opened: Callable[[], Catalog]) -> Hands[Any]:
    """Does one thing eight times at once; the answers. An error of one is an error of the test."""

    def do(work: Callable[[Catalog, int], T]) -> list[T]:
        catalogs = [opened() for _ in range(MANY)]
        ready = threading.Barrier(MANY)

        def begin(number: int) -> T:
            ready.wait(30)
            return work(catalogs[number], number)

        with ThreadPoolExecutor(MANY) as pool:
            return list(pool.map(begin, range(MANY)))

    return do


def test_two_processes_claim_every_row_once(queued: Callable[[int], Catalog], database_url: str) -> None:
    queued(1000)
    program = (
        "import sys; from catalog.work import PosterWork; from catalog.database import Database; "
        "from catalog.entries import Kind\n"
        "work = PosterWork(Database(sys.argv[1])); work.counts(); print('ready', flush=True); input()\n"
        "while ids := work.claim(Kind.FETCH, 16, 600).movie_ids: print(*ids)"
    )
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in racing:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in racing:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    claimed = [int(word) for process in racing for word in process.communicate(timeout=60)[0].split()]
    assert sorted(claimed) == list(range(1, 1001))


def test_movies_without_ids_each_get_their_own(hands: Hands[list[int]], catalog: Catalog) -> None:
    given = hands(lambda mine, number: [mine.add([NewMovie(f"{number}.{i}")])[1][0] for i in range(5)])
    ids = sorted(movie_id for some in given for movie_id in some)
    assert ids == list(range(FIRST_LOCAL_ID, FIRST_LOCAL_ID + MANY * 5))


def test_the_same_movies_in_any_order_become_one_each(hands: Hands[list[int]], catalog: Catalog) -> None:
    some = [NewMovie(f"{i}", imdb_id=f"tt{i:07d}") for i in range(1, 21)]

    def add(mine: Catalog, number: int) -> list[int]:
        return mine.add(some)[1] if number % 2 else mine.add(some[::-1])[1][::-1]

    first, *others = hands(add)
    assert all(ids == first for ids in others)
    assert sorted(first) == list(range(FIRST_LOCAL_ID, FIRST_LOCAL_ID + 20))


def test_queueing_by_many_queues_every_movie_once(hands: Hands[int], catalog: Catalog) -> None:
    with catalog.database.write() as connection:
        store_movies(connection, [NewMovie(f"{i}", movie_id=i) for i in range(1, 1001)], None, 1.0)
    assert sum(hands(lambda mine, _: mine.work.enqueue_all())) == 1000


def test_adding_queueing_and_importing_the_same_movies_do_not_disturb_each_other(
    hands: Hands[None], catalog: Catalog
) -> None:
    some = [NewMovie(f"{i}", movie_id=i, imdb_id=f"tt{i:07d}") for i in range(1, 101)]

    def store(mine: Catalog) -> None:
        with mine.database.write() as connection:
            store_movies(connection, some, None, 1.0)

    ways: list[Callable[[Catalog], Any]] = [
        lambda mine: mine.add(some),
        lambda mine: mine.work.enqueue_all(),
        store,
        lambda mine: mine.work.renew(range(1, 101)),
    ]
    hands(lambda mine, number: ways[number % len(ways)](mine))
    assert catalog.movies.count() == 100
    assert catalog.work.counts()["none"] == 0


def test_choices_for_one_movie_leave_the_choice_of_one(hands: Hands[str], catalog: Catalog) -> None:
    catalog.add([NewMovie("x", movie_id=1)])
    choices = hands(lambda mine, number: mine.given.set_file(1, b"%d" % number, "image/png"))
    assert catalog.given.of([1])[1].sha256 in choices


def test_one_of_many_opens_a_job_and_the_others_learn_which(hands: Hands[str], catalog: Catalog) -> None:
    def open_one(mine: Catalog, _: int) -> str:
        try:
            return mine.jobs.open("train", LEASE_S).job_id
        except JobRunning as err:
            return f"refused: {err.job_id}"

    answers = hands(open_one)
    (job,) = catalog.jobs.newest()
    assert sorted(answers) == sorted([job.job_id, *[f"refused: {job.job_id}"] * (MANY - 1)])


def test_one_of_many_claims_a_job(hands: Hands[object], catalog: Catalog) -> None:
    catalog.jobs.open("train")
    assert [job is None for job in hands(lambda mine, _: mine.jobs.claim(LEASE_S))].count(False) == 1


def test_when_every_connection_is_in_use_the_catalog_is_busy(catalog: Catalog) -> None:
    pool: Any = catalog.database.engine.pool
    pool._timeout = 0.05
    with ExitStack() as held, pytest.raises(CatalogBusy, match="all connections are in use"):
        for _ in range(100):
            held.enter_context(catalog.database.read())
    assert catalog.movies.count() == 0
