import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from posters.batch_trial import BatchTrial
from posters.batches import GPU_SIZES
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

    made = PosterEncoder(threads=2)
    made._trial = None  # as when its batch size is known; how that is found has a test of its own
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


def test_the_best_batch_size_of_a_cpu_is_learnt_from_the_first_posters(
    encoder: "PosterEncoder", noise: Pixels, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "posters.vgg16")
    clock = iter(range(1000))  # every call takes a second, so the larger batch is the faster
    monkeypatch.setattr(encoder, "_trial", BatchTrial((2, 1), lambda: next(clock)))
    monkeypatch.setattr(encoder, "_batches", encoder._batches)
    sizes = sizes_of(encoder, monkeypatch)
    together = encoder.encode(noise)
    encoder.encode(noise)
    assert sizes == [2, 2, 2, 1, 1, 1, 1, 1, 2, 1]
    assert encoder.batch == 2
    assert [record.message for record in caplog.records] == ["encoding in batch 2 of 1: 1.0/s, 2: 2.0/s"]
    assert (cosines(together, encoder.encode(noise)) >= 0.999999).all()


def sizes_of(encoder: "PosterEncoder", monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches that the network gets from now on."""
    sizes, network = list[int](), encoder._features

    def noted(batch: Any) -> Any:
        sizes.append(len(batch))
        return network(batch)

    monkeypatch.setattr(encoder, "_features", noted)
    return sizes


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
        monkeypatch.setattr(encoder, "_trial", None)
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


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], SmallDevice]:
    """Makes the next encoder find a GPU, on which only batches up to `room` fit."""

    def plug_in(room: int) -> SmallDevice:
        device = SmallDevice(room)
        monkeypatch.setattr("posters.vgg16._prepare_device", lambda threads: "GPU:0")
        monkeypatch.setattr("posters.vgg16._gpu_name", lambda gpu: "A GPU")
        monkeypatch.setattr("posters.vgg16._network", lambda weights, dtype: device)
        return device

    return plug_in


def test_a_gpu_tries_its_batch_sizes_at_the_start_and_says_so_in_one_line(
    gpu: Callable[[int], SmallDevice], caplog: pytest.LogCaptureFixture
) -> None:
    from posters.vgg16 import PosterEncoder

    caplog.set_level(logging.INFO, "posters.vgg16")
    device = gpu(128)
    encoder = PosterEncoder()
    assert (encoder.device, str(encoder.fingerprint)[-7:]) == ("A GPU", "float16")
    assert device.sizes[0] == 1  # loads the libraries; the time is not counted
    assert set(device.sizes[1:]) == set(GPU_SIZES)
    assert encoder.batch in (32, 64, 128)
    assert [record.message.startswith("encoding in batch") for record in caplog.records] == [True]


def test_a_gpu_without_room_for_one_poster_is_a_clear_error(gpu: Callable[[int], SmallDevice]) -> None:
    from posters.vgg16 import PosterEncoder

    gpu(0)
    with pytest.raises(EncoderOutOfMemory, match="A GPU"):
        PosterEncoder()


def test_a_gpu_with_little_room_encodes_in_small_batches(gpu: Callable[[int], SmallDevice], noise: Pixels) -> None:
    from posters.vgg16 import PosterEncoder

    device = gpu(8)
    encoder = PosterEncoder()
    device.sizes.clear()
    assert encoder.encode(noise).shape == (7, FEATURES)
    assert device.sizes == [8]


def test_other_threads_in_a_process_that_already_computes_are_refused(encoder: "PosterEncoder", noise: Pixels) -> None:
    from posters.vgg16 import PosterEncoder

    encoder.encode(noise[:1])
    with pytest.raises(EncoderSetup, match="already running"):
        PosterEncoder(threads=1)
