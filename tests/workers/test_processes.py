"""Which process imports what, and what a child does before it claims anything."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog.catalog import Catalog
from catalog.entries import Kind, State
from config.settings import Settings
from posters.errors import SourceInvalid
from workers.runtime import Runtime

REPO = Path(__file__).resolve().parents[2]


def modules_after(statement: str) -> set[str]:
    program = f"{statement}\nimport sys; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=REPO, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import workers.app, workers.enqueue", {"tensorflow", "keras", "faiss", "numba", "PIL"}),
        ("import workers.running, workers.tasks", {"tensorflow", "keras"}),
    ],
)
def test_a_parent_never_imports_tensorflow(statement: str, absent: set[str]) -> None:
    assert not absent & modules_after(statement)


def test_a_source_that_is_gone_costs_no_movie_an_attempt(
    queued: Callable[[int], Catalog], database_url: str, tmp_path: Path
) -> None:
    catalog = queued(2)
    settings: dict[str, Any] = {
        "data_dir": tmp_path,
        "database_url": database_url,
        "poster_sources": f"folder:{tmp_path / 'gone'}",
    }
    runtime = Runtime(Settings(**settings))
    with pytest.raises(SourceInvalid, match="gone"):
        runtime.fetch()
    runtime.close()
    assert catalog.work.counts()[State.PENDING] == 2
    assert catalog.work.claim(Kind.FETCH, 5, 60).movie_ids == (1, 2)
