"""Which batch size is chosen, told by a clock and a device of our own."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posters.batch_trial import ROUNDS, BatchTrial, race


class OutOfMemory(Exception):
    """What the device raises."""


class Device:
    """Takes a fixed time for each batch size, more in the first call, and has room for so many posters."""

    def __init__(self, seconds: Mapping[int, float], first_s: float = 0.0, room: int = 1000) -> None:
        self.seconds, self.first_s, self.room = seconds, first_s, room
        self.time, self.calls = 0.0, list[int]()

    def now(self) -> float:
        return self.time

    def call(self, size: int) -> None:
        if size > self.room:
            raise OutOfMemory
        self.time += self.seconds[size] + (0.0 if size in self.calls else self.first_s)
        self.calls.append(size)

    def race(self, sizes: tuple[int, ...], budget_s: float = 1e9) -> BatchTrial:
        trial = BatchTrial(sizes, self.now)
        race(trial, self.call, budget_s, OutOfMemory)
        return trial


def test_the_size_with_most_posters_a_second_wins() -> None:
    trial = Device({8: 1.6, 4: 0.4, 1: 0.2}).race((8, 4, 1))
    assert trial.rates() == pytest.approx({8: 5.0, 4: 10.0, 1: 5.0})
    assert trial.best() == 4


def test_of_sizes_that_are_alike_the_preferred_one_is_kept() -> None:
    assert Device({8: 0.8, 1: 0.099}).race((8, 1)).best() == 8  # 10.0 against 10.1 posters/s
    assert Device({8: 0.8, 1: 0.09}).race((8, 1)).best() == 1  # 11.1


def test_the_first_call_of_a_size_does_not_count() -> None:
    trial = Device({8: 0.8, 1: 0.2}, first_s=60.0).race((8, 1))
    assert trial.rates() == pytest.approx({8: 10.0, 1: 5.0})


def test_every_size_is_called_for_as_many_posters_in_every_round() -> None:
    device = Device({64: 1.0, 128: 1.0})
    device.race((64, 128))
    assert device.calls == [64] * (1 + 2 * ROUNDS) + [128] * (1 + ROUNDS)


def test_of_the_rounds_of_a_size_the_fastest_counts() -> None:
    seconds = iter([9.0, 1.0, 1.0, 0.5, 1.0])  # the first call, and two rounds of two
    device = Device({2: 0.0, 4: 1.0})
    trial = BatchTrial((2, 4), device.now)

    def call(size: int) -> None:
        device.time += next(seconds)

    for _ in range(5):
        trial.timed(2, call)
    assert trial.rates() == {2: 4 / 1.5}


def test_small_batches_do_not_win_by_slipping_through_between_interruptions() -> None:
    device = Device({8: 0.8, 1: 0.1})

    def call(size: int) -> None:  # as fast as the large one, while every eighth poster is held up
        device.call(size)
        device.time += 1.0 if size == 8 or len(device.calls) % 8 == 0 else 0.0

    trial = BatchTrial((8, 1), device.now)
    race(trial, call, 1e9, OutOfMemory)
    assert trial.rates() == pytest.approx({8: 8 / 1.8, 1: 8 / 1.8})


def test_a_size_that_does_not_fit_and_all_larger_ones_are_left_out() -> None:
    device = Device({32: 1.0, 64: 1.0, 128: 1.0, 256: 1.0}, room=100)
    trial = device.race((64, 128, 256, 32))
    assert set(trial.rates()) == {64, 32}
    assert trial.best() == 64


def test_a_device_without_room_for_any_size_has_no_best_one() -> None:
    trial = Device({8: 1.0}, room=4).race((8, 16))
    assert trial.best() is None
    assert str(trial) == "no batch size was timed"


@given(
    seconds=st.fixed_dictionaries({size: st.floats(0.01, 5.0) for size in (32, 64, 128, 256)}),
    first_s=st.floats(0.0, 3.0),
    budget_s=st.floats(0.0, 10.0),
)
def test_the_race_ends_one_first_call_behind_its_budget_at_the_latest(
    seconds: dict[int, float], first_s: float, budget_s: float
) -> None:
    device = Device(seconds, first_s)
    trial = device.race((64, 128, 256, 32), budget_s)
    assert device.time <= budget_s + max(seconds.values()) + first_s
    assert trial.best() is None or trial.best() in device.calls


def test_the_outcome_is_one_line() -> None:
    assert str(Device({8: 0.8, 1: 0.2}).race((8, 1))) == "batch 8 of 1: 5.0/s, 8: 10.0/s"
