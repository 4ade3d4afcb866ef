"""The snapshot being served: follows CURRENT, and changes one reference when a new version is whole."""

import hashlib
import logging
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from index.errors import IndexNotReady, NoMemory, SnapshotCorrupt, SnapshotError
from index.layout import CURRENT, generations, read_current, version_folder
from index.manifest import Manifest, read_manifest
from index.snapshot import Snapshot, anonymous_bytes
from index.trust import look, vouch

RETRY_S = 30.0  # until a version that could not be loaded is tried again: memory may be free by then, a file repaired
MEMORY_ROOM = 1.2
WORKING_BYTES = 64 << 20  # what hashing, scoring and a few questions at once take besides
JITTER = 0.2

log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int] | None  # what tells one CURRENT from the next; None when it is missing


class LiveSnapshot:
    """Always the newest good snapshot of an index folder; think of a reference that changes by itself.

    A version that cannot be loaded is never served: the old one stays, and `degraded` says why in one line. At the
    first start without a usable CURRENT the newest usable version is served. Nothing is loaded until the first `get` or
    `refresh`.

    Attributes:
        root: the index folder; may be made later. failures: loads that failed so far.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.failures = 0
        self._snapshot: Snapshot | None = None
        self._degraded: str | None = None
        self._seen: _Stamp = None
        self._retry_at = 0.0
        self._tried = False
        self._loading = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def degraded(self) -> str | None:
        """Why the served snapshot is not the one CURRENT names, in one line; None when all is well."""
        return self._degraded

    @property
    def current(self) -> Snapshot | None:
        """The snapshot being served, or None; loads nothing."""
        return self._snapshot

    def get(self) -> Snapshot:
        """The snapshot to answer from; a request takes it once and keeps it to its end.

        Raises:
            IndexNotReady: there is none yet, or none that is usable.
        """
        if not self._tried:
            self.refresh()
        snapshot = self._snapshot
        if snapshot is None:
            raise IndexNotReady(self.root, self._degraded or "none was published yet")
        return snapshot

    def refresh(self) -> bool:
        """Looks whether CURRENT changed and loads what it names; True when another snapshot is served now."""
        with self._loading:
            stamp = self._stamp()
            failed = self._degraded is not None
            if self._tried and stamp == self._seen and not (failed and time.monotonic() >= self._retry_at):
                return False
            self._tried, self._seen = True, stamp
            before = self._snapshot
            try:
                self._load()
            except Exception as err:
                self._fail(f"unforeseen {type(err).__name__}: see the log")
                raise
            return self._snapshot is not before

    def watch(self, interval_s: float = 1.0) -> None:
        """Refreshes every `interval_s` seconds, give or take a fifth, in a daemon thread; one in each process."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._follow, args=(interval_s, self._stop), name="follow-snapshot", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; the snapshot stays usable."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _follow(self, interval_s: float, stop: threading.Event) -> None:
        draw = np.random.default_rng()  # many processes must not all load at the same moment
        while not stop.wait(interval_s * draw.uniform(1 - JITTER, 1 + JITTER)):
            try:
                self.refresh()
            except Exception:  # a follower that died would serve an old snapshot for ever, and nobody would know
                log.exception("the snapshot could not be refreshed")

    def _stamp(self) -> _Stamp:
        try:
            state = (self.root / CURRENT).stat()
        except OSError:
            return None
        return state.st_mtime_ns, state.st_ino, state.st_size

    def _load(self) -> None:
        try:
            self._swap(self._open_current())
            self._degraded = None
        except SnapshotError as err:
            self._fail(str(err))
            if self._snapshot is None:
                self._fall_back()

    def _open_current(self) -> Snapshot | None:
        current = read_current(self.root)
        if current is None:
            if generations(self.root):
                raise SnapshotCorrupt(self.root / CURRENT, "it is missing, though there are versions")
            if self._snapshot is not None:
                raise SnapshotCorrupt(self.root, "its versions are gone")
            return None
        folder = version_folder(self.root, current.generation)
        manifest, content = read_manifest(folder)
        if hashlib.sha256(content).hexdigest() != current.manifest_sha256:
            raise SnapshotCorrupt(folder, "its manifest is not the one that was published (sha256 differs)")
        return self._open(folder, manifest)

    def _open(self, folder: Path, manifest: Manifest) -> Snapshot:
        if version_folder(self.root, manifest.generation) != folder:
            raise SnapshotCorrupt(folder, f"its manifest is that of version {manifest.generation}")
        needed = int(MEMORY_ROOM * (anonymous_bytes(manifest) + WORKING_BYTES))
        available = int(psutil.virtual_memory().available)
        if available < needed:
            raise NoMemory(folder, needed, available)
        seen = look(folder, manifest)
        snapshot = Snapshot.open(folder, manifest)
        vouch(folder, manifest, seen)
        return snapshot

    def _fall_back(self) -> None:
        """At a cold start: the newest version that is whole is better than none."""
        named = self._named()
        for generation in reversed(generations(self.root)):
            if generation == named:
                continue  # it was refused a moment ago, perhaps for its manifest, which only CURRENT vouches for
            folder = version_folder(self.root, generation)
            try:
                self._swap(self._open(folder, read_manifest(folder)[0]))
            except SnapshotError as err:
                log.warning("version %d is not usable either: %s", generation, err)
                continue
            self._degraded = f"serving version {generation}, because: {self._degraded}"
            return

    def _named(self) -> int | None:
        try:
            current = read_current(self.root)
        except SnapshotCorrupt:
            return None
        return current.generation if current else None

    def _swap(self, snapshot: Snapshot | None) -> None:
        if snapshot is None:
            return
        self._snapshot = snapshot
        log.info("serving version %d of %s", snapshot.generation, self.root)

    def _fail(self, why: str) -> None:
        self.failures += 1
        self._degraded = why
        self._retry_at = time.monotonic() + RETRY_S
        log.warning("%s", why)
