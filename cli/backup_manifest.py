"""What a backup says of itself: the last member but one, from which everything else in it is checked."""

from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from cli.backup_archive import BackupError, BadBackup
from index.durable import FileDigest

FORMAT: Literal[1] = 1
MOST_BYTES = 1 << 24  # some kilobytes: posters are counted, not listed


class _Format(BaseModel):
    format: Any


class PosterSum(BaseModel):
    """All pictures: how many, their bytes, and the sha256 of their member names in order. Each name is a sha256."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    count: int = Field(ge=0)
    bytes: int = Field(ge=0)
    names_sha256: str


class BackupManifest(BaseModel):
    """One backup in words.

    Attributes:
        program: version that made it. schema_revision: of the catalog. created_at: in UTC.
        database: `sqlite` or `postgresql`, where the rows come from; they go into either.
        tables: rows by table. files: by member, all but pictures and the manifest. posters: the pictures.
        missing: pictures that rows name and that were not there. snapshot, model: what is served, None if nothing was.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal[1] = FORMAT
    program: str
    schema_revision: str
    created_at: AwareDatetime
    database: Literal["sqlite", "postgresql"]
    tables: dict[str, int]
    files: dict[str, FileDigest]
    posters: PosterSum
    missing: int = Field(ge=0)
    snapshot: int | None
    model: str | None

    def to_bytes(self) -> bytes:
        """The member's content: UTF-8 JSON."""
        return self.model_dump_json(indent=1).encode() + b"\n"

    @property
    def size_bytes(self) -> int:
        """Bytes of everything in it but the manifest."""
        return sum(digest.size for digest in self.files.values()) + self.posters.bytes


def read_manifest(path: Path, content: bytes) -> BackupManifest:
    """The manifest in these bytes of a backup.

    Raises:
        BadBackup: not a manifest. BackupError: of a newer version of the program.
    """
    try:
        found = _Format.model_validate_json(content).format
        if isinstance(found, int) and found > FORMAT:
            raise BackupError(f"{path}: a backup of format {found}; restore it with the newer Posterity that made it")
        return BackupManifest.model_validate_json(content)
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        raise BadBackup(path, f"its manifest is not one: {'.'.join(map(str, first['loc']))}: {first['msg']}") from err


def program_version() -> str:
    """Version of this program."""
    try:
        return version("posterity")
    except PackageNotFoundError:
        return "unknown"


def described(created_at: datetime) -> str:
    """A time as people read it."""
    return f"{created_at:%Y-%m-%d %H:%M} UTC"
