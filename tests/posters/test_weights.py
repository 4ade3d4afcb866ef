import hashlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from posters import download, weights
from posters.download import keras_weights
from posters.errors import WeightsMismatch, WeightsUnavailable
from posters.weights import BUNDLED_SHA256, layer_shapes, load_weights

Arrays = dict[str, NDArray[np.generic]]


@pytest.fixture
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """One block of one convolution, so that files of weights are small."""
    monkeypatch.setattr(weights, "BLOCKS", ((1, 4),))


def arrays() -> Arrays:
    kernel = np.arange(108, dtype=np.float32).reshape(3, 3, 3, 4)
    return {"block1_conv1.kernel": kernel, "block1_conv1.bias": np.arange(4, dtype=np.float32)}


def test_the_layers_are_those_of_vgg16() -> None:
    shapes = layer_shapes()
    assert len(shapes) == 13
    assert sum(int(np.prod(shape)) + shape[-1] for shape in shapes.values()) == 14_714_688
    assert shapes["block1_conv1"] == (3, 3, 3, 64)
    assert shapes["block5_conv3"] == (3, 3, 512, 512)


def test_the_bundled_weights_are_the_published_ones() -> None:
    loaded = load_weights("bundled")
    first = loaded.layers["block1_conv1"].kernel[0, 0, :, 0:3]
    published = [
        [0.42947057, 0.11727387, 0.03401296],
        [0.55037946, 0.02087744, 0.09883115],
        [0.48001540, -0.17269668, 0.03755771],
    ]
    assert first == pytest.approx(np.array(published), rel=1e-3)  # they are kept in float16
    last = loaded.layers["block5_conv3"]
    assert last.kernel.flat[0] == pytest.approx(0.00040788, rel=1e-3)
    assert last.bias[0] == pytest.approx(0.18837857, rel=1e-3)
    assert loaded.sha256 == BUNDLED_SHA256
    assert {layer.kernel.dtype for layer in loaded.layers.values()} == {np.dtype(np.float32)}


def test_bundled_weights_that_were_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "weights.npz"
    changed.write_bytes(weights.BUNDLED.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(weights, "BUNDLED", changed)
    with pytest.raises(WeightsMismatch, match=str(changed)) as caught:
        load_weights("bundled")
    assert caught.value.expected == BUNDLED_SHA256


@pytest.mark.usefixtures("small_network")
def test_an_npz_of_your_own_is_loaded_and_named_by_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, **arrays())
    loaded = load_weights(str(path))
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert np.array_equal(loaded.layers["block1_conv1"].kernel, arrays()["block1_conv1.kernel"])


@pytest.mark.usefixtures("small_network")
@pytest.mark.parametrize(
    ("kernel", "bias"),
    [
        ("block1_conv1/block1_conv1_W_1:0", "block1_conv1/block1_conv1_b_1:0"),
        ("model_weights/block1_conv1/block1_conv1/kernel:0", "model_weights/block1_conv1/block1_conv1/bias:0"),
    ],
)
def test_an_h5_as_keras_versions_wrote_it_is_loaded(kernel: str, bias: str, tmp_path: Path) -> None:
    path = tmp_path / "own.h5"
    with h5py.File(path, "w") as file:
        file[kernel] = arrays()["block1_conv1.kernel"]
        file[bias] = arrays()["block1_conv1.bias"]
        file["dense/kernel:0"] = np.zeros((2, 2), np.float32)
    layer = load_weights(str(path)).layers["block1_conv1"]
    assert np.array_equal(layer.kernel, arrays()["block1_conv1.kernel"])
    assert np.array_equal(layer.bias, arrays()["block1_conv1.bias"])


@pytest.mark.usefixtures("small_network")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"block1_conv1.bias": None}, r"block1_conv1\.bias is missing"),
        ({"block1_conv1.kernel": np.zeros((3, 3, 4, 3), np.float32)}, r"\(3, 3, 4, 3\).*\(3, 3, 3, 4\)"),
        ({"block1_conv1.kernel": np.zeros((3, 3, 3, 4), np.int32)}, "int32"),
        ({"block1_conv1.bias": np.array([1, np.nan, 1, 1], np.float32)}, "not finite"),
    ],
)
def test_an_incomplete_file_is_refused_and_the_array_named(
    change: dict[str, NDArray[np.generic] | None], words: str, tmp_path: Path
) -> None:
    kept = {name: array for name, array in {**arrays(), **change}.items() if array is not None}
    np.savez(tmp_path / "own.npz", **kept)
    with pytest.raises(WeightsUnavailable, match=words):
        load_weights(str(tmp_path / "own.npz"))


@pytest.mark.usefixtures("small_network")
def test_a_pickle_in_an_npz_is_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", **{"block1_conv1.kernel": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(WeightsUnavailable, match="not a readable"):
        load_weights(str(tmp_path / "own.npz"))


@pytest.mark.parametrize("name", ["own.npz", "own.h5"])
def test_a_file_that_is_something_else_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightsUnavailable, match="not a readable") as caught:
        load_weights(str(tmp_path / name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("spec", "words"), [("imagenet2", "neither"), ("/nowhere/vgg.npz", "cannot be read")])
def test_weights_that_do_not_exist_are_told_in_one_line(spec: str, words: str) -> None:
    with pytest.raises(WeightsUnavailable, match=words):
        load_weights(spec)


@pytest.fixture
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


def published(tmp_path: Path) -> tuple[str, str]:
    """Address and md5 of a stand-in for the file that Keras publishes."""
    file = tmp_path / "published.h5"
    file.write_bytes(b"the weights")
    return file.as_uri(), hashlib.md5(b"the weights", usedforsecurity=False).hexdigest()


def test_keras_file_is_downloaded_once_into_keras_cache(keras_home: Path, tmp_path: Path) -> None:
    url, md5 = published(tmp_path)
    path = keras_weights(url, md5)
    assert path == keras_home / "models" / download.FILE
    assert path.read_bytes() == b"the weights"
    assert list(path.parent.iterdir()) == [path]
    assert keras_weights("file:///nowhere", md5) == path


def test_a_download_with_another_digest_is_refused_and_not_kept(keras_home: Path, tmp_path: Path) -> None:
    url, _ = published(tmp_path)
    with pytest.raises(WeightsMismatch):
        keras_weights(url, "0" * 32)
    assert not (keras_home / "models").exists()


def test_a_cached_file_with_another_digest_is_refused(keras_home: Path, tmp_path: Path) -> None:
    url, md5 = published(tmp_path)
    keras_weights(url, md5).write_bytes(b"half the wei")
    with pytest.raises(WeightsMismatch, match=download.FILE):
        keras_weights(url, md5)


@pytest.mark.usefixtures("keras_home")
def test_without_a_network_the_error_names_the_ways_out_in_one_line() -> None:
    with pytest.raises(WeightsUnavailable, match="use `bundled`") as caught:
        keras_weights("file:///nowhere")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("keras_home")
def test_an_endless_download_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, md5 = published(tmp_path)
    monkeypatch.setattr(download, "MAX_BYTES", 5)
    with pytest.raises(WeightsUnavailable, match="more than 5 bytes"):
        keras_weights(url, md5)
