"""What a worker's child process holds: made once per child on first use, never carried over a fork."""

import logging
import os
from functools import cached_property
from typing import Any

from catalog.catalog import Catalog
from catalog.entries import Kind
from config.loading import load_settings
from config.settings import Settings
from posters.encoder import Encoder
from posters.poster import PosterImage, PosterRequest, PosterSource
from posters.sources import first_poster, open_sources
from ratings.sgd import FactorOptions
from workers.building import Work, build_due
from workers.embed import EmbedLimits, embed_due
from workers.enqueue import Bell
from workers.fetch import FetchLimits, fetch_due
from workers.rebuild import rebuild
from workers.reporting import Report
from workers.train import train

log = logging.getLogger(__name__)


class Runtime:
    """The stages of one child process, opened when they are first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.catalog = Catalog(settings.catalog_url, settings.data_dir)
        self.bell = Bell(settings.broker_url)

    @cached_property
    def sources(self) -> list[PosterSource]:
        """The poster sources in the configured order."""
        return open_sources(self.settings.source_specs)

    @cached_property
    def encoder(self) -> Encoder:
        """VGG16; TensorFlow is imported here, in the child that encodes, and nowhere else."""
        return open_encoder(self.settings)

    def fetch(self) -> None:
        """Fetches one batch, then rings for what is due next."""
        settings = self.settings
        fetch_due(self.catalog, self._first_poster, FetchLimits(settings.fetch_batch, settings.lease_s))
        self._ring_if_due(Kind.EMBED, Kind.FETCH)

    def embed(self) -> None:
        """Embeds one batch, then rings for what is due next; the encoder is loaded before any row is claimed."""
        settings = self.settings
        encoder = self.encoder
        embed_due(self.catalog, encoder, EmbedLimits(settings.embed_batch, settings.lease_s))
        self._ring_if_due(Kind.EMBED, Kind.FETCH)

    def build(self) -> None:
        """Runs one waiting train or rebuild, then rings for the next."""
        if build_due(self.catalog, works(self.settings, self.catalog), self.settings.lease_s):
            self._ring_if_due(Kind.BUILD)

    def _first_poster(self, movie: PosterRequest) -> PosterImage:
        return first_poster(self.sources, movie)

    def _ring_if_due(self, *kinds: Kind) -> None:
        for kind in kinds:
            if self.catalog.jobs.due() if kind == Kind.BUILD else self.catalog.work.due(kind):
                self.bell.ring(kind)


def works(settings: Settings, catalog: Catalog) -> dict[str, Work]:
    """The jobs of the `build` kind as plain functions."""

    def run_train(report: Report) -> dict[str, Any]:
        return train(catalog, settings.models_dir, FactorOptions(), report)

    def run_rebuild(report: Report) -> dict[str, Any]:
        return rebuild(catalog, settings.models_dir, settings.index_dir, report)

    return {"train": run_train, "rebuild": run_rebuild}


def open_encoder(settings: Settings) -> Encoder:
    """The encoder that the settings name; importing TensorFlow takes 4 to 15 s."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # a page of notes about instructions and absent GPUs
    from posters.vgg16 import PosterEncoder

    encoder = PosterEncoder(settings.weights, settings.threads)
    log.info("encoding on %s with %s", encoder.device, encoder.fingerprint)
    return encoder


_runtimes: dict[int, Runtime] = {}  # by process id: a forked child never uses its parent's


def runtime() -> Runtime:
    """This process's runtime, made at the first call."""
    if os.getpid() not in _runtimes:
        _runtimes[os.getpid()] = Runtime(load_settings())
    return _runtimes[os.getpid()]
