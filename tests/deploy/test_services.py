"""The services of docker-compose.yml by their own commands: two movies become neighbours, all end on SIGTERM."""

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError

from catalog.entries import State

if TYPE_CHECKING:
    from tests.deploy.stack import Answer, Stack

PROCESSES = ("api", "worker-fetch", "worker-embed", "worker-build")
EMBED_WITHIN_S = 120  # the encoder loads in seconds; the rest is for a busy machine
MOVIES = [
    {"movie_id": 1, "title": "Toy Story", "year": 1995, "genres": ["Animation", "Comedy"]},
    {"movie_id": 3114, "title": "Toy Story 2", "year": 1999, "genres": ["Animation", "Comedy"]},
]


@pytest.fixture(scope="module")
def running(stack: "Stack") -> "Stack":
    """The stack when the API answers and the catalog has seen every worker."""

    def workers() -> bool:
        for name in PROCESSES:
            assert stack.processes[name].poll() is None, f"{name} ended: {stack.log(name)}"
        return stack.up() and len(_kinds(stack)) == 3

    stack.wait_until(workers, 90, "/livez answers and three workers are listed in the catalog")
    return stack


@pytest.fixture(scope="module")
def answered(running: "Stack") -> "Answer":
    """The answer to `/similar` after two movies went all the way."""
    assert running.ask("/movies", MOVIES).status == 202
    running.wait_until(lambda: _embedded(running) == len(MOVIES), EMBED_WITHIN_S, "both movies are embedded")
    token = running.secret("admin_token")

    def rebuilt() -> bool:  # 409: the worker publishes by itself at this moment
        started = running.ask("/admin/rebuild", token=token, method="POST")
        assert started.status in (202, 409), started.body
        if started.status == 409:
            return False
        job = started.headers["Location"]
        running.wait_until(lambda: running.ask(job).body["state"] in ("done", "failed"), 60, "the rebuild ends")
        assert running.ask(job).body["state"] == "done", running.ask(job).body
        return True

    running.wait_until(rebuilt, 60, "a rebuild is accepted and ends")
    question = "/similar?movie_id=1&by=poster&k=1"
    answer: Answer = running.wait_until(
        lambda: got if (got := running.ask(question)).status == 200 else None, 30, "the snapshot is served"
    )
    return answer


def _kinds(stack: "Stack") -> list[str]:
    catalog = stack.catalog()
    try:
        return sorted(kind for worker in catalog.presence.alive(15) for kind in worker.kinds)
    finally:
        catalog.close()


def _embedded(stack: "Stack") -> int:
    catalog = stack.catalog()
    try:
        return catalog.work.counts()[State.EMBEDDED]
    finally:
        catalog.close()


def test_every_kind_of_work_has_a_worker(running: "Stack") -> None:
    assert _kinds(running) == ["build", "embed", "fetch"]


@pytest.mark.parametrize("name", ["postgres", "redis", *PROCESSES])
def test_the_health_check_passes(running: "Stack", name: str) -> None:
    if name == "postgres" and name not in running.processes:
        pytest.skip("needs postgresql, which is not installed; the stack runs on SQLite")
    done = running.check(name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_health_check_fails_in_one_line_where_nothing_answers(running: "Stack") -> None:
    environment = running.environment("api") | {"POSTERITY_PORT": "1"}
    command = [sys.executable, *running.service("api")["healthcheck"]["test"][2:]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("unhealthy api: http://127.0.0.1:1/livez")
    assert done.stderr.count("\n") == 1


def test_two_new_movies_become_neighbours(answered: "Answer") -> None:
    assert [item["movie_id"] for item in answered.body["items"]] == [MOVIES[1]["movie_id"]]
    assert answered.headers["X-Index-Version"] == str(answered.body["index_version"])


def test_without_the_token_nobody_rebuilds(running: "Stack") -> None:
    assert running.ask("/admin/rebuild", method="POST").status == 401


def test_ready_means_database_broker_and_workers(running: "Stack", answered: "Answer") -> None:
    report = running.ask("/readyz")
    assert (report.status, report.body["status"], report.body["broker"]) == (200, "ready", "ok")
    assert report.body["database"]["kind"] == ("postgresql" if "postgres" in running.processes else "sqlite")


def test_a_request_line_longer_than_the_limit_is_refused(running: "Stack") -> None:
    assert running.ask(f"/livez?{'x' * 8200}").status == 414


@pytest.fixture
def broker(running: "Stack") -> Any:
    client = Redis.from_url(running.secret("broker_url"))
    yield client
    client.close()


@pytest.mark.usefixtures("answered")
def test_redis_keeps_only_our_keys_and_gives_the_program_no_power_over_it(broker: "Redis") -> None:
    with pytest.raises(NoPermissionError):
        broker.get("someone-elses-key")
    for command in (["FLUSHALL"], ["CONFIG", "GET", "*"], ["KEYS", "*"], ["SHUTDOWN"]):
        with pytest.raises(NoPermissionError):
            broker.execute_command(*command)


def test_redis_answers_nobody_without_the_password(running: "Stack") -> None:
    port = running.ports["redis"]
    with Redis(port=port, retry=None) as stranger, pytest.raises(AuthenticationError):
        stranger.ping()
    with Redis(port=port, username="health", password="health") as health:
        assert health.ping()
        with pytest.raises(NoPermissionError):
            health.get("posterity:anything")


@pytest.mark.usefixtures("answered")
def test_the_logs_tell_no_secret_and_no_traceback(running: "Stack") -> None:
    secrets = [running.secret(name) for name in ("admin_token", "postgres_password")]
    secrets.append(running.secret("broker_url").split(":")[2].split("@")[0])
    for name in running.processes:
        log = running.log(name)
        assert "Traceback" not in log, f"{name}: {log}"
        for secret in secrets:
            assert secret not in log, name


@pytest.mark.usefixtures("answered")
def test_on_sigterm_all_end_in_time_and_say_that_they_are_gone(running: "Stack") -> None:
    assert running.stop(*PROCESSES) == dict.fromkeys(PROCESSES, 0), [running.log(name)[-2000:] for name in PROCESSES]
    assert _kinds(running) == []


def test_a_wrong_setting_ends_gunicorn_with_one_line(stack: "Stack") -> None:
    environment = stack.environment("api") | {"POSTERITY_PROT": "1"}
    command = [stack.native("api", word) for word in stack.service("api")["command"]]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "posterity: POSTERITY_PROT: unknown setting; did you mean POSTERITY_PORT?\n"
