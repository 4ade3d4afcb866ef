"""Opens a CSV file, plain or gzip, and tells how much of it was read."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

Progress = Callable[[int, int], None]  # bytes read, bytes in all


class TextFile:
    """The bytes of a file, unpacked where its name ends in `.gz`; as much of a stream as pyarrow asks for.

    Args:
        progress: called after each read with the bytes of the file itself, packed ones where it is packed.

    Raises:
        OSError: it cannot be opened or read, or is no gzip file. EOFError, zlib.error: from `read`, when a gzip file is
            cut short or damaged.
    """

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self._raw = path.open("rb")
        self._stream = cast(BinaryIO, gzip.GzipFile(fileobj=self._raw)) if path.suffix == ".gz" else self._raw
        self._size, self._progress = path.stat().st_size, progress
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """The next bytes, none at the end."""
        content = self._stream.read(size)
        if self._progress is not None:
            self._progress(self._raw.tell(), self._size)
        return content

    def first_line(self) -> bytes:
        """The first line, or as much of it as a header may have."""
        return self._stream.readline(4096)

    def close(self) -> None:
        """Closes the file; may be repeated."""
        self.closed = True
        self._stream.close()
        self._raw.close()

    def readable(self) -> bool:
        """True: pyarrow asks."""
        return True

    def seekable(self) -> bool:
        """False: it is read from its beginning to its end."""
        return False

    def writable(self) -> bool:
        """False: pyarrow asks."""
        return False

    def __enter__(self) -> "TextFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
