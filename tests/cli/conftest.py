"""What tests of commands share: an installation with something of everything, made once and copied."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.furnished import Furnished, furnish, verify_here


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of an installation on SQLite, to copy from."""
    folder = tmp_path_factory.mktemp("furnished") / "data"
    with pytest.MonkeyPatch.context() as monkeypatch:
        verify_here(monkeypatch)
        furnish(Furnished(folder, f"sqlite:///{folder / 'catalog.db'}", monkeypatch))
    yield folder
