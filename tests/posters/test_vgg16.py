"""The encoder on a CPU: features are those of Keras' VGG16, in whatever company and by however many threads."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from posters import cpu_network, vgg16
from posters.decoding import pixels
from posters.encoder import FEATURES, Encoder
from posters.errors import EncoderOutOfMemory
from posters.vgg16 import PosterEncoder
from posters.weights import BUNDLED_SHA256

Pixels = NDArray[np.uint8]
Features = NDArray[np.float32]
ALIKE = 0.9999  # oracle O3 of the design: the cosine of a vector with its reference


@pytest.fixture(scope="module")
def encoder() -> PosterEncoder:
    made = PosterEncoder(threads=2)
    if made.device != "cpu":
        pytest.skip("there is a GPU here: tests/posters/test_gpu_network.py")
    return made


@pytest.fixture(scope="module")
def reference(shared_data: Path) -> tuple[Pixels, Features]:
    """Pixels of eight real posters, and their features by Keras' VGG16 with float32 weights."""
    with np.load(shared_data / "reference-features.npz") as file:
        movie_ids, features = file["movie_ids"], file["bicubic"]
    files = [shared_data / "posters" / f"{movie_id}.jpg" for movie_id in movie_ids]
    return np.stack([pixels(file.read_bytes(), file.name) for file in files]), features


@pytest.fixture(scope="module")
def noise() -> Pixels:
    return np.random.default_rng(5).integers(0, 256, (7, 224, 224, 3), dtype=np.uint8)


def cosines(one: Features, other: Features) -> Features:
    return (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


def test_features_of_real_posters_equal_those_of_keras(
    encoder: PosterEncoder, reference: tuple[Pixels, Features]
) -> None:
    posters, want = reference
    got = encoder.encode(posters)
    assert got.dtype == np.float32
    assert got.shape == (8, FEATURES)
    assert (cosines(got, want) >= ALIKE).all()
    assert (got >= 0).all()
    assert 0.02 < (got > 0).mean() < 0.3  # about 10.6 % on real posters


def test_a_poster_has_the_same_features_in_every_company(encoder: PosterEncoder, noise: Pixels) -> None:
    together = encoder.encode(noise)  # 4 + 3
    alone = np.concatenate([encoder.encode(noise[row : row + 1]) for row in range(len(noise))])
    assert (cosines(together, alone) >= 0.999999).all()
    assert np.array_equal(together, encoder.encode(noise))


def test_the_number_of_threads_changes_no_feature_that_counts(encoder: PosterEncoder, noise: Pixels) -> None:
    for threads in (1, 3):
        assert (cosines(PosterEncoder(threads=threads).encode(noise[:2]), encoder.encode(noise[:2])) >= 0.999999).all()


def test_several_threads_may_encode_at_once(encoder: PosterEncoder, noise: Pixels) -> None:
    want = encoder.encode(noise[:2])
    with ThreadPoolExecutor(3) as pool:
        for got in pool.map(encoder.encode, [noise[:2]] * 3):
            assert np.array_equal(got, want)


def test_the_order_of_the_colours_matters(encoder: PosterEncoder) -> None:
    red, blue = np.zeros((2, 1, 224, 224, 3), dtype=np.uint8)
    red[..., 0] = blue[..., 2] = 255
    assert cosines(encoder.encode(red), encoder.encode(blue))[0] < 0.99


def test_no_posters_give_no_features(encoder: PosterEncoder) -> None:
    assert encoder.encode(np.empty((0, 224, 224, 3), dtype=np.uint8)).shape == (0, FEATURES)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 224, 224, 3), np.float32),
        np.zeros((224, 224, 3), np.uint8),
        np.zeros((1, 3, 224, 224), np.uint8),
        np.zeros((1, 224, 224, 4), np.uint8),
    ],
)
def test_other_pixels_are_refused_by_shape_and_dtype(wrong: NDArray[Any], encoder: PosterEncoder) -> None:
    with pytest.raises(ValueError, match=r"needed are uint8 \(n, 224, 224, 3\)"):
        encoder.encode(wrong)


def test_the_fingerprint_names_weights_and_dtype(encoder: PosterEncoder) -> None:
    kept: Encoder = encoder
    assert BUNDLED_SHA256 in str(kept.fingerprint)
    assert str(kept.fingerprint).endswith("float32")


def test_out_of_memory_is_a_clear_error(encoder: PosterEncoder, noise: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(cpu_network, "gather", no_room)
    with pytest.raises(EncoderOutOfMemory, match="out of memory with one poster"):
        encoder.encode(noise[:1])


def test_a_machine_without_a_driver_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vgg16, "_CUDA", "libno-such-driver.so.1")
    assert vgg16._gpus() == 0


@pytest.mark.parametrize(
    ("hidden", "told"),
    [("posters.gpu_network", "TensorFlow is missing"), (None, "TensorFlow cannot use the GPU here")],
)
def test_a_gpu_that_cannot_be_used_is_named_and_the_cpu_encodes(
    hidden: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vgg16, "_gpus", lambda: 1)
    blind = SimpleNamespace(GpuNetwork=SimpleNamespace(seen=lambda: False))
    monkeypatch.setitem(sys.modules, "posters.gpu_network", None if hidden else blind)
    encoder = PosterEncoder(threads=1)
    assert encoder.device == "cpu"
    assert told in encoder.unused
    assert "pip install 'posterity[gpu]'" in encoder.unused
