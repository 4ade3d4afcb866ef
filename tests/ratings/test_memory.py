"""Free memory: the machine's, or the container's where that has less; a broken container file is no reason to fail."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ratings.memory import free_bytes

MACHINE = 8_000_000_000


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratings.memory.psutil.virtual_memory", lambda: SimpleNamespace(available=MACHINE))


def container(folder: Path, limit: str, used: str, stat: str) -> Path:
    (folder / "memory.max").write_text(limit)
    (folder / "memory.current").write_text(used)
    (folder / "memory.stat").write_text(stat)
    return folder


def test_a_container_with_less_decides_and_its_page_cache_counts_as_free(tmp_path: Path) -> None:
    files = container(tmp_path, "2000000000\n", "1500000000\n", "anon 900\ninactive_file 300000000\nactive_file 7\n")
    assert free_bytes(files) == 800_000_000


def test_a_container_that_may_take_more_than_the_machine_has_does_not_decide(tmp_path: Path) -> None:
    assert free_bytes(container(tmp_path, "64000000000", "1000", "inactive_file 0")) == MACHINE


def test_without_a_count_of_the_page_cache_all_that_is_used_is_taken(tmp_path: Path) -> None:
    assert free_bytes(container(tmp_path, "2000000000", "500000000", "anon 900\n")) == 1_500_000_000


def test_a_container_without_a_limit_does_not_decide(tmp_path: Path) -> None:
    assert free_bytes(container(tmp_path, "max\n", "500", "inactive_file 0")) == MACHINE


@pytest.mark.parametrize("missing", ["memory.max", "memory.current", "memory.stat"])
def test_a_missing_file_leaves_the_machines_figure(tmp_path: Path, missing: str) -> None:
    container(tmp_path, "2000", "500", "inactive_file 0")
    (tmp_path / missing).unlink()
    assert free_bytes(tmp_path) == MACHINE


@pytest.mark.parametrize(
    ("limit", "used", "stat"),
    [
        ("", "500", "inactive_file 0"),
        ("a lot", "500", "inactive_file 0"),
        ("2000", "", "inactive_file 0"),
        ("2000", "500", "inactive_file"),
        ("2000", "500", "inactive_file some"),
        ("2000", "500", "inactive_file 1 2"),
    ],
)
def test_garbage_leaves_the_machines_figure(tmp_path: Path, limit: str, used: str, stat: str) -> None:
    assert free_bytes(container(tmp_path, limit, used, stat)) == MACHINE


def test_bytes_that_are_no_text_leave_the_machines_figure(tmp_path: Path) -> None:
    files = container(tmp_path, "2000", "500", "inactive_file 0")
    (files / "memory.max").write_bytes(b"\xff\xfe\x00")
    assert free_bytes(files) == MACHINE


def test_this_machine_has_some_memory_free() -> None:
    assert free_bytes() > 0
