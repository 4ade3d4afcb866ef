"""T5: asked for twice, told twice, done by two at once: still one embedding and one end."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from catalog.catalog import Catalog
from catalog.entries import Kind, NewMovie, State
from catalog.errors import CatalogBusy
from tests.acceptance.installation import Installation, wait_until
from tests.faults.harness import WORK, Kept, children, draw_poster, folder_of, installation, queue, reference
from tests.faults.servers import RedisServer
from tests.faults.work_oracles import audit, broken_rows
from tests.plan import Judge
from workers.app import KINDS, TASK_OF, create_celery
from workers.enqueue import Bell, add_movies

ALSO_EMBEDS = ("worker", "--kinds", "embed")
ENDS_WITHIN_S = 60.0


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def kept(redis: RedisServer, tmp_path: Path) -> Iterator[Kept]:
    installed = installation(tmp_path / "home", BROKER_URL=f"redis://127.0.0.1:{redis.port}/0", LEASE_S="20")
    made = Kept(installed)
    yield made
    made.stop()
    made.end()


@pytest.fixture
def catalog(kept: Kept) -> Iterator[Catalog]:
    opened = kept.installed.catalog()
    audit(opened)
    yield opened
    opened.close()


def expected(installed: Installation, count: int) -> dict[int, bytes | None]:
    """Draws the posters of movies 1 to `count`; their vectors."""
    for movie_id in range(1, count + 1):
        draw_poster(folder_of(installed), movie_id)
    return {movie_id: reference(folder_of(installed), movie_id) for movie_id in range(1, count + 1)}


def done(catalog: Catalog) -> bool:
    counts = catalog.work.counts()
    return counts[State.PENDING] + counts[State.FETCHED] == 0


def waiting(redis: RedisServer) -> int:
    """Messages that nobody has taken yet."""
    with redis.client() as client:
        return sum(int(client.llen(f"posterity:{kind}")) for kind in KINDS)


def test_one_movie_asked_for_a_hundred_times_and_one_bell_heard_a_thousand_times(
    kept: Kept,
    catalog: Catalog,
    redis: RedisServer,
    nightly: bool,
    judge: Judge,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tasks = tmp_path / "tasks"
    monkeypatch.setenv("TOY_TASKS", str(tasks))
    replays, asked = (10_000 if nightly else 1_000), 100
    want, url = expected(kept.installed, 20), kept.installed.settings["BROKER_URL"]
    app, bell = create_celery(url), Bell(url)
    for kind in ("fetch", "embed"):
        for _ in range(replays // 2):
            app.send_task(TASK_OF[kind], task_id=f"the-same-{kind}")
    app.close()
    kept.start(*WORK)
    kept.start(*ALSO_EMBEDS)
    ask = partial(add_movies, catalog, bell)
    with ThreadPoolExecutor(8) as pool:
        for movie_id in want:
            again = [[NewMovie(f"Movie {movie_id}", movie_id, 2000)]] * (asked if movie_id == 1 else 2)
            list(pool.map(ask, again))
    wait_until(lambda: done(catalog) and waiting(redis) == 0, 1_000 if nightly else 250, "every bell is heard")
    wrong = broken_rows(catalog, want)
    heard = Counter(line.split()[1] for line in tasks.read_text().splitlines())
    told = f"{wrong or 'one embedding, one end'}; {heard['the-same-fetch'] + heard['the-same-embed']:,} heard"
    held = not wrong and heard["the-same-fetch"] >= replays // 2 - 2 and heard["the-same-embed"] >= replays // 2 - 2
    judge("T5", "same movie 100 times, same message replayed", replays, "one embedding, one end each", told, held)


def test_a_message_handed_out_again_while_it_is_in_hand(
    kept: Kept, catalog: Catalog, judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = tmp_path / "tasks"
    for name, value in {"TOY_TASKS": str(tasks), "TOY_VISIBILITY_S": "1", "TOY_SECONDS": "3"}.items():
        monkeypatch.setenv(name, value)
    want = expected(kept.installed, 24)
    queue(catalog, list(want))
    kept.start(*WORK)
    kept.start(*ALSO_EMBEDS)

    def twice() -> int:
        if not tasks.exists():
            return 0
        heard = Counter(tasks.read_text().splitlines())
        return sum(times > 1 for times in heard.values())

    wait_until(lambda: done(catalog) and twice(), ENDS_WITHIN_S, "a message came twice, and all work is done")
    wrong = broken_rows(catalog, want)
    told = f"{wrong or 'one embedding, one end'}; {twice()} messages ran twice"
    judge("T5", "visibility of 1 s, tasks of 3 s", twice(), "one embedding, one end each", told, not wrong)


def freeze(catalog: Catalog, worker: int) -> int:
    """Stops the child that holds the rows, at a moment at which it does not lock the whole database; its id."""

    def stopped() -> int:
        (child,) = children(worker)
        os.kill(child, signal.SIGSTOP)
        try:
            catalog.presence.seen("somebody-else", (Kind.FETCH,))
        except CatalogBusy:
            os.kill(child, signal.SIGCONT)
            return 0
        return child

    return int(wait_until(stopped, ENDS_WITHIN_S, "a child that locks nothing"))


def test_a_holder_that_wakes_after_its_lease_changes_nothing(
    tmp_path: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(installation(tmp_path / "stale", LEASE_S="2"))
    catalog = kept.installed.catalog()
    audit(catalog)
    want = expected(kept.installed, 12)
    queue(catalog, list(want))
    try:
        monkeypatch.setenv("TOY_SECONDS", "4")
        stale = kept.start(*WORK)
        wait_until(lambda: catalog.work.counts()[State.FETCHED] == len(want), ENDS_WITHIN_S, "all are fetched")
        wait_until(lambda: not catalog.work.due(Kind.EMBED), ENDS_WITHIN_S, "all are in the hands of the encoder")
        frozen = freeze(catalog, stale.pid)
        monkeypatch.setenv("TOY_SECONDS", "0.01")
        kept.installed.start(*WORK, module="tests.faults.toy_worker")
        wait_until(lambda: done(catalog), ENDS_WITHIN_S, "another worker has taken over")
        os.kill(frozen, signal.SIGCONT)
        wait_until(lambda: "taken over" in kept.installed.log(0), ENDS_WITHIN_S, "the first holder was told")
        wrong = broken_rows(catalog, want)
    finally:
        kept.end()
        catalog.close()
    judge("T5", "a holder stopped beyond its lease", 1, "its write changes 0 rows", str(wrong or "0 rows"), not wrong)
