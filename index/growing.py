"""Array files that grow: `.npy`, whose length is known only once the last numbers were written."""

import io
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.durable import FileDigest, GrowingFile

HEAD = 128  # bytes of the header of a `.npy` with at most two axes


class GrowingArray:
    """A `.npy` file on the disk that rows are added to.

    Args:
        path: must not exist. dtype: of the numbers. width: of a row, or None for an array of one axis.

    Raises:
        OSError: the disk is full or failing, from every method.
    """

    def __init__(self, path: Path, dtype: Any, width: int | None = None) -> None:
        self._dtype, self._width = np.dtype(dtype), width
        self._file = GrowingFile(path, HEAD)
        self._rows = 0

    def add(self, rows: NDArray[Any]) -> None:
        """Adds rows of the dtype and width stated."""
        if rows.dtype != self._dtype or rows.shape[1:] != (() if self._width is None else (self._width,)):
            raise ValueError(f"{self._file.path}: rows of {rows.dtype} {rows.shape} do not belong here")
        self._file.write(np.ascontiguousarray(rows).data.cast("B") if rows.size else b"")
        self._rows += len(rows)

    def finish(self) -> FileDigest:
        """The file whole, synced and closed."""
        shape = (self._rows,) if self._width is None else (self._rows, self._width)
        head = io.BytesIO()
        stated = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(head, stated)
        return self._file.finish(head.getvalue())

    def __enter__(self) -> "GrowingArray":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
