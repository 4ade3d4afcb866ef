"""Embedding: while one claimed batch of fetched posters is encoded, the next is decoded and the last one stored."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial

from catalog.catalog import Catalog
from catalog.entries import Kind
from faults.points import reached
from posters.encoder import Encoder
from workers.encoding import encode, store
from workers.preparing import PosterBatch, prepare

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EmbedLimits:
    """How much one process takes on; times in seconds.

    `decoders` is how many posters are decoded at once: beside an encoder on the CPU one is plenty and takes least from
    it (2 ms a poster against 100 ms), beside a GPU as many as there are cores. `ahead` is how many batches may be
    claimed and not yet encoded; a lease must outlast their encoding.
    """

    batch: int = 16  # 16 x 602,112 B of float32 pixels = 9.6 MB
    lease_s: float = 180.0
    decoders: int = 1
    ahead: int = 2  # one is encoded, one decoded


class Embedder:
    """Claimed batches in the threads of one process; think of a conveyor belt past decoder, encoder and catalog.

    `claim` puts batches on, and each goes its way to the end without being waited for: between two tasks of the child
    that holds it, too. The steps keep the order of the claims. Safe for threads.

    Args:
        encoder: called from one thread, which is not the one that made it.
    """

    def __init__(self, catalog: Catalog, encoder: Encoder, limits: EmbedLimits) -> None:
        self._catalog, self._encoder, self._limits = catalog, encoder, limits
        self._fingerprint = str(encoder.fingerprint)
        self._steps = [ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("prepare", "encode", "store")]
        self._decoders = ThreadPoolExecutor(limits.decoders, thread_name_prefix="decode")
        self._in_hand: dict[Future[None], PosterBatch] = {}
        self._lock = threading.RLock()  # of what is in hand
        self._closing = threading.Event()

    @property
    def busy(self) -> bool:
        """True while a batch is in hand whose end was not seen by `claim` or `settle`."""
        return bool(self._in_hand)

    def claim(self) -> int:
        """Claims one batch if there is room and some are due; returns how many rows it has.

        A row that was lost by its worker is claimed alone, so it waits until nothing else is in hand.

        Raises:
            CatalogError: from the claim. Anything else: what went wrong with a batch before; its rows keep their lease
                until it runs out, and then count as lost.
        """
        with self._lock:
            self._see_ends()
            if not self._room() or self._closing.is_set():
                return 0
            claim = self._catalog.work.claim(
                Kind.EMBED, self._limits.batch, self._limits.lease_s, in_company=bool(self._in_hand)
            )
            if claim.movie_ids:
                reached("embed.claimed")
                self._start(PosterBatch(claim, before=tuple(self._in_hand.values())))
            return len(claim.movie_ids)

    def fill(self) -> int:
        """Claims batches as long as there is room and some are due; returns how many rows. Raises as `claim`."""
        rows = 0
        while claimed := self.claim():
            rows += claimed
        return rows

    def settle(self, within_s: float | None) -> None:
        """Waits until a batch is done, `within_s` at most. Raises as `claim`."""
        with self._lock:
            in_hand = list(self._in_hand)
        wait(in_hand, timeout=within_s, return_when=FIRST_COMPLETED)
        with self._lock:
            self._see_ends()

    def drain(self) -> None:
        """Waits until nothing is in hand. Raises as `claim`."""
        while self.busy:
            self.settle(None)

    def close(self) -> None:
        """Gives back the batches that are not being encoded yet, and waits for the others."""
        with self._lock:  # a claim that is being made is put on the belt first
            self._closing.set()
        for pool in (*self._steps, self._decoders):
            pool.shutdown()
        for future in self._in_hand:
            if error := future.exception():
                log.error("a batch of posters was lost: its rows are tried again later", exc_info=error)
        self._in_hand.clear()

    def _room(self) -> bool:
        batches = self._in_hand.values()
        return sum(batch.waiting for batch in batches) < self._limits.ahead and not any(
            batch.claim.alone for batch in batches
        )

    def _start(self, batch: PosterBatch) -> None:
        preparing, encoding, storing = self._steps
        prepared = preparing.submit(self._prepare, batch)
        encoded = encoding.submit(_after, prepared, partial(self._encode, batch))
        self._in_hand[storing.submit(_after, encoded, partial(self._store, batch))] = batch

    def _prepare(self, batch: PosterBatch) -> None:
        if not self._closing.is_set():
            prepare(self._catalog, batch, self._fingerprint, self._decoders.map)
            reached("embed.prepared")

    def _encode(self, batch: PosterBatch) -> None:
        if self._closing.is_set():
            batch.given_back = True
        else:
            encode(self._encoder, batch)
            batch.waiting = False
            reached("embed.encoded")

    def _store(self, batch: PosterBatch) -> None:
        if batch.given_back:
            self._catalog.work.released(batch.claim, batch.claim.movie_ids)
        else:
            store(self._catalog, batch, self._fingerprint)
            reached("embed.stored")

    def _see_ends(self) -> None:
        """Lets go of what is done; what went wrong is raised, once."""
        for future in [future for future in self._in_hand if future.done()]:
            del self._in_hand[future]
            future.result()


def embed_due(catalog: Catalog, encoder: Encoder, limits: EmbedLimits) -> int:
    """Embeds one batch of fetched posters, to its end; returns how many rows were claimed.

    The same picture is encoded once, whatever movies it belongs to, yet every movie gets its row.
    """
    embedder = Embedder(catalog, encoder, limits)
    try:
        claimed = embedder.claim()
        embedder.drain()
    finally:
        embedder.close()
    return claimed


def _after(before: "Future[None]", step: Callable[[], None]) -> None:
    """Runs a step when the one before it has ended well; its error is this one's."""
    before.result()
    step()
