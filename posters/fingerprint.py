"""What a poster vector depends on: two vectors may be compared only if this is the same for both."""

from dataclasses import dataclass

# Means of the ImageNet training set in blue, green, red, as Keras' and the original Caffe model subtract them.
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Names an encoder completely; `str()` is the key under which the catalog and the index keep its vectors.

    Attributes:
        weights_sha256: digest of the file the weights were read from, 64 hexadecimal digits.
        compute_dtype: dtype of the convolutions, `float32` or `float16`; the vectors are float32 in both cases.
        model: network and the layer that is read out.
        resample: filter that brings a poster to `size`.
        size: width and height of the input in pixels.
        mean_bgr: subtracted from blue, green and red (0..255); nothing is divided.
        layout: shape and order of the vector before it is flattened.
    """

    weights_sha256: str
    compute_dtype: str = "float32"
    model: str = "vgg16.block5_pool"
    resample: str = "bicubic"
    size: tuple[int, int] = (224, 224)
    mean_bgr: tuple[float, float, float] = CAFFE_MEAN_BGR
    layout: str = "7x7x512 channels last"

    def __str__(self) -> str:
        """One line without spaces at its ends, stable over versions: changing it orphans every stored vector."""
        width, height = self.size
        mean = ",".join(f"{value:g}" for value in self.mean_bgr)
        return (
            f"{self.model}; weights sha256 {self.weights_sha256}; {self.resample} {width}x{height}; "
            f"caffe mean bgr {mean}; {self.layout}; {self.compute_dtype}"
        )
