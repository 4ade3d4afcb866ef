"""VGG16 without top: posters to `block5_pool` features, on a GPU where there is one and else on the CPU."""

import ctypes
import sys
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posters.cpu_network import CpuNetwork
from posters.encoder import PIXELS_SHAPE
from posters.errors import EncoderOutOfMemory
from posters.fingerprint import CAFFE_MEAN_BGR, Fingerprint
from posters.weights import Weights, load_weights

if TYPE_CHECKING:
    from posters.gpu_network import GpuNetwork

Pixels = NDArray[np.uint8]
Features = NDArray[np.float32]

_CUDA = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"  # the driver's library, there without CUDA itself


class PosterEncoder:
    """Posters to `block5_pool` features; think of a function with 59 MB of constants, made once per process.

    Takes the first GPU where TensorFlow is installed and sees one (float16 convolutions), otherwise the CPU (float32,
    `posters.cpu_network`, without TensorFlow). Not safe to carry over a fork. Calls from several threads are safe and
    gain nothing.

    Args:
        weights: `bundled`, `imagenet` or a path, as `load_weights` takes them.
        threads: CPU threads that share a poster; None takes one per core.

    Attributes:
        device: `cpu` or the name of the GPU. fingerprint: what the vectors depend on.
        unused: why a GPU that is here is not used, and what to do; empty when there is none, or it is.

    Raises:
        WeightsMismatch, WeightsUnavailable: from loading the weights.
        EncoderSetup: there is a GPU, and TensorFlow was used in this process before, with other settings.
        EncoderOutOfMemory: the GPU has no room for the weights.
    """

    def __init__(self, weights: str = "bundled", threads: int | None = None) -> None:
        loaded = load_weights(weights)
        gpu, self.unused = _on_gpu(loaded) if _gpus() else (None, "")
        self._network = gpu or CpuNetwork(loaded, CAFFE_MEAN_BGR, threads)
        self.device = self._network.device
        self.fingerprint = Fingerprint(loaded.sha256, compute_dtype=self._network.dtype)

    @property
    def batch(self) -> int:
        """How many posters at once this device encodes best, as far as is known."""
        return self._network.batch

    def encode(self, pixels: Pixels) -> Features:
        """Features after ReLU and pooling, (7, 7, 512) flattened: >= 0, not normalised, rows as the posters.

        Args:
            pixels: RGB uint8 (n, 224, 224, 3), as `decoding.pixels` gives them; n may be 0.

        Returns:
            A new float32 (n, 25088).

        Raises:
            ValueError: another shape or dtype.
            EncoderOutOfMemory: the device has no room even for one poster at a time.
        """
        if pixels.dtype != np.uint8 or pixels.shape[1:] != PIXELS_SHAPE:
            raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}, needed are uint8 (n, 224, 224, 3)")
        try:
            return self._network(pixels)
        except MemoryError as err:
            raise EncoderOutOfMemory(self.device) from err


def _on_gpu(weights: Weights) -> tuple["GpuNetwork | None", str]:
    """The network on the GPU that is here; None and the reason where it cannot be used."""
    try:
        from posters.gpu_network import GpuNetwork
    except ImportError as err:
        return None, f"the GPU here is not used, TensorFlow is missing ({err}): pip install 'posterity[gpu]'"
    if not GpuNetwork.seen():
        return None, "TensorFlow cannot use the GPU here: pip install 'posterity[gpu]' brings the libraries it needs"
    return GpuNetwork(weights, CAFFE_MEAN_BGR), ""


def _gpus() -> int:
    """NVIDIA's GPUs that this process may use, as the driver counts them: TensorFlow takes seconds to say the same."""
    count = ctypes.c_int(0)
    try:
        driver = ctypes.CDLL(_CUDA)
        found = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    except (OSError, AttributeError):  # no driver
        return 0
    return count.value if found else 0
