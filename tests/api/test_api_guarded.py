"""The JSON guard by itself."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import InvalidRequest
from api.guarded import MAX_DEPTH, parse

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, PLAIN, max_size=4) | st.lists(PLAIN, max_size=4), st.booleans())
def test_plain_json_comes_out_as_it_went_in(value: Any, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused_with_one_line(body: bytes) -> None:
    try:
        assert isinstance(parse(body), dict | list)
    except InvalidRequest as err:
        assert "\n" not in str(err)


def test_the_deepest_allowed_nesting_is_allowed_and_one_more_is_not() -> None:
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(InvalidRequest, match="nested deeper than 20"):
        parse(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


@pytest.mark.parametrize("nested", [b"[" * 200_000, b'{"a":' * 200_000], ids=["lists", "objects"])
def test_what_exhausts_the_parser_is_refused_whatever_the_limit_is(
    nested: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.guarded.MAX_DEPTH", len(nested))
    with pytest.raises(InvalidRequest, match="the body is not usable JSON"):
        parse(nested)


def test_a_body_that_takes_all_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(_: str) -> None:
        raise MemoryError

    monkeypatch.setattr("api.guarded._loaded", no_memory)
    with pytest.raises(InvalidRequest, match="not usable JSON: MemoryError"):
        parse(b"[]")


def test_brackets_inside_a_text_are_not_nesting() -> None:
    text = '["' + "[{" * 100 + '\\"' + "[" * 100
    assert parse(json.dumps({"title": text}).encode()) == {"title": text}


def test_a_number_of_thousands_of_digits_is_refused_in_words_for_people() -> None:
    assert parse(b"[" + b"9" * 1000 + b"]") == [int("9" * 1000)]
    with pytest.raises(InvalidRequest, match=r"9999\.\.\. is too long a number$"):
        parse(b"[" + b"9" * 5000 + b"]")


def test_the_doubled_key_is_named() -> None:
    with pytest.raises(InvalidRequest, match="'b' appears twice"):
        parse(b'{"a": 1, "b": 2, "b": 3}')


@pytest.mark.parametrize("text", [b"1e999", b"-1e999", b"9e400"])
def test_a_number_that_would_become_infinite_is_refused_whoever_reads_it(text: bytes) -> None:
    with pytest.raises(InvalidRequest, match="too large a number"):
        parse(b'{"anything": ' + text + b"}")
