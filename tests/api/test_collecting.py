"""The garbage collector and what stays."""

import gc
from collections.abc import Iterator

import pytest

from api.collecting import leave_alone


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_is_there_is_looked_at_no_more_and_what_comes_is() -> None:
    class Knot:
        def __init__(self) -> None:
            self.itself = self

    before = [Knot()]
    leave_alone()
    assert all(thing is not before for thing in gc.get_objects())
    for _ in range(100):
        Knot()
    assert gc.collect() >= 100
