"""Vector records on their way from the catalog into a snapshot, kept beside it: they need not fit into memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from index.records import decode_records


class VectorSpool:
    """A nameless file of records in the order they were added; it is gone when it is closed, or its process ends.

    Args:
        folder: where there is room, about 9 kB for each poster vector; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()
        self._runs: list[list[int]] = []  # lengths of the records that were added together

    def add(self, records: Sequence[bytes]) -> None:
        """Keeps a run of records."""
        self._runs.append([len(record) for record in records])
        self._file.writelines(records)

    def blocks(self, dimension: int) -> Iterator[NDArray[np.float32]]:
        """The vectors, decoded run by run as they were added: float32 (length of the run, dimension)."""
        self._file.seek(0)
        for lengths in self._runs:
            out = np.empty((len(lengths), dimension), np.float32)
            yield decode_records([self._file.read(length) for length in lengths], out)

    def close(self) -> None:
        """Throws the records away."""
        self._file.close()
