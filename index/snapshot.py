"""One opened snapshot: every space it has, verified, ready to be asked."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from index.attachments import Arrays, attached_file, open_array
from index.durable import digest_of
from index.errors import NoSuchSpace, SnapshotCorrupt, VectorIndexError
from index.flat import FlatSpace, Kind, Neighbour
from index.flat_files import open_flat
from index.manifest import Manifest, generated_file, ids_file, index_file, read_manifest
from index.spaces import SpaceInfo, SpaceName
from index.vectors import checked_ids


class Space(Protocol):
    """What a snapshot asks of the vectors of one kind, however they are searched."""

    info: SpaceInfo

    def has(self, movie_id: int) -> bool:
        """True when the movie has a vector here."""

    def vector(self, movie_id: int) -> NDArray[np.float32]:
        """The movie's vector as it is stored, float32 (d,)."""

    def vectors(self, movie_ids: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Which of these movies have a vector here, bool (m,), and the vectors of those, float32 (found, d)."""

    def is_generated(self, movie_id: int) -> bool:
        """True when the movie's vector is that of a title card."""

    def search_movie(self, movie_id: int, k: int, kind: Kind = "same", debias: float = 0.0) -> list[Neighbour]:
        """The movies nearest to this one, without itself, best first."""

    def search_vector(
        self,
        vector: NDArray[np.float32],
        k: int,
        kind: Kind = "any",
        debias: float = 0.0,
        exclude: NDArray[np.int64] | None = None,
    ) -> list[Neighbour]:
        """The movies nearest to a vector, without those excluded, best first."""


class Snapshot:
    """A published version, open for questions; immutable, so a request takes it once and threads share it.

    Attributes:
        generation: its number, the `X-Index-Version` of every answer from it. manifest: what it was published as.
    """

    def __init__(
        self, manifest: Manifest, spaces: Mapping[SpaceName, Space], attached: Mapping[str, Arrays] | None = None
    ) -> None:
        self.manifest = manifest
        self._spaces = dict(spaces)
        self._attached = dict(attached or {})

    @classmethod
    def open(cls, folder: Path, manifest: Manifest | None = None) -> "Snapshot":
        """Opens a version's folder after comparing every file with the manifest; the indexes stay on disk, mapped.

        Args:
            folder: of one version. manifest: what the files must be, by default the folder's own manifest.

        Raises:
            SnapshotCorrupt: a file is missing, foreign or damaged; the message names it.
            SnapshotVersion: written by another version of Posterity.

        Cost: reads every byte once, 0.8 s per GB from a warm disk cache.
        """
        manifest = manifest or read_manifest(folder)[0]
        _verify_files(folder, manifest)
        spaces = {name: _open_space(folder, info, manifest) for name, info in manifest.spaces.items()}
        return cls(manifest, spaces, _open_attached(folder, manifest))

    @property
    def generation(self) -> int:
        """The number of this version, from 1 on."""
        return self.manifest.generation

    def space(self, name: SpaceName) -> Space:
        """The vectors of one kind.

        Raises:
            NoSuchSpace: this version was published without them.
        """
        if name not in self._spaces:
            raise NoSuchSpace(name, tuple(self._spaces))
        return self._spaces[name]

    def attached(self, name: str) -> Arrays | None:
        """The arrays that were published under this name, mapped and read-only; None when there are none.

        Their dtypes and shapes are those the manifest states, and they are finite; what they mean is the publisher's.
        """
        return self._attached.get(name)

    def has(self, by: SpaceName, movie_id: int) -> bool:
        """True when the movie can be asked about by this kind; False too when the snapshot lacks the kind."""
        return by in self._spaces and self._spaces[by].has(movie_id)

    def similar(
        self, by: SpaceName, movie_id: int, k: int, kind: Kind = "same", debias: float = 0.0
    ) -> list[Neighbour]:
        """The movies most similar to this one, without itself, best first, ties by movie_id.

        Args:
            by: looks alike or liked alike. movie_id: asked about. k: how many, taken as 1..400.
            kind: among which; `same` answers real posters with real ones and title cards with title cards.
            debias: 0 to 1, how much of the popularity is taken out: scores are `q . v / ||v||^debias`. Without effect
                where the space is one of cosines.

        Raises:
            NoSuchSpace: this version was published without that kind. NotInIndex: the movie has no vector in it.
            ValueError: `debias` out of range, or a kind that the space does not know.
        """
        return self.space(by).search_movie(movie_id, k, kind, debias)


def anonymous_bytes(manifest: Manifest) -> int:
    """Memory that a loaded snapshot takes for itself: ids, their order and flags; for inner products lengths too.

    The vectors and the attached arrays are mapped files: the kernel shares them between processes and may drop them at
    any time.
    """
    return sum((48 if info.metric == "inner_product" else 32) * info.count for info in manifest.spaces.values())


def _verify_files(folder: Path, manifest: Manifest) -> None:
    for name, stated in manifest.files.items():
        path = folder / name
        try:
            if path.is_symlink() or not path.is_file():
                raise SnapshotCorrupt(path, "it is missing or not a plain file")
            size = path.stat().st_size
            if size != stated.size:
                raise SnapshotCorrupt(path, f"it has {size} bytes and should have {stated.size}")
            if digest_of(path) != stated:
                raise SnapshotCorrupt(path, "its content is not what was published (sha256 differs)")
        except OSError as err:
            raise SnapshotCorrupt(path, f"it cannot be read ({err.strerror})") from err


def _open_space(folder: Path, info: SpaceInfo, manifest: Manifest) -> Space:
    movie_ids = _array(folder / ids_file(info.name), np.dtype(np.int64), info.count)
    generated = None
    if generated_file(info.name) in manifest.files:
        generated = _array(folder / generated_file(info.name), np.dtype(np.uint8), info.count)
    try:
        index = open_flat(folder / index_file(info.name), info)
        return FlatSpace(info, index, checked_ids(movie_ids), generated)
    except OSError as err:
        raise SnapshotCorrupt(folder / index_file(info.name), f"it cannot be read ({err.strerror})") from err
    except SnapshotCorrupt:
        raise
    except VectorIndexError as err:
        raise SnapshotCorrupt(folder, f"its {info.name} vectors are not usable: {err}") from err


def _open_attached(folder: Path, manifest: Manifest) -> dict[str, Arrays]:
    return {
        name: MappingProxyType(
            {key: open_array(folder / attached_file(name, key), info) for key, info in infos.items()}
        )
        for name, infos in (manifest.attached or {}).items()
    }


def _array(path: Path, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as err:
        raise SnapshotCorrupt(path, "it is not an array file of NumPy") from err
    if array.dtype != dtype or array.shape != (count,):
        raise SnapshotCorrupt(path, f"it holds {array.dtype} {array.shape}, not {dtype} ({count},)")
    array.setflags(write=False)
    return array
