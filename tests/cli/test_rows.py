"""The form in which programs say what was measured."""

import json

import pytest

from cli.rows import Row, exit_code, show


def test_json_says_pass_and_nothing_else_is_renamed(capsys: pytest.CaptureFixture[str]) -> None:
    assert show("t", [Row("speed", "3", ">= 2", True, "x").as_quick()], as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"what": "speed", "value": "3", "bar": ">= 2", "pass": True, "quality": "x", "quick": True}
    ]


def test_one_row_that_falls_short_is_enough_and_a_figure_without_a_bar_is_none() -> None:
    good, short, plain = (Row("a", "1", "1", True), Row("b", "0", "1", False), Row("c", "1", "", None))
    assert (exit_code([good, plain]), exit_code([good, short, plain]), exit_code([])) == (0, 1, 0)


def test_the_table_says_the_verdict_in_words_and_the_versions(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Row("a", "1", "1", True).as_quick(), Row("b", "0", "1", False), Row("c", "1", "", None)]
    assert show("t", rows, as_json=False, packages=["numpy"]) == 1
    out = capsys.readouterr().out
    assert ("pass (quick)" in out, "SHORT" in out, "numpy 2" in out) == (True, True, True)
