"""T4: whatever happens to Redis, questions are answered, movies are taken in, and each of them ends embedded."""

import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.installation import Installation
from tests.faults.broken_broker import People, embedded_within, running
from tests.faults.servers import Line, RedisServer
from tests.plan import Judge

POST_WITHIN_S, CONSUMING_WITHIN_S = 2.0, 60.0
BOUND = "/similar 100 % 200; POST 202 <= 2 s; embedding again <= 60 s; all embedded"


@dataclass
class Scene:
    installed: Installation
    redis: RedisServer


def broker(port: int) -> dict[str, str]:
    return {"BROKER_URL": f"redis://127.0.0.1:{port}/0"}


def pause(seconds: float) -> None:
    """How long a fault lasts: nothing is waited for here but time itself."""
    threading.Event().wait(seconds)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path_factory.mktemp("redis"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def scene(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """API and worker that are there before their Redis is: the first test starts it."""
    with running(tmp_path_factory.mktemp("broken-broker"), broker(redis.port)) as installed:
        yield Scene(installed, redis)


@dataclass(frozen=True)
class Trial:
    """What is judged after a fault."""

    fault: str
    times: int

    def judged(self, judge: Judge, people: People, again_s: float) -> None:
        slowest = max(people.post_s)
        unlike = people.unlike_200 + people.unlike_202
        measured = (
            f"{people.asked - len(people.unlike_200)} of {people.asked} are 200; {len(people.posted)} of "
            f"{len(people.post_s)} are 202 in <= {slowest:.2f} s; embedding again after {again_s:.1f} s"
        )
        held = not unlike and not people.put_off and slowest <= POST_WITHIN_S and again_s <= CONSUMING_WITHIN_S
        judge("T4", self.fault, self.times, BOUND, measured + (f"; {unlike[:3]}" if unlike else ""), held)


def tried(scene: Scene, judge: Judge, trial: Trial, fault: Callable[[], None]) -> None:
    """Lets people ask and post through a fault; afterwards every movie must end embedded."""
    with People(scene.installed) as people:
        pause(1.0)
        fault()
        again_s = embedded_within(scene.installed, list(people.posted), CONSUMING_WITHIN_S)
    embedded_within(scene.installed, people.posted, CONSUMING_WITHIN_S)
    trial.judged(judge, people, again_s)


def test_redis_that_comes_after_worker_and_api(scene: Scene, judge: Judge, nightly: bool) -> None:
    def late() -> None:
        pause(10 if nightly else 3)
        scene.redis.start()

    tried(scene, judge, Trial("Redis starts after API and worker", 1), late)


def test_redis_killed_again_and_again(scene: Scene, judge: Judge, nightly: bool) -> None:
    times = 20 if nightly else 3

    def kill() -> None:
        for _ in range(times):
            scene.redis.kill()
            pause(0.5)
            scene.redis.start()
            pause(1.0)

    tried(scene, judge, Trial("Redis killed (SIGKILL)", times), kill)


def test_redis_that_forgets_everything(scene: Scene, judge: Judge, nightly: bool) -> None:
    times = 20 if nightly else 3

    def flush() -> None:
        for _ in range(times):
            with scene.redis.client() as client:
                client.flushall()
            pause(0.5)

    tried(scene, judge, Trial("FLUSHALL", times), flush)


def test_redis_that_stands_still(scene: Scene, judge: Judge, nightly: bool) -> None:
    def freeze() -> None:
        scene.redis.signal(signal.SIGSTOP)
        pause(60 if nightly else 6)
        scene.redis.signal(signal.SIGCONT)

    tried(scene, judge, Trial("Redis stopped (SIGSTOP)", 1), freeze)


def test_redis_that_is_full(scene: Scene, judge: Judge, nightly: bool) -> None:
    def fill() -> None:
        with scene.redis.client() as client:
            client.config_set("maxmemory", 1)
            pause(10 if nightly else 3)
            client.config_set("maxmemory", 0)

    tried(scene, judge, Trial("Redis full (noeviction)", 1), fill)


def test_redis_whose_password_is_another(scene: Scene, judge: Judge, nightly: bool) -> None:
    def change() -> None:
        for password in ("another-password", ""):
            scene.redis.kill()
            scene.redis.password = password
            scene.redis.start()
            pause(10 if nightly and password else 2)

    tried(scene, judge, Trial("Redis with another password", 1), change)


def test_redis_that_cuts_all_connections_but_those_that_listen(scene: Scene, judge: Judge, nightly: bool) -> None:
    def cut() -> None:
        scene.redis.change_password("another-password")
        pause(10 if nightly else 2)
        scene.redis.change_password("")

    tried(scene, judge, Trial("password changed at run time, connections cut", 1), cut)


def test_a_way_to_redis_that_swallows_everything(
    redis: RedisServer, judge: Judge, nightly: bool, tmp_path: Path
) -> None:
    if not redis.answers():  # it runs already, where the tests before this one were run
        redis.start()
    with Line(redis.port) as line, running(tmp_path, broker(line.port)) as installed:

        def silence() -> None:
            line.fall_silent()
            pause(30 if nightly else 6)
            line.speak()

        tried(Scene(installed, redis), judge, Trial("the way to Redis swallows all", 1), silence)
