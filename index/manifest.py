"""The manifest of a snapshot: what its files must be. JSON, written when everything else is on the disk.

Format 1, or 2 when arrays are attached, or 3 when a space is packed: a program that does not know one of them says so,
and serves older versions.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import faiss
import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from index.attachments import NAME, ArrayInfo, attached_file, is_name
from index.durable import FileDigest
from index.errors import SnapshotCorrupt, SnapshotVersion
from index.packed_layout import PackedInfo, packed_files
from index.spaces import SPACE_NAMES, SpaceInfo, SpaceName

FORMATS = (1, 2, 3)
_ATTACHING: Literal[2] = 2
_PACKING: Literal[3] = 3
MANIFEST = "manifest.json"
MAX_BYTES = 1 << 20  # a manifest has a few kilobytes


class _Format(BaseModel):
    format: Any


class Manifest(BaseModel):
    """One snapshot in words.

    Attributes:
        generation: its number, from 1 on. created_at: in UTC. spaces: by name, at least one.
        files: sha256 and size of every file but this one. versions: of the libraries that wrote them.
        source: what the publisher wants to remember: counts, model, how far the catalog was.
        recall: by space, the share of the ten nearest by brute force that the index found, measured at publication on
            some of its movies (200 of a packed space, 20 of another); None in versions that were published before.
        attached: by name and array, dtype and shape of the arrays that travel along; None where there are none.
        packed: of each packed space, what its files hold; None where there is none.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal[1, 2, 3] = 1
    generation: int = Field(ge=1)
    created_at: AwareDatetime
    spaces: dict[SpaceName, SpaceInfo] = Field(min_length=1)
    files: dict[str, FileDigest]
    versions: dict[str, str]
    source: dict[str, Any]
    recall: dict[SpaceName, float] | None = Field(default=None, exclude_if=lambda recall: recall is None)
    attached: dict[str, dict[str, ArrayInfo]] | None = Field(default=None, exclude_if=lambda attached: attached is None)
    packed: dict[SpaceName, PackedInfo] | None = Field(default=None, exclude_if=lambda packed: packed is None)

    @model_validator(mode="after")
    def _spaces_and_files_agree(self) -> "Manifest":
        for name, info in self.spaces.items():
            if info.name != name or info.count < 1 or info.dimension < 1:
                raise ValueError(f"space {name} is stated as {info.name} with {info.count} x {info.dimension} numbers")
            for file in self._needed(name):
                if file not in self.files:
                    raise ValueError(f"space {name} lacks its file {file}")
        known = {file for name in self.spaces for file in (*self._needed(name), generated_file(name))}
        if unknown := sorted(set(self.files) - known - set(self.attached_files)):
            raise ValueError(f"it names files that belong to no space: {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _attachments_and_files_agree(self) -> "Manifest":
        expected = _format(self.attached, self.packed)
        if self.format != expected:
            raise ValueError(f"with what it says this would be format {expected}, and it is format {self.format}")
        for name, arrays in (self.attached or {}).items():
            if not is_name(name) or not arrays or not all(NAME.fullmatch(array) for array in arrays):
                raise ValueError(f"{name!r} is no attachment, or its arrays have no names")
            if any(size < 0 for info in arrays.values() for size in info.shape):
                raise ValueError(f"attachment {name} has an array of negative size")
        if missing := sorted(set(self.attached_files) - set(self.files)):
            raise ValueError(f"attached arrays lack their files: {', '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _packed_spaces_say_so(self) -> "Manifest":
        for name, info in self.spaces.items():
            if (name in (self.packed or {})) != (info.dtype == "float16"):
                raise ValueError(f"space {name} of {info.dtype} numbers is packed, or it is not and should be")
        return self

    def _needed(self, space: SpaceName) -> tuple[str, ...]:
        packed = (self.packed or {}).get(space)
        return required_files(space) if packed is None else packed_files(space, packed.clusters)

    @property
    def attached_files(self) -> dict[str, ArrayInfo]:
        """By file, what its attached array must be."""
        attached = self.attached or {}
        return {attached_file(name, array): info for name in attached for array, info in attached[name].items()}

    @property
    def size_bytes(self) -> int:
        """Bytes of all files but the manifest."""
        return sum(digest.size for digest in self.files.values())

    def to_bytes(self) -> bytes:
        """The file's content: UTF-8 JSON."""
        return self.model_dump_json(indent=2).encode() + b"\n"


def index_file(space: str) -> str:
    """Name of the FAISS index of a space."""
    return f"{space}.faiss"


def ids_file(space: str) -> str:
    """Name of the movie ids of a space: .npy, int64 (n,), in the order of the rows."""
    return f"{space}.ids.npy"


def generated_file(space: str) -> str:
    """Name of the flags of a space: .npy, uint8 (n,), 1 for a title card. Not every space has them."""
    return f"{space}.generated.npy"


def required_files(space: str) -> tuple[str, str]:
    """The files that no space goes without that is not packed."""
    return index_file(space), ids_file(space)


def read_manifest(folder: Path) -> tuple[Manifest, bytes]:
    """The manifest of a snapshot's folder, and the bytes it was read from.

    Raises:
        SnapshotCorrupt: it is missing or not a manifest. SnapshotVersion: it is of another format.
    """
    path = folder / MANIFEST
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise SnapshotCorrupt(path, "it is not a plain file")  # reading a pipe would never end
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as err:
        raise SnapshotCorrupt(path, f"it cannot be read ({err.strerror})") from err
    if len(content) > MAX_BYTES:
        raise SnapshotCorrupt(path, f"it is over {MAX_BYTES} bytes long")
    return parse_manifest(content, path), content


def parse_manifest(content: bytes, path: Path) -> Manifest:
    """The manifest in these bytes; `path` is where they came from.

    Raises:
        SnapshotCorrupt: not a manifest. SnapshotVersion: of another format.
    """
    try:
        found = _Format.model_validate_json(content).format
        if found not in FORMATS:
            raise SnapshotVersion(found, FORMATS)
        return Manifest.model_validate_json(content)
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise SnapshotCorrupt(path, f"not a manifest: {where}: {first['msg']}") from err


def new_manifest(
    generation: int,
    created_at: datetime,
    spaces: Mapping[SpaceName, SpaceInfo],
    files: Mapping[str, FileDigest],
    source: Mapping[str, Any],
    packed: Mapping[SpaceName, PackedInfo] | None = None,
) -> Manifest:
    """A manifest of these files, with the versions of the libraries at hand; nothing attached."""
    return Manifest(
        format=_format(None, packed),
        generation=generation,
        created_at=created_at,
        spaces={name: spaces[name] for name in SPACE_NAMES if name in spaces},
        files=dict(files),
        versions={"faiss": str(faiss.__version__), "numpy": np.__version__},
        source=dict(source),
        packed=dict(packed) if packed else None,
    )


def with_attached(
    manifest: Manifest, attached: Mapping[str, Mapping[str, ArrayInfo]], files: Mapping[str, FileDigest]
) -> Manifest:
    """The manifest with these arrays attached, whose files are `files`; the same one when there are none."""
    if not attached:
        return manifest
    infos = {name: dict(arrays) for name, arrays in attached.items()}
    stated = {"format": _format(infos, manifest.packed), "files": {**manifest.files, **files}, "attached": infos}
    return Manifest(**{**dict(manifest), **stated})


def _format(attached: object, packed: object) -> Literal[1, 2, 3]:
    """The oldest format that can say this."""
    if packed:
        return _PACKING
    return _ATTACHING if attached else 1
