"""Embedding: claims fetched posters, encodes them in one batch, stores vector and state together."""

import logging
import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from catalog.catalog import Catalog
from catalog.entries import Claim, Kind, PosterFile, Reason
from catalog.work import Embedded, Failure
from index.errors import InvalidVector
from index.records import encode_record
from index.vectors import checked
from posters.decoding import pixels
from posters.encoder import Encoder
from posters.errors import EncoderOutOfMemory, PosterRejected
from workers.tracing import log_batch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EmbedLimits:
    """How much one embed task takes on; times in seconds."""

    batch: int = 16  # 16 x 602,112 B of float32 pixels = 9.6 MB
    lease_s: float = 180.0


@dataclass(slots=True)
class _Batch:
    """One claimed batch by content hash: two movies may share one picture."""

    claim: Claim
    files: dict[int, PosterFile]
    records: dict[str, bytes]
    began: float  # on the monotonic clock
    refused: dict[str, tuple[Reason, str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)


def embed_due(catalog: Catalog, encoder: Encoder, limits: EmbedLimits) -> int:
    """Embeds one batch of fetched posters; returns how many rows were claimed.

    The same picture is encoded once, whatever movies it belongs to, yet every movie gets its row.
    """
    began = time.monotonic()
    claim = catalog.work.claim(Kind.EMBED, limits.batch, limits.lease_s)
    if not claim.movie_ids:
        return 0
    files = catalog.posters.files(claim.movie_ids)
    fingerprint = str(encoder.fingerprint)
    known = catalog.posters.records_of_content([file.sha256 for file in files.values()], fingerprint)
    batch = _Batch(claim, files, known, began)
    images = _images(catalog, batch)
    _encode(encoder, images, batch)
    _store(catalog, batch, fingerprint)
    return len(claim.movie_ids)


def _images(catalog: Catalog, batch: _Batch) -> dict[str, NDArray[np.uint8]]:
    """Pixels (224, 224, 3) of the pictures that have no record yet."""
    images: dict[str, NDArray[np.uint8]] = {}
    new = {file.sha256: file for file in batch.files.values() if file.sha256 not in batch.records}
    for sha256, file in new.items():
        content = catalog.posters.content.get(sha256, file.media_type)
        if content is None:
            batch.gone.add(sha256)
            continue
        try:
            images[sha256] = pixels(content, file.origin)
        except PosterRejected as err:
            batch.refused[sha256] = Reason(err.reason), str(err)
    return images


def _encode(encoder: Encoder, images: dict[str, NDArray[np.uint8]], batch: _Batch) -> None:
    if not images:
        return
    try:
        vectors = encoder.encode(np.stack(list(images.values())))
    except EncoderOutOfMemory as err:
        batch.refused |= {sha256: (Reason.GPU_OOM, str(err)) for sha256 in images}
        return
    for sha256, vector in zip(images, vectors, strict=True):
        try:
            batch.records[sha256] = encode_record(checked(vector))
        except InvalidVector as err:
            batch.refused[sha256] = Reason.DEGENERATE_VECTOR, str(err)


def _store(catalog: Catalog, batch: _Batch, fingerprint: str) -> None:
    done, failed, again = [], [], []
    for movie_id in batch.claim.movie_ids:
        file = batch.files.get(movie_id)
        if file is None or file.sha256 in batch.gone:
            again.append(movie_id)
        elif file.sha256 in batch.records:
            done.append(_embedded(file, fingerprint, batch))
        else:
            failed.append(Failure(movie_id, *batch.refused[file.sha256]))
    if done and len(catalog.work.embedded(batch.claim, done)) < len(done):
        log.warning("some posters of a batch were taken over by another worker meanwhile: its result counts")
    if failed:
        catalog.work.failed(batch.claim, failed)
    if again:
        log.warning("%d poster files are gone from the data folder: fetched again", len(again))
        catalog.work.fetch_again(batch.claim, again)
    counts = {"embedded": len(done), "failed": len(failed), "fetched again": len(again)}
    log_batch(log, catalog, batch.claim.movie_ids, counts, time.monotonic() - batch.began)


def _embedded(file: PosterFile, fingerprint: str, batch: _Batch) -> Embedded:
    return Embedded(file.movie_id, file.sha256, fingerprint, batch.records[file.sha256], file.generated)
