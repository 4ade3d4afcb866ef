"""docs/configuration.md says what config/settings.py says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from config.settings import PREFIX, Settings


@pytest.fixture(scope="module")
def generator(repo: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_configuration", repo / "docs" / "make_configuration.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_settings_say_today(generator: ModuleType) -> None:
    assert generator.PAGE.read_text(encoding="utf-8") == generator.page(), "run: python docs/make_configuration.py"


def test_every_setting_has_a_row_with_its_meaning(generator: ModuleType) -> None:
    rows = [line for line in generator.page().splitlines() if line.startswith(f"| `{PREFIX}")]
    assert len(rows) == len(Settings.model_fields)
    for row, (name, field) in zip(rows, Settings.model_fields.items(), strict=True):
        assert row.startswith(f"| `{PREFIX}{name.upper()}`")
        assert field.description
        assert field.description in row


def test_a_limit_stands_beside_the_type(generator: ModuleType) -> None:
    assert "| whole number, at least 0, at most 65,535 | `8000` |" in generator.page()
