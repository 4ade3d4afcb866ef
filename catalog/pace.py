"""How fast something goes, and how long it will take at that."""

from dataclasses import dataclass

LEAST_S = 1.0  # what was seen for a shorter time says nothing


@dataclass(frozen=True, slots=True)
class Pace:
    """Units a second and seconds left; None where nothing can be said."""

    rate_per_s: float | None
    seconds_left: float | None


def pace_of(done: int, took_s: float, left: int) -> Pace:
    """The pace of what did `done` units in `took_s` seconds and has `left` of them before it."""
    if done <= 0 or took_s < LEAST_S:
        return Pace(None, None)
    rate = done / took_s
    return Pace(round(rate, 3), round(max(0, left) / rate, 1))
