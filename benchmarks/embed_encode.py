"""Encoding beside the article's loop, one `predict` for each poster, and beside what the machine multiplies at all."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.bars import Row, bar
from benchmarks.embed_quality import cosines, spread
from posters.decoding import pixels
from posters.weights import load_weights

if TYPE_CHECKING:
    from posters.vgg16 import PosterEncoder

SIDE = 3072  # of the square matrices: 36 MB each, larger than second-level caches
FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_tile")
REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "data"
ONE_BY_ONE = 16  # posters a round

Pixels = NDArray[np.uint8]
Features = NDArray[np.float32]


@dataclass
class Rates:
    """What was measured, a number for each round: posters/s and GFLOP/s."""

    ours: list[float] = field(default_factory=list)
    predict: list[float] = field(default_factory=list)
    sgemm: list[float] = field(default_factory=list)


class ArticleLoop:
    """`VGG16(include_top=False).predict` as the article calls it, with the encoder's weights."""

    def __init__(self) -> None:
        import keras

        self._model = keras.applications.VGG16(include_top=False, weights=None, input_shape=(224, 224, 3))
        self._preprocessed: Callable[[Any], Any] = keras.applications.vgg16.preprocess_input
        for name, layer in load_weights().layers.items():
            self._model.get_layer(name).set_weights([layer.kernel, layer.bias])

    def encode(self, images: Pixels) -> Features:
        """Features like the encoder's, one call for each poster."""
        inputs = (self._preprocessed(image[None].astype(np.float32)) for image in images)
        return np.concatenate([self._model.predict(one, verbose=0).reshape(1, -1) for one in inputs])


def encode_row(contents: list[bytes], encoder: "PosterEncoder", rounds: int) -> Row:
    """Posters a second against both, in turns; on a GPU there is no bar, and the ratio to the loop is the figure."""
    wanted, loop = bar("embed_encode"), ArticleLoop()
    images = np.stack([pixels(content, "picture") for content in contents])
    cosine = _least_cosine(encoder, loop, images)
    rates = _measured(encoder, loop, images, rounds)
    times = median(a / b for a, b in zip(rates.ours, rates.predict, strict=True))
    share = median(a * wanted["gflop"] / b for a, b in zip(rates.ours, rates.sgemm, strict=True))
    good = times >= wanted["times_predict"] and share >= wanted["share_of_sgemm"] and cosine[0] >= wanted["cosine"]
    value = f"{times:.2f} x predict, {share:.3f} of sgemm"
    beside = f"least cosine {cosine[0]:.7f} to {cosine[1]}; {_words(encoder, rates)}"
    return Row(wanted["what"], value, wanted["at_least"], good if encoder.device == "cpu" else None, beside)


def sgemm_gflops(threads: int, side: int = SIDE) -> float:
    """GFLOP/s of one large float32 product, median of five, by numpy's BLAS or by TensorFlow, whichever is faster here.

    Args:
        threads: of numpy's BLAS; TensorFlow has as many as the encoder. side: of the square matrices.
    """
    import tensorflow as tf

    matrix = np.random.default_rng(0).random((side, side), dtype=np.float32)
    out, tensor = np.empty_like(matrix), tf.constant(matrix)
    with threadpool_limits(threads, user_api="blas"):
        blas_s = _median_s(lambda: np.matmul(matrix, matrix, out=out))
    tensorflow_s = _median_s(lambda: tf.linalg.matmul(tensor, tensor).numpy())
    return float(2e-9 * side**3 / min(blas_s, tensorflow_s))


def cpu_flags() -> str:
    """Those flags of this CPU that matter to convolutions; empty where the system does not tell."""
    try:
        words = Path("/proc/cpuinfo").read_text().partition("flags")[2].partition("\n")[0].split()
    except OSError:
        return ""
    return " ".join(flag for flag in FLAGS if flag in words)


def _measured(encoder: "PosterEncoder", loop: ArticleLoop, images: Pixels, rounds: int) -> Rates:
    rates, threads = Rates(), os.cpu_count() or 1
    one_by_one = images[np.arange(ONE_BY_ONE) % len(images)]
    ours = images[np.arange(2 * max(ONE_BY_ONE, encoder.batch)) % len(images)]
    for _ in range(2):  # the encoder settles on its batch size
        encoder.encode(ours)
    for number in range(rounds):
        print(f"encoding, round {number + 1} of {rounds} ...", file=sys.stderr)
        rates.sgemm.append(sgemm_gflops(threads))
        rates.predict.append(len(one_by_one) / _seconds(lambda: loop.encode(one_by_one)))
        rates.ours.append(len(ours) / _seconds(lambda: encoder.encode(ours)))
    return rates


def _least_cosine(encoder: "PosterEncoder", loop: ArticleLoop, images: Pixels) -> tuple[float, str]:
    """To the reference features of the developers' data where they are, else to the loop's."""
    file = REFERENCE / "reference-features.npz"
    if not file.is_file():
        few = images[:8]
        return float(cosines(encoder.encode(few), loop.encode(few)).min()), "the loop's features"
    with np.load(file) as known:
        paths = [REFERENCE / "posters" / f"{movie_id}.jpg" for movie_id in known["movie_ids"]]
        few = np.stack([pixels(path.read_bytes(), path.name) for path in paths])
        return float(cosines(encoder.encode(few), known["bicubic"]).min()), f"{len(few)} reference features"


def _words(encoder: "PosterEncoder", rates: Rates) -> str:
    told = f"ours {spread(rates.ours)} posters/s in batches of {encoder.batch}, predict {spread(rates.predict)}"
    return (
        f"{told}, sgemm {spread(rates.sgemm, 0)} GFLOP/s, {len(rates.ours)} rounds in turn, {os.cpu_count()} threads, "
        f"{encoder.device}, {cpu_flags()}"
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _median_s(work: Callable[[], object], calls: int = 5) -> float:
    return median(_seconds(work) for _ in range(calls))
