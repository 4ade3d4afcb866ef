"""How n posters are cut into the few batch sizes that a device has kernels warm for."""

from collections.abc import Iterable, Iterator
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


# On a GPU a call costs about the same up to some size, and every new size is tuned anew: few sizes, filled up.
GPU_SIZES = (64, 128, 256, 32)
SMALL_GPU_SIZES = (8, 1)  # a single new poster is not filled up to a large batch
ONE_BY_ONE = Batches((1,), padded=False)


def gpu_batches(warm: Iterable[int], best: int) -> Batches:
    """The sizes up to the best one that have their kernels already, and the small ones, filled up."""
    sizes = {size for size in warm if size <= best} | {best, *SMALL_GPU_SIZES}
    return Batches(tuple(sorted(sizes, reverse=True)), padded=True)
