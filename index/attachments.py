"""Arrays that travel with a snapshot and are no vectors to search: what predictions need, for example.

Each array is a file `NAME.ARRAY.npy`, as NumPy writes it, read memory-mapped.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from index.errors import InvalidAttachment, SnapshotCorrupt
from index.spaces import SPACE_NAMES

Arrays = Mapping[str, NDArray[Any]]
DTYPES = ("uint8", "int32", "int64", "float32", "float64")
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")  # what may stand in a file's name everywhere
NPY_HEADER = 128  # bytes, of a small .npy file
_BLOCK = 1 << 20  # numbers looked at once


@dataclass(frozen=True, slots=True)
class ArrayInfo:
    """What an attached array must be: its dtype and shape, as the manifest states them."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    dtype: Literal["uint8", "int32", "int64", "float32", "float64"]
    shape: tuple[int, ...]


def attached_file(name: str, array: str) -> str:
    """Name of the file of one attached array."""
    return f"{name}.{array}.npy"


def is_name(name: str) -> bool:
    """True when an attachment may be called so; spaces' names are taken."""
    return bool(NAME.fullmatch(name)) and name not in SPACE_NAMES


def array_info(array: NDArray[Any]) -> ArrayInfo:
    """The array as the manifest will state it; it was checked before."""
    return ArrayInfo(array.dtype.name, array.shape)  # type: ignore[arg-type]  # one of DTYPES


def attached_bytes(attached: Mapping[str, Arrays]) -> int:
    """Bytes of the files it will make."""
    return sum(array.nbytes + NPY_HEADER for arrays in attached.values() for array in arrays.values())


def check_attached(attached: Mapping[str, Arrays]) -> None:
    """Refuses what could not be written or read back.

    Raises:
        InvalidAttachment: the message names the array: NaN or infinity in it, a dtype that is none of `DTYPES` in
            little-endian order, no axis. ValueError: a bug of the caller: a name that cannot be one, no arrays.
    """
    for name, arrays in attached.items():
        if not is_name(name) or not arrays:
            raise ValueError(f"attachment {name!r}: a name like `prediction`, not of a space, and at least one array")
        for key, array in arrays.items():
            if not NAME.fullmatch(key):
                raise ValueError(f"attachment {name}: {key!r} is no name of an array, such as `item_factors`")
            if array.dtype.name not in DTYPES or not array.dtype.isnative or array.ndim < 1:
                raise InvalidAttachment(name, key, f"it is {array.dtype} {array.shape}, not one of {', '.join(DTYPES)}")
            if not _finite(array):
                raise InvalidAttachment(name, key, "it holds NaN or infinity")


def open_array(path: Path, stated: ArrayInfo) -> NDArray[Any]:
    """An attached array, mapped and read-only; the file was compared with its sha256 before.

    Raises:
        SnapshotCorrupt: not an array of this dtype and shape, or with NaN or infinity in it.
    """
    try:
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")  # unlike np.load: never a pickle, never a zip
    except (OSError, ValueError) as err:
        raise SnapshotCorrupt(path, "it is not an array file of NumPy") from err
    if (array.dtype.name, array.shape) != (stated.dtype, stated.shape):
        raise SnapshotCorrupt(path, f"it does not hold {stated.dtype} {stated.shape}, as was stated")
    if not array.dtype.isnative or not array.flags.c_contiguous:
        raise SnapshotCorrupt(path, "its numbers are not in the order they are written in")
    if not _finite(array):
        raise SnapshotCorrupt(path, "it holds NaN or infinity")
    return array


def _finite(array: NDArray[Any]) -> bool:
    if array.dtype.kind != "f":
        return True
    numbers = array.reshape(-1)
    return all(bool(np.isfinite(numbers[at : at + _BLOCK]).all()) for at in range(0, len(numbers), _BLOCK))
