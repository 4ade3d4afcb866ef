"""How n posters are cut into the few batch sizes that a device has kernels warm for."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Batches:
    """Batch sizes of one device, the largest first and 1 the last; `padded` fills a last, smaller batch up."""

    sizes: tuple[int, ...]
    padded: bool

    def split(self, count: int) -> Iterator[tuple[slice, int]]:
        """Runs of rows that cover 0..count in order, each with the size of the batch it goes into.

        The size is larger than the run only where the batch is to be filled up.
        """
        start = 0
        while start < count:
            size = self._next(count - start)
            yield slice(start, min(start + size, count)), size
            start += size

    def _next(self, left: int) -> int:
        if self.padded:
            return min((size for size in self.sizes if size >= left), default=self.sizes[0])
        return next(size for size in self.sizes if size <= left)


# On a CPU every poster costs the same, so none is added. Posters/s on 2 cores (AVX2), float32: 8.0 at batch 1, 10.4 at
# 2, 10.6 at 4, 10.8 at 8; beyond 8 nothing is gained but memory, and 16 was slow on another machine of this kind.
CPU_BATCHES = Batches(sizes=(8, 4, 2, 1), padded=False)
# On a GPU a call costs about the same up to some size, and every new size is tuned anew: few sizes, filled up.
GPU_BATCHES = Batches(sizes=(64, 8, 1), padded=True)
