"""Many processes on Redis: gunicorn, one worker per kind, everything enqueued and built through the API."""

import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from catalog.entries import State
from tests.acceptance.installation import ADMIN_TOKEN, Installation, free_port, wait_until

# VGG16 takes half a second a poster: the 300 are embedded in `test_embedded`, and here in the long form.
POSTERS, NIGHTLY_POSTERS, MOVIES = 72, 300, 9125
MOST_BYTES = 30 << 20  # of a snapshot: posters packed, and beside them the rating vectors of all movies, some 20 MB
NEAREST = {59784: 87222, 4306: 53121, 858: 2023}

pytestmark = pytest.mark.timeout(900)  # a bound against hanging, for machines that are slow and busy


@pytest.fixture(scope="module")
def posters(poster_folder: Path, tmp_path_factory: pytest.TempPathFactory, nightly: bool) -> Path:
    """A folder of the posters of sequels, and of so many others that there is something to choose from."""
    folder = tmp_path_factory.mktemp("some-posters")
    named = [poster_folder / f"{movie_id}.jpg" for pair in NEAREST.items() for movie_id in pair]
    others = sorted(set(poster_folder.glob("*.jpg")) - set(named))
    for poster in (named + others)[: NIGHTLY_POSTERS if nightly else POSTERS]:
        shutil.copy(poster, folder / poster.name)
    return folder


@pytest.fixture(scope="module")
def count(posters: Path) -> int:
    return len(list(posters.iterdir()))


@pytest.fixture(scope="module")
def production(posters: Path, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    settings = {
        "POSTER_SOURCES": f"folder:{posters}",
        "BROKER_URL": redis_url,
        "SWEEP_S": "1",
        "PUBLISH_EVERY_S": "0",
        "LOG_FORMAT": "json",
    }
    made = Installation(tmp_path_factory.mktemp("production"), free_port(), settings)
    made.run("import", "movielens", "data/ml-latest-small")
    for kind in ("fetch", "embed", "build"):
        made.start("worker", "--kinds", kind)
    made.start("-c", "deploy/gunicorn.conf.py", "--workers", "2", "api.app:create_app()", module="gunicorn")
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


def test_separate_workers_embed_everything(production: Installation, count: int) -> None:
    # No worker is started by the command: the three above are alive.
    done = production.run("embed", "--wait", timeout=800)
    assert "worker" not in done.stderr
    catalog = production.catalog()
    counts = catalog.work.counts()
    assert (counts[State.EMBEDDED], counts[State.FAILED]) == (count, MOVIES - count)
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


@pytest.mark.parametrize(("movie_id", "nearest"), NEAREST.items())
def test_the_answers_are_those_of_one_machine(production: Installation, movie_id: int, nearest: int) -> None:
    wait_until(lambda: production.ask(f"/similar?movie_id={movie_id}").status == 200, 30, "the snapshot is served")
    answer = production.ask(f"/similar?movie_id={movie_id}&by=poster")
    assert answer.body["items"][0]["movie_id"] == nearest

    def liked() -> bool:  # each of the two API processes follows CURRENT in its own second
        return production.ask(f"/similar?movie_id={movie_id}&by=ratings").status == 200

    wait_until(liked, 10, "liked alike answers from the snapshot with the model")


def test_a_rating_counts_at_once_whichever_process_is_asked(production: Installation) -> None:
    user = 3_000_000
    production.ask("/ratings", {"user_id": user, "movie_id": 6, "rating": 3})

    def both() -> bool:  # each of the two API processes follows CURRENT in its own second
        return all(production.ask(f"/predict?user_id={user}&movie_id=6").status == 200 for _ in range(10))

    wait_until(both, 20, "both processes serve the snapshot with the model")
    for movie_id, rating in ((1, 5), (3114, 4.5), (1, 0.5)):
        assert production.ask("/ratings", {"user_id": user, "movie_id": movie_id, "rating": rating}).status == 200
        answers = [production.ask(f"/predict?user_id={user}&movie_id={movie_id}").body for _ in range(20)]
        assert {answer["rating"] for answer in answers} == {rating}, "both processes of gunicorn know the rating"


def _metrics(production: Installation) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels, these in the order of their names."""
    with urllib.request.urlopen(f"http://127.0.0.1:{production.port}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def _lines(production: Installation) -> list[dict[str, Any]]:
    """The JSON lines of all processes; Celery itself says a word in plain text when it ends."""
    logs = [production.log(number) for number in range(len(production.started))]
    return [json.loads(line) for log in logs for line in log.splitlines() if line.startswith("{")]


def test_the_counters_of_several_api_processes_are_summed(production: Installation) -> None:
    key = ("posterity_requests_total", "GET", "/movies/<movie_id>", "2xx")
    before = _metrics(production).get(key, 0.0)
    asked = 0

    def both_have_answered() -> bool:  # which one does is up to the system
        nonlocal asked
        asked += 1
        assert production.ask("/movies/1").status == 200
        served = {line["process"] for line in _lines(production) if line.get("route") == "/movies/<movie_id>"}
        return len(served) == 2

    wait_until(both_have_answered, 60, "both processes have answered")
    assert len({_metrics(production)[key] for _ in range(6)}) == 1, "whichever process answers says the same"
    assert _metrics(production)[key] == before + asked


def test_the_metrics_tell_of_the_whole_installation(production: Installation, count: int) -> None:
    now = _metrics(production)
    assert now["posterity_movies", "embedded"] == count
    assert now["posterity_failures", "no_poster"] == MOVIES - count
    assert [now["posterity_workers", kind] for kind in ("fetch", "embed", "build")] == [1, 1, 1]
    assert now["posterity_snapshot_recall", "poster"] == 1
    assert count * 8_000 < now["posterity_snapshot_bytes",] < MOST_BYTES
    assert now["posterity_database_up",] == 1


def test_one_request_id_leads_from_the_request_to_the_embedded_poster(production: Installation) -> None:
    body = {"title": "Posterity", "year": 2026, "movie_id": 999_001}
    request = urllib.request.Request(
        f"http://127.0.0.1:{production.port}/movies",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "X-Request-ID": "follow-me"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        job_id = json.loads(answer.read())["job_id"]
    wait_until(lambda: production.ask(f"/jobs/{job_id}").body["state"] == "done", 60, "the job ends")

    def told() -> bool:
        mine = [line for line in _lines(production) if "follow-me" in json.dumps(line)]
        api = {line.get("job_id") for line in mine if line["logger"] == "workers.enqueue"}
        workers = {job for line in mine if line["logger"] == "workers.outcomes" for job in line["job_ids"]}
        return api == {job_id} == workers

    wait_until(told, 10, "API and fetch worker name the request and its job")


def test_status_says_the_same_in_words_and_as_json(production: Installation, count: int) -> None:
    told = json.loads(production.run("status", "--json").stdout)
    assert told["movies"]["embedded"] == count
    assert len(told["workers"]) == 3
    assert told["snapshot"]["recall"]["poster"] == 1
    text = production.run("status", "--once").stdout
    for word in ("embedded", f"{MOVIES - count + 1:,} no poster", "fetch-", "recall@10 poster 1.000"):
        assert word in text, text
