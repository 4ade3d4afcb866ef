"""VGG16 without top, on TensorFlow. The only module that imports it; every other imports this one late.

The network is written out as the 13 convolutions it is. Its features equal those of `keras.applications.VGG16` (a test
holds that), and nothing of Keras has to be built, seeded and overwritten.
"""

import logging

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from posters.batch_trial import BatchTrial, race
from posters.batches import CPU_SIZES, GPU_SIZES, Batches, cpu_batches, gpu_batches
from posters.encoder import FEATURES
from posters.errors import EncoderOutOfMemory, EncoderSetup
from posters.fingerprint import CAFFE_MEAN_BGR, Fingerprint
from posters.weights import BLOCKS, Weights, load_weights

Pixels = NDArray[np.uint8]
Features = NDArray[np.float32]

log = logging.getLogger(__name__)

PIXELS_SHAPE = (224, 224, 3)
TRIAL_S = 2.0  # at start-up on a GPU, beside loading its libraries


class PosterEncoder:
    """Posters to `block5_pool` features; think of a function with 59 MB of constants, made once per process.

    Takes the first GPU where TensorFlow sees one (float16 convolutions, memory taken as needed), otherwise the CPU
    (float32). Not safe to carry over a fork. Calls from several threads are safe and gain nothing. The best batch size
    is found by trial: on a GPU here, with noise; on a CPU with the first few dozen posters that are encoded.

    Args:
        weights: `bundled`, `imagenet` or a path, as `load_weights` takes them.
        threads: CPU threads for one operation; None leaves it to TensorFlow (one per core). One value per process.

    Raises:
        WeightsMismatch, WeightsUnavailable: from loading the weights.
        EncoderSetup: TensorFlow was used in this process before, with another number of threads.
        EncoderOutOfMemory: the GPU has no room for the weights.
    """

    def __init__(self, weights: str = "bundled", threads: int | None = None) -> None:
        gpu = _prepare_device(threads)
        self.device = _gpu_name(gpu) if gpu else "cpu"
        # On 64 posters no sum in the network passes 22,400, and float16 holds up to 65,504; rounding every map to it
        # leaves the cosine to float32 at 0.9999987 or more (simulated on a CPU).
        dtype = tf.float16 if gpu else tf.float32
        loaded = load_weights(weights)
        self.fingerprint = Fingerprint(loaded.sha256, compute_dtype=dtype.name)
        try:
            self._features = _network(loaded, dtype)
            self._trial = None if gpu else BatchTrial(CPU_SIZES)
            self._batches = self._tried_batches() if gpu else cpu_batches(CPU_SIZES[0])
        except tf.errors.ResourceExhaustedError as err:
            raise EncoderOutOfMemory(self.device) from err

    @property
    def batch(self) -> int:
        """How many posters at once this device encodes best, as far as is known."""
        return self._batches.sizes[0]

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
            return self._encode(pixels)
        except tf.errors.ResourceExhaustedError:
            pass  # tried again below, outside the handler: the traceback keeps the failed batch in memory
        self._batches, self._trial = cpu_batches(1), None  # for good: what did not fit once will not fit again
        try:
            return self._encode(pixels)
        except tf.errors.ResourceExhaustedError as err:
            raise EncoderOutOfMemory(self.device) from err

    def _encode(self, pixels: Pixels) -> Features:
        features = np.empty((len(pixels), FEATURES), dtype=np.float32)
        tried = self._try_sizes(self._trial, pixels, features) if self._trial else 0
        for rows, size in self._batches.split(len(pixels) - tried):
            features[tried:][rows] = self._run(pixels[tried:][rows], size)
        return features

    def _try_sizes(self, trial: BatchTrial, pixels: Pixels, features: Features) -> int:
        """Encodes the first of these posters in the sizes that are to be timed; how many those are."""
        start = 0

        def encode(size: int) -> None:
            features[start : start + size] = self._run(pixels[start : start + size], size)

        while size := trial.next_size(at_most=len(pixels) - start):
            trial.timed(size, encode)
            start += size
        if trial.next_size() is None and self._trial:
            self._batches, self._trial = cpu_batches(trial.best() or 1), None
            log.info("encoding in %s", trial)
        return start

    def _tried_batches(self) -> Batches:
        """The batch sizes of a GPU after a short trial."""
        trial = BatchTrial(GPU_SIZES)
        noise = np.random.default_rng(0).integers(0, 256, (max(GPU_SIZES), *PIXELS_SHAPE), dtype=np.uint8)
        self._run(noise[:1], 1)  # loads the libraries
        race(trial, lambda size: self._run(noise[:size], size), TRIAL_S, tf.errors.ResourceExhaustedError)
        log.info("encoding in %s", trial)
        return gpu_batches(trial.rates(), trial.best() or 1)

    def _run(self, batch: Pixels, size: int) -> Features:
        """Features of a batch, filled up to `size`."""
        missing = size - len(batch)
        if missing:
            batch = np.pad(batch, ((0, missing), (0, 0), (0, 0), (0, 0)))
        features: Features = self._features(tf.constant(batch)).numpy()
        return features[: size - missing]


def _prepare_device(threads: int | None) -> tf.config.PhysicalDevice | None:
    """The first GPU, or None. Must come before any operation of TensorFlow in this process."""
    try:
        if threads is not None and tf.config.threading.get_intra_op_parallelism_threads() != threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)  # the network is a chain: nothing runs beside it
        gpus = tf.config.list_physical_devices("GPU")
        for gpu in gpus:
            if not tf.config.experimental.get_memory_growth(gpu):
                tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError as err:
        raise EncoderSetup(f"TensorFlow is already running here; make PosterEncoder first: {err}") from err
    return gpus[0] if gpus else None


def _gpu_name(gpu: tf.config.PhysicalDevice) -> str:
    return str(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name))


def _network(weights: Weights, dtype: tf.DType) -> tf.types.experimental.PolymorphicFunction:
    """uint8 (n, 224, 224, 3) to float32 (n, 25088), traced once for every n."""
    layers = {
        name: (tf.constant(layer.kernel, dtype), tf.constant(layer.bias, dtype))
        for name, layer in weights.layers.items()
    }
    mean = tf.constant(CAFFE_MEAN_BGR)

    @tf.function(input_signature=[tf.TensorSpec((None, *PIXELS_SHAPE), tf.uint8)])
    def features(pixels: tf.Tensor) -> tf.Tensor:
        blue_green_red = tf.cast(pixels, tf.float32)[..., ::-1]
        maps = tf.cast(blue_green_red - mean, dtype)
        for block, (convolutions, _) in enumerate(BLOCKS, start=1):
            for convolution in range(1, convolutions + 1):
                kernel, bias = layers[f"block{block}_conv{convolution}"]
                maps = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(maps, kernel, strides=1, padding="SAME"), bias))
            maps = tf.nn.max_pool2d(maps, ksize=2, strides=2, padding="VALID")
        return tf.reshape(tf.cast(maps, tf.float32), (-1, FEATURES))

    return features
