"""What most commands open first: the settings, the catalog, the logs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from catalog.catalog import Catalog
from config import logs
from config.loading import load_settings
from config.settings import Settings

BUNDLED_DATA = Path(__file__).resolve().parents[1] / "data" / "ml-latest-small"


@dataclass(frozen=True, slots=True)
class Session:
    """Settings and the open catalog of one command."""

    settings: Settings
    catalog: Catalog


@contextmanager
def session() -> Iterator[Session]:
    """Reads the settings, opens the catalog, closes it at the end.

    Raises:
        ConfigError: a setting is wrong. CatalogError: the database does not answer.
    """
    settings = load_settings()
    logs.configure(settings, quiet=True)
    catalog = Catalog.open(settings.catalog_url, settings.data_dir)
    try:
        yield Session(settings, catalog)
    finally:
        catalog.close()


def bundled_data(given: Path | None) -> Path:
    """The MovieLens folder that was given, or the one in the clone.

    Raises:
        click.UsageError: none was given and this is not a clone.
    """
    if given is not None:
        return given
    if not BUNDLED_DATA.is_dir():
        raise click.UsageError("no data/ml-latest-small beside the program: name a MovieLens folder with --data DIR")
    return BUNDLED_DATA
