"""The table of the test plan in the document: in order, between its markers, and honest about what does not hold."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.plan import Row
from tests.plan_table import BEGIN, END, lines, main, placed

ROWS = [
    Row("T17", "locks", 8, "none", "none", True),
    Row("T4", "a | b\nc", 1000, "<= 2 s", "3 s", False),
]


def test_rows_stand_in_the_order_of_the_plan_and_say_what_is_broken() -> None:
    first, second = lines(ROWS)
    assert first == r"| T4 | a \| b c | 1,000 | <= 2 s | 3 s | **broken** |"
    assert second.endswith("| holds |")


def test_the_table_takes_the_place_of_the_one_before_and_of_nothing_else() -> None:
    document = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = placed(document, "new")
    assert once == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    assert placed(once, "new") == once


@pytest.mark.parametrize("document", ["", BEGIN, END, f"{END}\n{BEGIN}"])
def test_a_document_without_both_markers_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match="lacks one of its markers"):
        placed(document, "new")


@pytest.mark.parametrize(("rows", "code"), [(ROWS, 1), (ROWS[:1], 0), ([], 1)])
def test_the_exit_code_says_whether_all_held(rows: list[Row], code: int, tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows))
    (tmp_path / "document").write_text(f"{BEGIN}{END}")
    assert main([str(tmp_path / "rows"), str(tmp_path / "document")]) == code
    assert "cores" in (tmp_path / "document").read_text()


def test_without_rows_the_next_step_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "rows"), str(tmp_path / "document")]) == 1
    assert "pytest --table writes it" in capsys.readouterr().out


def test_the_document_of_this_repository_has_its_markers() -> None:
    document = (Path(__file__).resolve().parents[1] / "docs" / "reliability.md").read_text()
    assert placed(document, "new") != document
