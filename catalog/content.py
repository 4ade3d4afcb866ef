"""Poster bytes on disk, named by their sha256; written whole or not at all."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

SUFFIX = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}


class ContentStore:
    """A folder of immutable files: the same bytes are kept once, whatever movies they belong to."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, sha256: str, media_type: str) -> Path:
        """Where these bytes lie or would lie."""
        return self._root / sha256[:2] / f"{sha256}{SUFFIX[media_type]}"

    def put(self, content: bytes, media_type: str) -> str:
        """Stores the bytes durably before any row names them; returns their sha256."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.path(sha256, media_type)
        if path.exists():
            os.utime(path)  # in use again: no purge may take it for forgotten
            return sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path, content)
        return sha256

    def get(self, sha256: str, media_type: str) -> bytes | None:
        """The bytes, or None when the file is gone or no longer what its name says."""
        try:
            content = self.path(sha256, media_type).read_bytes()
        except FileNotFoundError:
            return None
        return content if hashlib.sha256(content).hexdigest() == sha256 else None

    def files(self) -> Iterator[Path]:
        """Every file of the store that is whole; its stem is the sha256."""
        return self._root.glob("??/[0-9a-f]*.*")


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
