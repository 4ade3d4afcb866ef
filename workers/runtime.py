"""What a worker's child process holds: made once per child on first use, never carried over a fork."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from catalog.catalog import Catalog
from catalog.entries import Kind
from catalog.sources import Health
from config.loading import load_settings
from config.settings import Settings
from posters.poster import PosterSource
from posters.sources import first_poster, open_sources
from workers.building import Work, build_due
from workers.embed import Embedder, EmbedLimits
from workers.enqueue import Bell
from workers.fetch import GATHER_S, Fetcher, FetchLimits
from workers.guard import SharedGuard
from workers.outside import TMDB, outside_options
from workers.quiet import quiet_stderr
from workers.reporting import Report

if TYPE_CHECKING:
    from posters.vgg16 import PosterEncoder

log = logging.getLogger(__name__)

GPU_AHEAD = 4  # batches on their way to a GPU, which is done with one faster than the next is claimed and decoded
SLICE_S = 2.0  # long against a bell (0.2 s), short against the time another kind of work may wait for its turn
GPU_SLICE_S = 8.0  # a GPU has nothing in hand any more when the next bell comes; a worker must end within 15 s


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
    def encoder(self) -> "PosterEncoder":
        """VGG16; its code is loaded here, in the child that encodes, and nowhere else."""
        return open_encoder(self.settings)

    @cached_property
    def embedder(self) -> Embedder:
        """Posters on their way through the encoder, which is loaded here, before any row is claimed."""
        encoder, settings = self.encoder, self.settings
        limits = EmbedLimits(max(settings.embed_batch, encoder.batch), settings.lease_s)
        if not self._on_cpu:
            limits = replace(limits, decoders=settings.threads or os.cpu_count() or 1, ahead=GPU_AHEAD)
        return Embedder(self.catalog, encoder, limits)

    def fetch(self) -> None:
        """Fetches for about two seconds, then rings for what is due next; slow posters stay under way meanwhile.

        A folder that is gone costs no movie an attempt: the sources are opened before any row is claimed.
        """
        fetcher, feed = self.fetcher, self._feed_encoder
        if self.catalog.work.suspect_due(Kind.FETCH):  # a row that was lost by its worker is claimed alone
            fetcher.drain()
            if "embedder" in self.__dict__:
                self.embedder.drain()
            feed = _nothing
        _for_a_while(lambda: _fetched_some(fetcher, feed))
        self._ring_if_due(Kind.EMBED, Kind.FETCH)

    def embed(self) -> None:
        """Embeds for about two seconds, then rings for what is due next; batches in hand go their way meanwhile.

        The encoder is loaded before any row is claimed.
        """
        embedder, feed = self.embedder, self._feed_fetcher
        if self.catalog.work.suspect_due(Kind.EMBED):
            embedder.drain()
            feed = _nothing
        _for_a_while(lambda: _embedded_some(embedder, feed), SLICE_S if self._on_cpu else GPU_SLICE_S)
        self._ring_if_due(Kind.EMBED, Kind.FETCH)

    def close(self) -> None:
        """Gives back what is under way; for a child that ends."""
        for stage in ("embedder", "fetcher"):
            if stage in self.__dict__:
                self.__dict__[stage].close()
        self.catalog.close()

    def build(self) -> None:
        """Runs one waiting train or rebuild, then rings for the next."""
        if build_due(self.catalog, works(self.settings, self.catalog), self.settings.lease_s):
            self._ring_if_due(Kind.BUILD)

    @property
    def _on_cpu(self) -> bool:
        return self.encoder.device == "cpu"

    def _feed_encoder(self) -> None:
        """The encoder has no pause while this child fetches."""
        if "embedder" in self.__dict__:
            self.embedder.fill()

    def _feed_fetcher(self) -> None:
        """The sources have no pause while this child encodes, if it fetches at all."""
        if "fetcher" in self.__dict__:
            self.fetcher.claim()

    def _ring_if_due(self, *kinds: Kind) -> None:
        for kind in kinds:
            if self.catalog.jobs.due() if kind == Kind.BUILD else self.catalog.work.due(kind):
                self.bell.ring(kind)


def _for_a_while(step: Callable[[], bool], seconds: float = SLICE_S) -> None:
    """Repeats a step while it finds rows, for about so long: a bell costs more than a small batch."""
    end = time.monotonic() + seconds
    while step() and time.monotonic() < end:
        pass


def _nothing() -> None:
    """What is fed while a row must be alone in this process."""


def _fetched_some(fetcher: Fetcher, feed: Callable[[], None]) -> bool:
    """One look at what is under way; False when there was nothing, and nothing to begin."""
    claimed = fetcher.claim()
    feed()
    if fetcher.busy:
        fetcher.settle(GATHER_S)
    return fetcher.busy or claimed > 0


def _embedded_some(embedder: Embedder, feed: Callable[[], None]) -> bool:
    """One batch to its end, the next ones behind it; False when there was nothing, and nothing to begin."""
    claimed = embedder.fill()
    feed()
    if embedder.busy:
        embedder.settle(SLICE_S)
    return embedder.busy or claimed > 0


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
    """The jobs of the `build` kind as plain functions.

    What they need is imported here: numba, scipy and FAISS take half the start of a worker, and one that fetches and
    embeds needs none of them. One that builds imports them before it forks.
    """
    from ratings.training import TrainingOptions
    from workers.rebuild import rebuild
    from workers.train import train

    def run_train(report: Report) -> dict[str, Any]:
        options = TrainingOptions(vectors=settings.vectors_asked)
        return train(catalog, settings.models_dir, options, report)

    def run_rebuild(report: Report) -> dict[str, Any]:
        return rebuild(catalog, settings.models_dir, settings.index_dir, report)

    return {"train": run_train, "rebuild": run_rebuild}


def open_encoder(settings: Settings) -> "PosterEncoder":
    """The encoder that the settings name; a second or two, and on a GPU 4 to 15 s for TensorFlow."""
    with quiet_stderr():
        from posters.vgg16 import PosterEncoder

        encoder = PosterEncoder(settings.weights, settings.threads)
    if encoder.unused:
        log.warning("%s", encoder.unused)
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
