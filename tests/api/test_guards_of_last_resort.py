"""Guards behind guards: what would be met only if the first one were gone, or were wrong."""

from typing import Any

import pytest
from flask import Flask

from api import guarded
from api.errors import InvalidRequest
from api.guarded import StrictJSON, parse

DEEP = 100_000  # levels, far beyond what any version of Python takes


@pytest.fixture
def without_the_count_of_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "MAX_DEPTH", 2 * DEEP)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.usefixtures("without_the_count_of_levels")
def test_json_on_which_python_gives_up_is_refused_like_any_other(opening: bytes) -> None:
    with pytest.raises(InvalidRequest, match="not usable JSON"):
        parse(opening * DEEP)


def test_a_reader_without_memory_refuses_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_memory(_: str) -> Any:
        raise MemoryError

    monkeypatch.setattr(guarded, "_loaded", without_memory)
    with pytest.raises(InvalidRequest, match="MemoryError"):
        parse(b"[]")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_does_not_go_out(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        StrictJSON(Flask(__name__)).dumps({"score": number})
