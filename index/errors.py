"""What can go wrong with vectors and snapshots; the messages are one line and say where and what to do next."""

from collections.abc import Sequence
from pathlib import Path


class VectorIndexError(Exception):
    """Root of the index's errors."""


class IndexNotReady(VectorIndexError):
    """No snapshot can be served yet."""

    def __init__(self, root: Path, why: str = "none was published yet") -> None:
        super().__init__(f"no snapshot is ready in {root}: {why}; publish one with `posterity rebuild`")
        self.root, self.why = root, why


class NotInIndex(VectorIndexError):
    """The movie has no vector in this space of this snapshot."""

    def __init__(self, movie_id: int, space: str) -> None:
        super().__init__(f"movie {movie_id} has no {space} vector in this snapshot: the next rebuild may bring it")
        self.movie_id, self.space = movie_id, space


class NoSuchSpace(VectorIndexError):
    """This snapshot was published without this kind of vector."""

    def __init__(self, space: str, available: Sequence[str]) -> None:
        super().__init__(f"this snapshot has no {space} vectors, only: {', '.join(available)}; rebuild with them")
        self.space, self.available = space, tuple(available)


class InvalidVector(VectorIndexError):
    """A vector that must not get into an index."""


class DimensionMismatch(InvalidVector):
    """A vector, or a block of them, of another length or dtype than its space has."""

    def __init__(self, expected: object, got: object, what: str = "vector") -> None:
        super().__init__(f"{what}: expected {expected}, got {got}; vectors of two spaces never meet")
        self.expected, self.got = expected, got


class ZeroVector(InvalidVector):
    """A vector so short that its direction means nothing."""

    def __init__(self, movie_id: int | None) -> None:
        super().__init__(f"{_whose(movie_id)} is zero or nearly so: it has no direction; embed its poster again")
        self.movie_id = movie_id


class NotFinite(InvalidVector):
    """A vector with NaN or infinity in it."""

    def __init__(self, movie_id: int | None) -> None:
        super().__init__(f"{_whose(movie_id)} holds NaN or infinity; compute it again")
        self.movie_id = movie_id


class OutOfRange(InvalidVector):
    """A vector with numbers too large to keep."""

    def __init__(self, movie_id: int | None, what: str, limit: float) -> None:
        super().__init__(f"{_whose(movie_id)} has {what}, over the limit of {limit:g}; compute it again")
        self.movie_id, self.limit = movie_id, limit


class DuplicateId(InvalidVector):
    """One movie was given two vectors of one space."""

    def __init__(self, movie_id: int) -> None:
        super().__init__(f"movie {movie_id} has more than one vector in one space; give each movie once")
        self.movie_id = movie_id


class BadRecord(InvalidVector):
    """Bytes that are no poster record, or one that was damaged."""

    def __init__(self, why: str) -> None:
        super().__init__(f"bad poster record: {why}; embed the poster again")
        self.why = why


class InvalidAttachment(VectorIndexError):
    """An array that must not get into a snapshot."""

    def __init__(self, name: str, array: str, why: str) -> None:
        super().__init__(f"attachment {name}.{array}: {why}; compute it again")
        self.name, self.array, self.why = name, array, why


class SnapshotError(VectorIndexError):
    """A snapshot cannot be published, opened or gone back to."""


class SnapshotCorrupt(SnapshotError):
    """A file of a snapshot is missing, foreign or damaged."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}; rebuild, or roll back to an older snapshot")
        self.path, self.why = path, why


class SnapshotVersion(SnapshotError):
    """A snapshot of a format that this version of Posterity does not read."""

    def __init__(self, found: object, supported: Sequence[int]) -> None:
        read = " or ".join([", ".join(map(str, supported[:-1])), str(supported[-1])])
        super().__init__(f"snapshot format {found!r} is not format {read}, which this version reads; rebuild")
        self.found, self.supported = found, tuple(supported)


class NothingToPublish(SnapshotError):
    """A snapshot with no vector at all."""

    def __init__(self) -> None:
        super().__init__("nothing to publish: neither a poster nor a rating vector exists; embed or train first")


class NoSpace(SnapshotError):
    """The disk has too little room; sizes in bytes."""

    def __init__(self, path: Path, needed: int, free: int) -> None:
        super().__init__(f"{path}: {_mib(needed)} are needed and {_mib(free)} are free; make room and try again")
        self.path, self.needed, self.free = path, needed, free


class NoMemory(SnapshotError):
    """Too little memory to load a snapshot beside the one being served; sizes in bytes."""

    def __init__(self, path: Path, needed: int, available: int) -> None:
        super().__init__(f"{path}: loading needs {_mib(needed)} of memory and {_mib(available)} are available")
        self.path, self.needed, self.available = path, needed, available


class PublishBusy(SnapshotError):
    """Another process publishes or rolls back right now."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: another rebuild or rollback holds the lock; wait for it to end")
        self.path = path


class NoSuchSnapshot(SnapshotError):
    """The version asked for is not there; `generation` is None when any older one would have done."""

    def __init__(self, generation: int | None, available: Sequence[int]) -> None:
        wanted = "an older snapshot" if generation is None else f"snapshot {generation}"
        there = ", ".join(map(str, available)) or "none"
        super().__init__(f"{wanted} does not exist; available: {there}")
        self.generation, self.available = generation, tuple(available)


def _whose(movie_id: int | None) -> str:
    return "the vector" if movie_id is None else f"the vector of movie {movie_id}"


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
