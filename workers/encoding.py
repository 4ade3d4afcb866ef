"""The encoder's part, and what comes after it: records of a prepared batch, then vector and state in one step."""

import logging
import time

import numpy as np

from catalog.catalog import Catalog
from catalog.entries import PosterFile, Reason
from catalog.work import Embedded, Failure
from index.errors import InvalidVector
from index.records import encode_record
from posters.encoder import Encoder
from posters.errors import EncoderOutOfMemory
from workers.preparing import PosterBatch
from workers.tracing import log_batch

log = logging.getLogger("workers.embed")


def encode(encoder: Encoder, batch: PosterBatch) -> None:
    """Vectors for the pictures of a prepared batch, those apart that a batch before it has encoded meanwhile."""
    for earlier in batch.before:
        batch.vectors |= {sha256: vector for sha256, vector in earlier.vectors.items() if sha256 in batch.images}
    batch.before = ()  # or every batch would keep all before it
    images = {sha256: image for sha256, image in batch.images.items() if sha256 not in batch.vectors}
    batch.images = {}
    if not images:
        return
    try:
        vectors = encoder.encode(np.stack(list(images.values())))
    except EncoderOutOfMemory as err:
        batch.refused |= {sha256: (Reason.GPU_OOM, str(err)) for sha256 in images}
        return
    batch.vectors |= dict(zip(images, vectors, strict=True))


def store(catalog: Catalog, batch: PosterBatch, fingerprint: str) -> None:
    """Records what became of every movie of an encoded batch; rows that were taken over meanwhile stay as they are."""
    _make_records(batch)
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


def _make_records(batch: PosterBatch) -> None:
    for sha256, vector in batch.vectors.items():
        try:
            batch.records[sha256] = encode_record(vector)
        except InvalidVector as err:
            batch.refused[sha256] = Reason.DEGENERATE_VECTOR, str(err)


def _embedded(file: PosterFile, fingerprint: str, batch: PosterBatch) -> Embedded:
    return Embedded(file.movie_id, file.sha256, fingerprint, batch.records[file.sha256], file.generated)
