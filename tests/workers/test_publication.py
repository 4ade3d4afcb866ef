"""When workers publish by themselves: after 100, after 1,000, then at every tenth more, and when nothing is left."""

import pytest

from catalog.posters import EmbeddedMark
from workers.publication import publication_due


def mark(count: int) -> EmbeddedMark:
    return EmbeddedMark(count, float(count))


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        (99, 0, False),
        (100, 0, True),
        (999, 100, False),
        (1000, 100, True),
        (1000, 999, True),
        (1099, 1000, False),
        (1101, 1000, True),
        (9124, 9000, False),
    ],
)
def test_milestones_while_posters_still_wait(now: int, last: int, due: bool) -> None:
    assert publication_due(mark(now), mark(last), idle=False) is due


@pytest.mark.parametrize(("now", "last", "due"), [(1, 0, True), (101, 100, True), (100, 100, False), (0, 0, False)])
def test_when_nothing_is_left_any_change_is_published(now: int, last: int, due: bool) -> None:
    assert publication_due(mark(now), mark(last), idle=True) is due


def test_a_movie_embedded_anew_is_a_change_though_the_number_stays() -> None:
    assert publication_due(EmbeddedMark(5, 20.0), EmbeddedMark(5, 10.0), idle=True)
