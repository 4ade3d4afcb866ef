"""What a worker's child process holds: made once per child on first use, never carried over a fork."""

import logging
import os
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from catalog.catalog import Catalog
from catalog.entries import Kind
from catalog.sources import Health
from config.loading import load_settings
from config.settings import Settings
from posters.encoder import Encoder
from posters.poster import PosterSource
from posters.sources import first_poster, open_sources
from ratings.training import TrainingOptions
from workers.building import Work, build_due
from workers.embed import EmbedLimits, embed_due
from workers.enqueue import Bell
from workers.fetch import GATHER_S, Fetcher, FetchLimits
from workers.guard import SharedGuard
from workers.outside import TMDB, outside_options
from workers.quiet import quiet_stderr
from workers.rebuild import rebuild
from workers.reporting import Report
from workers.train import train

log = logging.getLogger(__name__)

SLICE_S = 2.0  # long against a bell (0.2 s), short against the time another kind of work may wait for its turn


class Runtime:
    """The stages of one child process, opened when they are first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.catalog = Catalog(settings.catalog_url, settings.data_dir)
        self.bell = Bell(settings.broker_url)

    @cached_property
    def fetcher(self) -> Fetcher:
        """Posters under way; the sources are opened here, before any row is claimed."""
        sources = configured_sources(self.settings, self.catalog)
        limits = FetchLimits(self.settings.fetch_batch, self.settings.lease_s)
        return Fetcher(self.catalog, lambda movie, known: first_poster(sources, movie, known), limits)

    @cached_property
    def encoder(self) -> Encoder:
        """VGG16; TensorFlow is imported here, in the child that encodes, and nowhere else."""
        return open_encoder(self.settings)

    def fetch(self) -> None:
        """Fetches for about two seconds, then rings for what is due next; slow posters stay under way meanwhile.

        A folder that is gone costs no movie an attempt: the sources are opened before any row is claimed.
        """
        fetcher = self.fetcher
        if self.catalog.work.suspect_due(Kind.FETCH):
            fetcher.drain()  # a row that was lost by its worker is claimed alone
        _for_a_while(lambda: _fetched_some(fetcher))
        self._ring_if_due(Kind.EMBED, Kind.FETCH)

    def embed(self) -> None:
        """Embeds for about two seconds, one batch in hand at a time, then rings for what is due next.

        The encoder is loaded before any row is claimed.
        """
        encoder, limits = self.encoder, EmbedLimits(self.settings.embed_batch, self.settings.lease_s)
        _for_a_while(lambda: embed_due(self.catalog, encoder, limits))
        self._ring_if_due(Kind.EMBED, Kind.FETCH)

    def close(self) -> None:
        """Gives back what is under way; for a child that ends."""
        if "fetcher" in self.__dict__:
            self.fetcher.close()
        self.catalog.close()

    def build(self) -> None:
        """Runs one waiting train or rebuild, then rings for the next."""
        if build_due(self.catalog, works(self.settings, self.catalog), self.settings.lease_s):
            self._ring_if_due(Kind.BUILD)

    def _ring_if_due(self, *kinds: Kind) -> None:
        for kind in kinds:
            if self.catalog.jobs.due() if kind == Kind.BUILD else self.catalog.work.due(kind):
                self.bell.ring(kind)


def _for_a_while(step: Callable[[], int | bool]) -> None:
    """Repeats a step while it finds rows, for about two seconds: a bell costs more than a small batch."""
    end = time.monotonic() + SLICE_S
    while step() and time.monotonic() < end:
        pass


def _fetched_some(fetcher: Fetcher) -> bool:
    """One look at what is under way; False when there is nothing, and nothing to begin."""
    fetcher.claim()
    if fetcher.busy:
        fetcher.settle(GATHER_S)
    return fetcher.busy


def configured_sources(settings: Settings, catalog: Catalog) -> list[PosterSource]:
    """The poster sources in the configured order, those outside under the budget that all workers share.

    A source that refused us is asked again: whoever starts a worker may have mended the reason.
    """
    guard = SharedGuard(catalog.sources, TMDB, settings.tmdb_requests_per_s)
    if TMDB in settings.source_specs and catalog.sources.get(TMDB).state == Health.STOPPED:
        catalog.sources.working(TMDB)
        catalog.work.wake()
    return open_sources(settings.source_specs, outside_options(settings, guard))


def works(settings: Settings, catalog: Catalog) -> dict[str, Work]:
    """The jobs of the `build` kind as plain functions."""

    def run_train(report: Report) -> dict[str, Any]:
        options = TrainingOptions(vectors=settings.vectors_asked)
        return train(catalog, settings.models_dir, options, report)

    def run_rebuild(report: Report) -> dict[str, Any]:
        return rebuild(catalog, settings.models_dir, settings.index_dir, report)

    return {"train": run_train, "rebuild": run_rebuild}


def open_encoder(settings: Settings) -> Encoder:
    """The encoder that the settings name; importing TensorFlow takes 4 to 15 s."""
    with quiet_stderr():
        from posters.vgg16 import PosterEncoder

        encoder = PosterEncoder(settings.weights, settings.threads)
    log.info("encoding on %s with %s", encoder.device, encoder.fingerprint)
    return encoder


_runtimes: dict[int, Runtime] = {}  # by process id: a forked child never uses its parent's


def runtime() -> Runtime:
    """This process's runtime, made at the first call; `close_runtime` ends it."""
    if os.getpid() not in _runtimes:
        _runtimes[os.getpid()] = Runtime(load_settings())
    return _runtimes[os.getpid()]


def close_runtime() -> None:
    """Gives back what this process has in hand, if it has a runtime."""
    if os.getpid() in _runtimes:
        _runtimes.pop(os.getpid()).close()
