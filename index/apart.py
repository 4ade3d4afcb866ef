"""A process of its own that verifies a version: what makes FAISS or numba crash takes only that process along.

Celery's children may not use multiprocessing, and FAISS may not be forked: it is started anew, as
`python -m index.verification FOLDER -`. That takes a second, so whoever publishes starts it before there is anything to
verify.
"""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from index.errors import SnapshotCorrupt
from index.manifest import Manifest
from index.spaces import SpaceName

_SLOWEST = 10 * 2**20  # bytes per second that a slow disk still reads
_START_S = 120.0


class Verifier:
    """Waits for the manifest of one version, then verifies it; a context that leaves no process behind.

    Args:
        folder: of the version; need not exist yet.

    Raises:
        OSError: no process can be started.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        command = [sys.executable, "-m", "index.verification", str(folder.absolute()), "-"]
        self._process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[1],  # where `index` is found, installed or not
        )

    def verify(self, manifest: Manifest) -> dict[SpaceName, float]:
        """The recall@10 of each space against brute force, 0 to 1, as measured there; once.

        Args:
            manifest: what the version must be.

        Raises:
            SnapshotCorrupt: it is not what it must be, or its verification died or did not end.
        """
        timeout_s = _START_S + manifest.size_bytes / _SLOWEST
        try:
            output, errors = self._process.communicate(manifest.to_bytes(), timeout_s)
        except subprocess.TimeoutExpired as err:
            raise SnapshotCorrupt(self._folder, f"its verification did not end in {timeout_s:.0f} s") from err
        if self._process.returncode != 0:
            lines = (output or errors).decode(errors="replace").strip().splitlines()
            why = lines[-1] if lines else f"its verification died with code {self._process.returncode}"
            raise SnapshotCorrupt(self._folder, f"verification: {why}")
        measured: dict[SpaceName, float] = json.loads(output)
        return measured

    def __enter__(self) -> "Verifier":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


def verify_apart(folder: Path, manifest: Manifest) -> dict[SpaceName, float]:
    """Verifies a version in a new process. Args, returns and raises: as `Verifier.verify`."""
    with Verifier(folder) as verifier:
        return verifier.verify(manifest)
