"""The network of a GPU: the same network, batches that fit, and what is said when nothing fits.

There is no GPU here: TensorFlow runs it on the CPU, or a stand-in plays a device with little room.
"""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from posters import gpu_network, vgg16
from posters.batches import GPU_SIZES
from posters.cpu_network import CpuNetwork
from posters.encoder import FEATURES
from posters.errors import EncoderOutOfMemory, EncoderSetup
from posters.fingerprint import CAFFE_MEAN_BGR
from posters.gpu_network import network
from posters.vgg16 import PosterEncoder
from posters.weights import load_weights

Pixels = NDArray[np.uint8]


class SmallDevice:
    """Stands for the network on a device where only batches up to `room` fit."""

    def __init__(self, room: int) -> None:
        self.room, self.sizes = room, list[int]()

    def __call__(self, batch: Any) -> Any:
        self.sizes.append(len(batch))
        if len(batch) > self.room:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return tf.zeros((len(batch), FEATURES))


@pytest.fixture
def noise() -> Pixels:
    return np.random.default_rng(5).integers(0, 256, (7, 224, 224, 3), dtype=np.uint8)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], SmallDevice]:
    """Makes the next encoder find a GPU, on which only batches up to `room` fit."""

    def plug_in(room: int) -> SmallDevice:
        device = SmallDevice(room)
        monkeypatch.setattr(vgg16, "_gpus", lambda: 1)
        monkeypatch.setattr(gpu_network.GpuNetwork, "seen", classmethod(lambda _: True))
        monkeypatch.setattr(gpu_network, "_prepared", lambda: "A GPU")
        monkeypatch.setattr(gpu_network, "network", lambda weights, mean, dtype: device)
        return device

    return plug_in


def test_both_networks_have_the_same_features_and_tensorflow_traces_once(noise: Pixels) -> None:
    weights = load_weights()
    ours = CpuNetwork(weights, CAFFE_MEAN_BGR)(noise[:3]).astype(np.float64)
    theirs = network(weights, CAFFE_MEAN_BGR, tf.float32)
    got = np.concatenate([theirs(tf.constant(noise[:2])), theirs(tf.constant(noise[2:3]))]).astype(np.float64)
    cosines = (ours * got).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(got, axis=1)
    assert (1 - cosines <= 1e-9).all()
    assert np.allclose(ours, got, rtol=0, atol=1e-4 * got.max())
    assert theirs.experimental_get_tracing_count() == 1


def test_a_gpu_tries_its_batch_sizes_at_the_start_and_says_so_in_one_line(
    gpu: Callable[[int], SmallDevice], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "posters.gpu_network")
    device = gpu(128)
    encoder = PosterEncoder()
    assert (encoder.device, str(encoder.fingerprint)[-7:]) == ("A GPU", "float16")
    assert device.sizes[0] == 1  # loads the libraries; the time is not counted
    assert set(device.sizes[1:]) == set(GPU_SIZES)
    assert encoder.batch in (32, 64, 128)
    assert [record.message.startswith("encoding in batch") for record in caplog.records] == [True]


def test_a_gpu_without_room_for_one_poster_is_a_clear_error(gpu: Callable[[int], SmallDevice]) -> None:
    gpu(0)
    with pytest.raises(EncoderOutOfMemory, match="A GPU"):
        PosterEncoder()


def test_a_gpu_with_little_room_encodes_in_small_batches(gpu: Callable[[int], SmallDevice], noise: Pixels) -> None:
    device = gpu(8)
    encoder = PosterEncoder()
    device.sizes.clear()
    assert encoder.encode(noise).shape == (7, FEATURES)
    assert device.sizes == [8]


def test_out_of_memory_falls_to_one_poster_at_a_time_and_stays_there(
    gpu: Callable[[int], SmallDevice], noise: Pixels
) -> None:
    device = gpu(8)
    encoder = PosterEncoder()
    device.room = 1
    device.sizes.clear()
    assert encoder.encode(noise[:4]).shape == (4, FEATURES)
    encoder.encode(noise[:2])
    assert device.sizes[1:] == [1] * 6


def test_out_of_memory_with_one_poster_is_a_clear_error(gpu: Callable[[int], SmallDevice], noise: Pixels) -> None:
    device = gpu(8)
    encoder = PosterEncoder()
    device.room = 0
    with pytest.raises(EncoderOutOfMemory, match="out of memory with one poster"):
        encoder.encode(noise[:4])


def test_a_process_in_which_tensorflow_computes_already_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_late(*_: object) -> None:
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "list_physical_devices", too_late)
    with pytest.raises(EncoderSetup, match="already running"):
        gpu_network._prepared()
