"""Opens a CSV file, plain or gzip, and tells how much of it was read."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

BLOCK_BYTES = 8 << 20
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
        self._line_ends, self._last = 0, b"\n"
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """The next bytes, none at the end."""
        content = self._stream.read(size)
        self._line_ends += content.count(b"\n")
        self._last = content[-1:] or self._last
        if self._progress is not None:
            self._progress(self._raw.tell(), self._size)
        return content

    @property
    def lines(self) -> int:
        """Lines read, the last one whether or not it has an end."""
        return self._line_ends + (self._last != b"\n")

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


def written_lines(path: Path) -> int:
    """Lines that have something in them, whatever ends them; reads the whole file. Raises as TextFile."""
    count, before_ended = 0, True
    with TextFile(path) as stream:
        while content := stream.read(BLOCK_BYTES):
            letters = np.frombuffer(content, np.uint8)
            inside = (letters != ord("\n")) & (letters != ord("\r"))
            count += int(np.count_nonzero(inside[1:] & ~inside[:-1])) + bool(inside[0] and before_ended)
            before_ended = not inside[-1]
    return count
