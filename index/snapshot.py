"""One opened snapshot: every space it has, verified, ready to be asked."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.attachments import Arrays, attached_file, open_array
from index.errors import NoSuchSpace, SnapshotCorrupt, VectorIndexError
from index.filtering import EVERYONE, Among
from index.flat import FlatSpace, Kind, Neighbour
from index.flat_files import open_flat
from index.manifest import Manifest, generated_file, ids_file, index_file, read_manifest
from index.packed_files import open_packed
from index.side import OverlaidSpace, SideList
from index.space import Space
from index.spaces import SpaceInfo, SpaceName
from index.trust import demand_files
from index.vectors import checked_ids


class Snapshot:
    """A published version, open for questions; immutable, so a request takes it once and threads share it.

    Attributes:
        generation: its number, the `X-Index-Version` of every answer from it. manifest: what it was published as.
    """

    def __init__(
        self,
        manifest: Manifest,
        published: Mapping[SpaceName, Space],
        attached: Mapping[str, Arrays] | None = None,
        spaces: Mapping[SpaceName, Space] | None = None,
    ) -> None:
        self.manifest = manifest
        self._published = dict(published)
        self._spaces = dict(published if spaces is None else spaces)
        self._attached = dict(attached or {})

    @classmethod
    def open(cls, folder: Path, manifest: Manifest | None = None, thorough: bool = False) -> "Snapshot":
        """Opens a version's folder after comparing every file with the manifest; the vectors stay on disk, mapped.

        Args:
            folder: of one version. manifest: what the files must be, by default the folder's own manifest.
            thorough: read every byte, even if that was done before and nobody has written to the files since.

        Raises:
            SnapshotCorrupt: a file is missing, foreign or damaged; the message names it.
            SnapshotVersion: written by another version of Posterity.

        Cost: a memory map; every byte is read the first time only (see `index.trust`), 0.8 s per GB.
        """
        manifest = manifest or read_manifest(folder)[0]
        demand_files(folder, manifest, thorough)
        spaces = {name: _open_space(folder, info, manifest) for name, info in manifest.spaces.items()}
        return cls(manifest, spaces, open_attached(folder, manifest))

    @property
    def generation(self) -> int:
        """The number of this version, from 1 on."""
        return self.manifest.generation

    def with_side(self, side: SideList) -> "Snapshot":
        """The same version with what came and went since: posters searched along, and in no space those that left.

        Asked of a snapshot that has a side list already, the new one takes its place.
        """
        spaces: dict[SpaceName, Space] = {}
        for name, space in self._published.items():
            came = side if name == "poster" else SideList.only_gone(side.gone)
            spaces[name] = OverlaidSpace(space, came) if len(came.movie_ids) or len(came.gone) else space
        return Snapshot(self.manifest, self._published, self._attached, spaces)

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
        self, by: SpaceName, movie_id: int, k: int, kind: Kind = "same", debias: float = 0.0, among: Among = EVERYONE
    ) -> list[Neighbour]:
        """The movies most similar to this one, without itself, best first, ties by movie_id.

        Args:
            by: looks alike or liked alike. movie_id: asked about. k: how many, taken as 1..400.
            kind: among which; `same` answers real posters with real ones and title cards with title cards.
            debias: 0 to 1, how much of the popularity is taken out: scores are `q . v / ||v||^debias`. Without effect
                where the space is one of cosines.
            among: which movies may answer; its mask is in the order of `space(by).movie_ids`.

        Raises:
            NoSuchSpace: this version was published without that kind. NotInIndex: the movie has no vector in it.
            ValueError: `debias` out of range, or a kind that the space does not know.
        """
        return self.space(by).search_movie(movie_id, k, kind, debias, among)


def open_attached(folder: Path, manifest: Manifest) -> dict[str, Arrays]:
    """What is attached to a version, by name, mapped and read-only.

    Raises:
        SnapshotCorrupt: an array is missing or not what the manifest states; the message names its file.
    """
    return {
        name: MappingProxyType(
            {key: open_array(folder / attached_file(name, key), info) for key, info in infos.items()}
        )
        for name, infos in (manifest.attached or {}).items()
    }


def anonymous_bytes(manifest: Manifest) -> int:
    """Memory that a loaded snapshot takes for itself: ids, their order and flags; for inner products lengths too.

    The vectors and the attached arrays are mapped files: the kernel shares them between processes and may drop them at
    any time.
    """
    return sum((48 if info.metric == "inner_product" else 32) * info.count for info in manifest.spaces.values())


def _open_space(folder: Path, info: SpaceInfo, manifest: Manifest) -> Space:
    packed = (manifest.packed or {}).get(info.name)
    try:
        return _open_flat(folder, info, manifest) if packed is None else open_packed(folder, info, packed)
    except OSError as err:
        raise SnapshotCorrupt(folder / index_file(info.name), f"it cannot be read ({err.strerror})") from err
    except SnapshotCorrupt:
        raise
    except VectorIndexError as err:
        raise SnapshotCorrupt(folder, f"its {info.name} vectors are not usable: {err}") from err


def _open_flat(folder: Path, info: SpaceInfo, manifest: Manifest) -> FlatSpace:
    movie_ids = _array(folder / ids_file(info.name), np.dtype(np.int64), info.count)
    generated = None
    if generated_file(info.name) in manifest.files:
        generated = _array(folder / generated_file(info.name), np.dtype(np.uint8), info.count)
    index = open_flat(folder / index_file(info.name), info)
    return FlatSpace(info, index, checked_ids(movie_ids), generated)


def _array(path: Path, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as err:
        raise SnapshotCorrupt(path, "it is not an array file of NumPy") from err
    if array.dtype != dtype or array.shape != (count,):
        raise SnapshotCorrupt(path, f"it holds {array.dtype} {array.shape}, not {dtype} ({count},)")
    array.setflags(write=False)
    return array
