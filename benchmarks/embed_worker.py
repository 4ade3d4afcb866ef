"""The worker of `posterity serve` as it is, apart from TMDB's budget of requests, which a benchmark must not wait for.

Run: python -m benchmarks.embed_worker     (POSTERITY_ settings as for `posterity worker`)
"""

import sys

from catalog.catalog import Catalog
from catalog.entries import Kind
from config import logs
from config.loading import load_settings
from config.settings import Settings
from posters.guard import FreeGuard
from posters.poster import PosterSource
from posters.sources import open_sources
from workers import runtime
from workers.outside import TMDB, outside_options
from workers.running import run_worker, worker_name

KINDS = [Kind.FETCH, Kind.EMBED]


def unlimited_sources(settings: Settings, _: Catalog) -> list[PosterSource]:
    """Stands for `runtime.configured_sources`: at most 50 requests a second would hold a GPU back."""
    return open_sources(settings.source_specs, outside_options(settings, FreeGuard(TMDB)))


def main() -> None:
    """Works until it is told to stop."""
    runtime.configured_sources = unlimited_sources
    settings = load_settings()
    logs.configure(settings, worker_id=worker_name(KINDS))
    sys.exit(run_worker(settings, KINDS))


if __name__ == "__main__":
    main()
