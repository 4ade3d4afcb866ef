from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from posters.decoding import pixels
from posters.encoder import FEATURES, Encoder
from posters.errors import EncoderOutOfMemory, EncoderSetup
from posters.weights import BUNDLED_SHA256

if TYPE_CHECKING:
    from posters.vgg16 import PosterEncoder

Pixels = NDArray[np.uint8]
Features = NDArray[np.float32]
ALIKE = 0.9999  # oracle O3 of the design: the cosine of a vector with its reference


@pytest.fixture(scope="module")
def encoder() -> "PosterEncoder":
    from posters.vgg16 import PosterEncoder

    return PosterEncoder(threads=2)


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
    encoder: "PosterEncoder", reference: tuple[Pixels, Features]
) -> None:
    posters, want = reference
    got = encoder.encode(posters)
    assert got.dtype == np.float32
    assert got.shape == (8, FEATURES)
    assert (cosines(got, want) >= ALIKE).all()
    assert (got >= 0).all()
    assert 0.02 < (got > 0).mean() < 0.3  # about 10.6 % on real posters


def test_a_poster_has_the_same_features_in_every_company(encoder: "PosterEncoder", noise: Pixels) -> None:
    together = encoder.encode(noise)  # 4 + 2 + 1 on a CPU
    alone = np.concatenate([encoder.encode(noise[row : row + 1]) for row in range(len(noise))])
    assert (cosines(together, alone) >= 0.999999).all()
    assert np.array_equal(together, encoder.encode(noise))


def test_the_network_is_traced_once_for_any_number_of_posters(encoder: "PosterEncoder", noise: Pixels) -> None:
    for count in (1, 2, 3):
        encoder.encode(noise[:count])
    assert encoder._features.experimental_get_tracing_count() == 1


def test_the_order_of_the_colours_matters(encoder: "PosterEncoder") -> None:
    red, blue = np.zeros((2, 1, 224, 224, 3), dtype=np.uint8)
    red[..., 0] = blue[..., 2] = 255
    assert cosines(encoder.encode(red), encoder.encode(blue))[0] < 0.99


def test_no_posters_give_no_features(encoder: "PosterEncoder") -> None:
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
def test_other_pixels_are_refused_by_shape_and_dtype(wrong: NDArray[Any], encoder: "PosterEncoder") -> None:
    with pytest.raises(ValueError, match=r"needed are uint8 \(n, 224, 224, 3\)"):
        encoder.encode(wrong)


def test_the_fingerprint_names_weights_and_dtype(encoder: "PosterEncoder") -> None:
    kept: Encoder = encoder
    assert BUNDLED_SHA256 in str(kept.fingerprint)
    assert str(kept.fingerprint).endswith("float32" if encoder.device == "cpu" else "float16")


class SmallDevice:
    """Stands for the network on a device where only batches up to `room` fit."""

    def __init__(self, room: int) -> None:
        self.room, self.sizes = room, list[int]()

    def __call__(self, batch: Any) -> Any:
        import tensorflow as tf

        self.sizes.append(len(batch))
        if len(batch) > self.room:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return tf.zeros((len(batch), FEATURES))


@pytest.fixture
def crowded(encoder: "PosterEncoder", monkeypatch: pytest.MonkeyPatch) -> Callable[[int], SmallDevice]:
    def crowd(room: int) -> SmallDevice:
        device = SmallDevice(room)
        monkeypatch.setattr(encoder, "_features", device)
        monkeypatch.setattr(encoder, "_batches", encoder._batches)  # put back afterwards
        return device

    return crowd


def test_out_of_memory_falls_to_one_poster_at_a_time_and_stays_there(
    encoder: "PosterEncoder", noise: Pixels, crowded: Callable[[int], SmallDevice]
) -> None:
    device = crowded(1)
    assert encoder.encode(noise[:4]).shape == (4, FEATURES)
    encoder.encode(noise[:2])
    assert device.sizes[1:] == [1] * 6


def test_out_of_memory_with_one_poster_is_a_clear_error(
    encoder: "PosterEncoder", noise: Pixels, crowded: Callable[[int], SmallDevice]
) -> None:
    crowded(0)
    with pytest.raises(EncoderOutOfMemory, match="out of memory with one poster"):
        encoder.encode(noise[:4])


def test_other_threads_in_a_process_that_already_computes_are_refused(encoder: "PosterEncoder", noise: Pixels) -> None:
    from posters.vgg16 import PosterEncoder

    encoder.encode(noise[:1])
    with pytest.raises(EncoderSetup, match="already running"):
        PosterEncoder(threads=1)
