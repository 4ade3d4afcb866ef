"""VGG16 without top on a GPU, by TensorFlow. The only module that imports it, imported only where there is a GPU.

The network is written out as the 13 convolutions it is. Its features equal those of `keras.applications.VGG16` (a test
holds that), and nothing of Keras has to be built, seeded and overwritten.
"""

import logging
from typing import Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from posters.batch_trial import BatchTrial, race
from posters.batches import GPU_SIZES, ONE_BY_ONE, Batches, gpu_batches
from posters.encoder import FEATURES, PIXELS_SHAPE
from posters.errors import EncoderOutOfMemory, EncoderSetup
from posters.weights import BLOCKS, Weights

Pixels = NDArray[np.uint8]
Features = NDArray[np.float32]

log = logging.getLogger(__name__)

TRIAL_S = 2.0  # at start-up, beside loading its libraries


class GpuNetwork:
    """Pixels to `block5_pool` on the first GPU that TensorFlow sees; memory is taken as needed.

    Not safe to carry over a fork. The best batch size is found by a short trial here, with noise.

    Args:
        weights: of all 13 convolutions. mean: taken from blue, green and red, 0 to 255.

    Raises:
        EncoderSetup: TensorFlow was used in this process before, with other settings.
        EncoderOutOfMemory: the GPU has no room for the weights.
    """

    # On 64 posters no sum in the network passes 22,400, and float16 holds up to 65,504; rounding every map to it leaves
    # the cosine to float32 at 0.9999987 or more (simulated on a CPU).
    dtype: Final = "float16"

    def __init__(self, weights: Weights, mean: tuple[float, float, float]) -> None:
        self.device = _prepared()
        try:
            self._features = network(weights, mean, tf.float16)
            self._batches = self._tried()
        except tf.errors.ResourceExhaustedError as err:
            raise EncoderOutOfMemory(self.device) from err

    @classmethod
    def seen(cls) -> bool:
        """True when TensorFlow sees a GPU that it can use."""
        return bool(tf.config.list_physical_devices("GPU"))

    @property
    def batch(self) -> int:
        """How many posters at once this device encodes best, as far as is known."""
        return self._batches.sizes[0]

    def __call__(self, pixels: Pixels) -> Features:
        """Features of RGB uint8 (n, 224, 224, 3): a new float32 (n, 25088).

        Raises:
            EncoderOutOfMemory: the device has no room even for one poster at a time.
        """
        try:
            return self._encoded(pixels)
        except tf.errors.ResourceExhaustedError:
            pass  # tried again below, outside the handler: the traceback keeps the failed batch in memory
        self._batches = ONE_BY_ONE  # for good: what did not fit once will not fit again
        try:
            return self._encoded(pixels)
        except tf.errors.ResourceExhaustedError as err:
            raise EncoderOutOfMemory(self.device) from err

    def _encoded(self, pixels: Pixels) -> Features:
        features = np.empty((len(pixels), FEATURES), dtype=np.float32)
        for rows, size in self._batches.split(len(pixels)):
            features[rows] = self._run(pixels[rows], size)
        return features

    def _tried(self) -> Batches:
        """The batch sizes of this GPU after a short trial."""
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


def network(
    weights: Weights, mean: tuple[float, float, float], dtype: tf.DType
) -> tf.types.experimental.PolymorphicFunction:
    """uint8 (n, 224, 224, 3) to float32 (n, 25088), traced once for every n; on whatever device TensorFlow takes."""
    layers = {
        name: (tf.constant(layer.kernel, dtype), tf.constant(layer.bias, dtype))
        for name, layer in weights.layers.items()
    }
    means = tf.constant(mean)

    @tf.function(input_signature=[tf.TensorSpec((None, *PIXELS_SHAPE), tf.uint8)])
    def features(pixels: tf.Tensor) -> tf.Tensor:
        blue_green_red = tf.cast(pixels, tf.float32)[..., ::-1]
        maps = tf.cast(blue_green_red - means, dtype)
        for block, (convolutions, _) in enumerate(BLOCKS, start=1):
            for convolution in range(1, convolutions + 1):
                kernel, bias = layers[f"block{block}_conv{convolution}"]
                maps = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(maps, kernel, strides=1, padding="SAME"), bias))
            maps = tf.nn.max_pool2d(maps, ksize=2, strides=2, padding="VALID")
        return tf.reshape(tf.cast(maps, tf.float32), (-1, FEATURES))

    return features


def _prepared() -> str:
    """The name of the first GPU. Must come before any operation of TensorFlow in this process."""
    try:
        gpus = tf.config.list_physical_devices("GPU")
        for gpu in gpus:
            if not tf.config.experimental.get_memory_growth(gpu):
                tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError as err:
        raise EncoderSetup(f"TensorFlow is already running here; make PosterEncoder first: {err}") from err
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", gpus[0].name))
