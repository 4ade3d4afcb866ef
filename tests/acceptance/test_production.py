"""Many processes on Redis: gunicorn, one worker per kind, everything enqueued and built through the API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.entries import State
from tests.acceptance.installation import ADMIN_TOKEN, Installation, free_port, wait_until


@pytest.fixture(scope="module")
def production(poster_folder: Path, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    settings = {
        "POSTER_SOURCES": f"folder:{poster_folder}",
        "BROKER_URL": redis_url,
        "SWEEP_S": "1",
        "PUBLISH_EVERY_S": "0",
    }
    made = Installation(tmp_path_factory.mktemp("production"), free_port(), settings)
    made.run("import", "movielens", "data/ml-latest-small")
    for kind in ("fetch", "embed", "build"):
        made.start("worker", "--kinds", kind)
    made.start("-c", "deploy/gunicorn.conf.py", "api.app:create_app()", module="gunicorn")
    wait_until(made.up, 60, "gunicorn answers")
    yield made
    made.stop()


def test_before_the_first_snapshot_the_answer_is_503_with_retry_after(production: Installation) -> None:
    answer = production.ask("/similar?movie_id=1&by=ratings")
    assert (answer.status, "Retry-After" in answer.headers) == (503, True)


def test_the_three_workers_are_seen(production: Installation) -> None:
    catalog = production.catalog()
    wait_until(lambda: len(catalog.presence.alive(15)) == 3, 60, "three workers are alive")
    catalog.close()


def test_separate_workers_embed_everything(production: Installation) -> None:
    # No worker is started by the command: the three above are alive.
    done = production.run("embed", "--wait", timeout=280)
    assert "worker" not in done.stderr
    catalog = production.catalog()
    counts = catalog.work.counts()
    posters = len(list(Path(production.settings["POSTER_SOURCES"].removeprefix("folder:")).glob("*.jpg")))
    assert counts[State.EMBEDDED] == posters
    assert counts[State.PENDING] == counts[State.FETCHED] == 0
    catalog.close()


@pytest.mark.parametrize("kind", ["train", "rebuild"])
def test_the_admin_trains_and_rebuilds_through_the_api(production: Installation, kind: str) -> None:
    def opened() -> str:
        answer = production.ask(f"/admin/{kind}", method="POST", token=ADMIN_TOKEN)
        assert answer.status in (202, 409), answer.body  # 409: the workers publish by themselves at this moment
        return answer.headers["Location"] if answer.status == 202 else ""

    job = wait_until(opened, 60, f"a {kind} is accepted")
    wait_until(lambda: production.ask(job).body["state"] == "done", 120, f"the {kind} ends")


@pytest.mark.parametrize(("movie_id", "nearest"), [(59784, 87222), (4306, 53121), (858, 2023)])
def test_the_answers_are_those_of_one_machine(production: Installation, movie_id: int, nearest: int) -> None:
    wait_until(lambda: production.ask(f"/similar?movie_id={movie_id}").status == 200, 30, "the snapshot is served")
    answer = production.ask(f"/similar?movie_id={movie_id}&by=poster")
    assert answer.body["items"][0]["movie_id"] == nearest

    def liked() -> bool:  # each of the two API processes follows CURRENT in its own second
        return production.ask(f"/similar?movie_id={movie_id}&by=ratings").status == 200

    wait_until(liked, 10, "liked alike answers from the snapshot with the model")
