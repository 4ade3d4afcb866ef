"""An acknowledgement that the broker did not take is tried again, for as long as its connection lives."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from workers import acknowledging, tasks


class Loop:
    """Keeps what is to be called later."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []

    def call_later(self, delay_s: float, what: Callable[..., None], *args: Any) -> None:
        self.waiting.append((delay_s, what, args))

    def run(self) -> None:
        _, what, args = self.waiting.pop()
        what(*args)


class Channel:
    closed = False


class Message:
    """Fails as often as it is told to."""

    def __init__(self, failures: int) -> None:
        self.failures, self.acknowledged, self.channel = failures, False, Channel()

    def ack(self) -> None:
        self.failures -= 1
        if self.failures >= 0:
            raise ConnectionError("the broker is away")
        self.acknowledged = True


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    made = Loop()
    monkeypatch.setattr(acknowledging, "_workers", [SimpleNamespace(hub=made)])
    return made


def test_it_is_tried_until_it_is_taken_and_then_no_more(loop: Loop) -> None:
    message = Message(failures=3)
    acknowledging.see_later(message)
    for _ in range(4):
        assert not message.acknowledged
        assert loop.waiting[0][0] == acknowledging.AGAIN_S
        loop.run()
    assert message.acknowledged
    loop.run()
    assert loop.waiting == []


def test_one_that_was_taken_is_left_alone(loop: Loop) -> None:
    message = Message(failures=0)
    acknowledging.see_later(message)
    message.ack()
    loop.run()
    assert (message.failures, loop.waiting) == (-1, [])


def test_a_connection_that_is_gone_ends_it(loop: Loop) -> None:
    message = Message(failures=1)
    acknowledging.see_later(message)
    message.channel.closed = True
    loop.run()
    assert (message.failures, loop.waiting) == (1, [])


def test_every_task_is_acknowledged_so() -> None:
    made = [tasks.fetch_task, tasks.embed_task, tasks.build_task]
    assert {task.Request for task in made} == {f"{acknowledging.__name__}:{acknowledging.Insistent.__name__}"}
