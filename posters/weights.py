"""The weights of VGG16 as plain arrays: the bundled file, Keras' download, or a file of your own.

A file is read once, and what is hashed is what is loaded; nothing in it is ever executed.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from posters.download import keras_weights
from posters.errors import WeightsMismatch, WeightsUnavailable

BUNDLED = Path(__file__).parent / "weights" / "vgg16-imagenet-notop-f16.npz"
BUNDLED_SHA256 = "261ce8e2f8dbbf67768bf856d701f88deb8522dde1e6f39a1af859cb92d8e7ad"

# Configuration D of Simonyan and Zisserman (arXiv 1409.1556), by block: how many convolutions, how many channels out.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
SUFFIXES = (".npz", ".h5")

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Convolution:
    """One layer: float32 kernel (3, 3, channels in, channels out) and bias (channels out,)."""

    kernel: Float32
    bias: Float32


@dataclass(frozen=True, slots=True)
class Weights:
    """All 13 convolutions by name, `block1_conv1` to `block5_conv3`, and the digest of their file."""

    layers: Mapping[str, Convolution]
    sha256: str
    path: Path


def load_weights(spec: str = "bundled") -> Weights:
    """The weights that `spec` names, checked for completeness and shape.

    Args:
        spec: `bundled` (float16 in the package, no network), `imagenet` (Keras' own file, taken from Keras' cache or
            downloaded into it), or the path of an .npz with arrays `block1_conv1.kernel`, `.bias`, .. or of an .h5
            that Keras wrote.

    Raises:
        WeightsMismatch: the bundled file or Keras' file is not what was published.
        WeightsUnavailable: no such file, no download, or an array is missing, misshapen or not finite.
    """
    if spec == "bundled":
        return _read(BUNDLED, expected=BUNDLED_SHA256)
    if spec == "imagenet":
        return _read(keras_weights(), expected=None)  # keras_weights has checked the digest that Keras publishes
    path = Path(spec).expanduser()
    if path.suffix.lower() not in SUFFIXES:
        raise WeightsUnavailable(spec, "neither `bundled`, `imagenet` nor the path of an .npz or .h5 file")
    return _read(path, expected=None)


def layer_shapes() -> dict[str, tuple[int, int, int, int]]:
    """Kernel shapes by layer name, in the order the network applies them."""
    shapes, channels = {}, 3
    for block, (convolutions, out) in enumerate(BLOCKS, start=1):
        for convolution in range(1, convolutions + 1):
            shapes[f"block{block}_conv{convolution}"] = (3, 3, channels, out)
            channels = out
    return shapes


def _read(path: Path, expected: str | None) -> Weights:
    try:
        content = path.read_bytes()
    except OSError as err:
        raise WeightsUnavailable(path, f"cannot be read: {err.strerror}") from err
    sha256 = hashlib.sha256(content).hexdigest()
    if expected is not None and sha256 != expected:
        raise WeightsMismatch(expected, sha256, path)
    read = _npz_arrays if path.suffix.lower() == ".npz" else _h5_arrays
    try:
        arrays = read(content)
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile) as err:
        raise WeightsUnavailable(path, f"not a readable {path.suffix} file: {err}") from err
    return Weights({name: _layer(arrays, name, shape, path) for name, shape in layer_shapes().items()}, sha256, path)


def _npz_arrays(content: bytes) -> dict[str, NDArray[np.generic]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _h5_arrays(content: bytes) -> dict[str, NDArray[np.generic]]:
    """Datasets below a group named as a layer, whatever Keras' versions put above and below it."""
    arrays: dict[str, NDArray[np.generic]] = {}
    layers = layer_shapes()

    def keep(name: str, node: object) -> None:
        layer = next((part for part in name.split("/") if part in layers), None)
        if layer and isinstance(node, h5py.Dataset):
            arrays[f"{layer}.kernel" if node.ndim > 1 else f"{layer}.bias"] = node[()]

    with h5py.File(io.BytesIO(content), "r") as file:
        file.visititems(keep)
    return arrays


def _layer(
    arrays: Mapping[str, NDArray[np.generic]], name: str, shape: tuple[int, int, int, int], path: Path
) -> Convolution:
    kernel = _array(arrays, f"{name}.kernel", shape, path)
    return Convolution(kernel, _array(arrays, f"{name}.bias", shape[-1:], path))


def _array(arrays: Mapping[str, NDArray[np.generic]], name: str, shape: tuple[int, ...], path: Path) -> Float32:
    if name not in arrays:
        raise WeightsUnavailable(path, f"array {name} is missing; VGG16 without top in Keras' layout is needed")
    array = arrays[name]
    if array.shape != shape or array.dtype.kind != "f":
        raise WeightsUnavailable(path, f"array {name} is {array.dtype} {array.shape}, needed are floats {shape}")
    if not np.isfinite(array).all():
        raise WeightsUnavailable(path, f"array {name} has values that are not finite")
    return array.astype(np.float32)
