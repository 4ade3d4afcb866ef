"""What comes before the encoder: the rows of one claim, their poster bytes, and the pixels of those not known yet."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from catalog.catalog import Catalog
from catalog.entries import Claim, PosterFile, Reason
from posters.decoding import pixels
from posters.errors import PosterRejected

Pixels = NDArray[np.uint8]
Vector = NDArray[np.float32]


@dataclass(slots=True)
class PosterBatch:
    """One claim on its way to the catalog, by content hash: two movies may share one picture.

    Attributes:
        before: the batches that were on their way when this one was claimed; what they encode is not encoded again.
        files: by movie. images: uint8 (224, 224, 3), of what no record is known for.
        vectors: float32 (d,), of the same. records: in the form that is stored.
        refused: pictures that cannot be used, and why. gone: pictures whose file is gone or damaged.
        waiting: for the encoder. given_back: its turn never came. began: on the monotonic clock.
    """

    claim: Claim
    before: tuple["PosterBatch", ...] = ()
    files: dict[int, PosterFile] = field(default_factory=dict)
    images: dict[str, Pixels] = field(default_factory=dict)
    vectors: dict[str, Vector] = field(default_factory=dict)
    records: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, tuple[Reason, str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    waiting: bool = True
    given_back: bool = False
    began: float = field(default_factory=time.monotonic)


Decoded = Pixels | PosterRejected | None
Spread = Callable[[Callable[[PosterFile], Decoded], Iterable[PosterFile]], Iterator[Decoded]]


def prepare(catalog: Catalog, batch: PosterBatch, fingerprint: str, spread: Spread = map) -> None:
    """Fills in what is known of a claimed batch, and the pixels of what is not.

    Args:
        fingerprint: of the encoder; records of another one are not used.
        spread: as `map`; that of a pool decodes several posters at once.
    """
    batch.files = catalog.posters.files(batch.claim.movie_ids)
    contents = [file.sha256 for file in batch.files.values()]
    batch.records = catalog.posters.records_of_content(contents, fingerprint)
    new = {file.sha256: file for file in batch.files.values() if file.sha256 not in batch.records}

    def decoded(file: PosterFile) -> Decoded:
        content = catalog.posters.content.get(file.sha256, file.media_type)
        try:
            return None if content is None else pixels(content, file.origin)
        except PosterRejected as err:
            return err

    for sha256, found in zip(new, spread(decoded, new.values()), strict=True):
        if found is None:
            batch.gone.add(sha256)
        elif isinstance(found, PosterRejected):
            batch.refused[sha256] = Reason(found.reason), str(found)
        else:
            batch.images[sha256] = found
