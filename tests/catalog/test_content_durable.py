"""A poster's bytes, then its name, then the row: each is on the disk before the next."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from catalog import content as module
from catalog.content import ContentStore


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the store asks of the system, in order; a sync says of what."""
    noted: list[str] = []
    fsync, replace, write = os.fsync, os.replace, os.write

    def synced(handle: int) -> None:
        noted.append("fsync of a folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "fsync of a file")
        fsync(handle)

    def replaced(*args: Any) -> None:
        noted.append("replace")
        replace(*args)

    def written(handle: int, data: Any) -> int:
        noted.append("write")
        return write(handle, data)

    for name, function in (("fsync", synced), ("replace", replaced), ("write", written)):
        monkeypatch.setattr(module.os, name, function)
    return noted


def test_a_poster_is_synced_before_it_has_its_name_and_its_name_before_anybody_hears_of_it(
    tmp_path: Path, done: list[str]
) -> None:
    ContentStore(tmp_path).put(b"poster", "image/png")
    first = done.index("write")
    assert set(done[:first]) <= {"fsync of a folder"}
    assert done[first:] == ["write", "fsync of a file", "replace", "fsync of a folder"]


def test_a_poster_that_is_there_already_is_synced_by_its_name_once_more(tmp_path: Path, done: list[str]) -> None:
    store = ContentStore(tmp_path)
    store.put(b"poster", "image/png")
    done.clear()
    store.put(b"poster", "image/png")
    assert done == ["fsync of a folder"], "who wrote it may have died before its own sync"
